import { DBOS } from "@dbos-inc/dbos-sdk";
import type { Contender, Intent, Running, Said, World } from "../contender.ts";
import { isRefusal } from "../http-error.ts";
import { done, failed, keyed, LATER, PATIENCE_MS, versionOf } from "./engine/engine.ts";

const quiet = (): void => undefined;

const dbos: Contender = {
  name: "DBOS",
  version: versionOf("@dbos-inc/dbos-sdk"),
  advice: "https://docs.dbos.dev/typescript/tutorials/workflow-tutorial#workflow-ids-and-idempotency",
  needs: ["postgres"],

  async start(world: World, { postgres }): Promise<Running> {
    // Whatever calls an external API is a step: https://docs.dbos.dev/typescript/tutorials/step-tutorial
    const perform = DBOS.registerWorkflow(
      (intent: Intent) =>
        // "Steps should be idempotent" (https://docs.dbos.dev/architecture), so the provider is given a key.
        DBOS.runStep(() => world.act(intent, keyed(world, DBOS.workflowID ?? intent.id)), {
          name: "act",
          // Its default are three attempts, once they are allowed; only the first pause is shortened, from a second.
          retriesAllowed: true,
          intervalSeconds: 0.2,
          shouldRetry: (error) => !isRefusal(error),
        }),
      { name: "perform" },
    );
    DBOS.setConfig({
      name: "uncertain",
      systemDatabaseUrl: postgres,
      logger: { info: quiet, debug: quiet, warn: quiet, error: quiet },
    });
    // Recovers at once what an earlier process of this executor left pending; no lease has to run out.
    // https://docs.dbos.dev/production/workflow-recovery
    await DBOS.launch();
    return {
      // The workflow's id is the idempotency key: all deliveries of an intent share one workflow and its result.
      perform: async (intent) => {
        const handle = await DBOS.startWorkflow(perform, { workflowID: intent.id })(intent);
        return await said(handle.workflowID);
      },
      close: () => DBOS.shutdown(),
    };
  },
};

async function said(workflowID: string): Promise<Said> {
  try {
    const timeoutSeconds = PATIENCE_MS / 1_000;
    const result = await DBOS.getResult(workflowID, { timeoutSeconds, pollingIntervalMs: 100 });
    return result === null ? LATER : done(result);
  } catch (error) {
    const status = await DBOS.getWorkflowStatus(workflowID);
    if (status?.status === "ERROR") return failed(error);
    throw error; // the database is away, and the workflow may still be on its way
  }
}

export default dbos;
