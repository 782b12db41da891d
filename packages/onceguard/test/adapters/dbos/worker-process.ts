// The program of the DBOS stories: a workflow for each side, with one step.
import { type DbosLike, guardStep } from "../../../src/adapters/dbos/index.ts";
import {
  type Charge,
  charging,
  dyingAfter,
  openGuard,
  type Paid,
  queueOf,
  SIDES,
  type Side,
  type WorkerOptions,
  working,
} from "../charging.ts";

const options = JSON.parse(process.argv[2] as string) as WorkerOptions;
const { DBOS } = (await import(options.engine)) as typeof import("@dbos-inc/dbos-sdk");
const guard = await openGuard(options.store);
const { charge, rule } = charging(options.world);
const dying = dyingAfter(options.diesAfter);

// What dies has to die in the step, once its code has returned and before DBOS has recorded that.
const dyingDbos: DbosLike = {
  get workflowID() {
    return DBOS.workflowID;
  },
  get stepID() {
    return DBOS.stepID;
  },
  get stepStatus() {
    return DBOS.stepStatus;
  },
  runStep: (step, config) => DBOS.runStep(() => dying(step()), config),
};
const guarded = guardStep(dyingDbos, guard, charge, rule("guarded"));
const unsettled = guardStep(dyingDbos, guard, charge, rule("unsettled"));
const plain = (payload: Charge, maxAttempts: number): Promise<Paid> =>
  DBOS.runStep(() => dying(charge(payload)), {
    name: "charge",
    retriesAllowed: true,
    maxAttempts,
    intervalSeconds: 0.01,
  });

const sides: Record<Side, (payload: Charge, attempts: number) => Promise<unknown>> = { plain, guarded, unsettled };
for (const side of SIDES) {
  const name = queueOf(options.story, side);
  DBOS.registerWorkflow((payload: Charge, attempts: number) => sides[side](payload, attempts), { name });
}
const quiet = () => undefined;
DBOS.setConfig({
  name: "stories",
  systemDatabaseUrl: options.address,
  systemDatabasePoolSize: 4,
  applicationVersion: "1",
  logger: { info: quiet, debug: quiet, warn: quiet, error: quiet },
  runAdminServer: false,
});
await DBOS.launch();
for (const side of SIDES) await DBOS.registerQueue(queueOf(options.story, side), { minPollingIntervalMs: 100 });

working(async () => {
  await DBOS.shutdown();
  await guard.close();
});
