// The program of the graphile-worker stories: a task for each side.
import { guardTask } from "../../../src/adapters/graphile-worker/index.ts";
import {
  type Charge,
  charging,
  dyingAfter,
  openGuard,
  queueOf,
  SIDES,
  type WorkerOptions,
  working,
} from "../charging.ts";

const options = JSON.parse(process.argv[2] as string) as WorkerOptions;
const { Logger, run } = (await import(options.engine)) as typeof import("graphile-worker");
const guard = await openGuard(options.store);
const { charge, rule } = charging(options.world);
const dying = dyingAfter(options.diesAfter);

const tasks = {
  plain: async (payload: unknown) => void (await charge(payload as Charge)),
  guarded: guardTask(guard, charge, rule("guarded")),
  unsettled: guardTask(guard, charge, rule("unsettled")),
};
const runner = await run({
  connectionString: options.address,
  maxPoolSize: 4,
  concurrency: 3,
  pollInterval: 100,
  minResetLockedInterval: 100,
  maxResetLockedInterval: 200,
  noHandleSignals: true,
  logger: new Logger(() => () => undefined),
  taskList: Object.fromEntries(
    SIDES.map((side) => [
      queueOf(options.story, side),
      // biome-ignore lint/suspicious/noExplicitAny: a task list has tasks of any payload
      (payload: any, helpers: any) => dying(tasks[side](payload, helpers)),
    ]),
  ),
});

working(async () => {
  await runner.stop();
  await guard.close();
});
