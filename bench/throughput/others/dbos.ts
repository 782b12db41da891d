import { DBOS } from "@dbos-inc/dbos-sdk";
import { KNOWN, PAYLOAD, unique } from "../contenders.ts";
import type { Other } from "./other.ts";

const quiet = (): void => undefined;

export const dbos: Other = {
  name: "DBOS, a workflow of one step",
  advice: "https://docs.dbos.dev/typescript/tutorials/workflow-tutorial#workflow-ids-and-idempotency",
  note: "The id of the workflow is the idempotency key.",

  async start(url) {
    const pay = DBOS.registerWorkflow(
      (payload: typeof PAYLOAD) => DBOS.runStep(async () => ({ paid: payload.amount }), { name: "pay" }),
      { name: "pay" },
    );
    DBOS.setConfig({
      name: "bench",
      systemDatabaseUrl: url,
      runAdminServer: false,
      logger: { info: quiet, debug: quiet, warn: quiet, error: quiet },
    });
    await DBOS.launch();
    const call = async (workflowID: string) => {
      const handle = await DBOS.startWorkflow(pay, { workflowID })({ ...PAYLOAD, orderId: workflowID });
      return handle.getResult();
    };
    for (let n = 0; n < KNOWN; n += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, i) => call(`known-${n + i}`)));
    }
    return {
      first: { name: this.name, operation: (n) => call(`${unique}-${n}`) },
      replay: { name: this.name, operation: (n) => call(`known-${n % KNOWN}`) },
      close: () => DBOS.shutdown(),
    };
  },
};
