import { createDatabase } from "../../support/postgres.ts";
import { dropWhenLeft } from "../drop-when-left.ts";
import { type EngineUnderTest, engineStories } from "../engine-stories.ts";

const program = new URL("./worker-process.ts", import.meta.url);

engineStories("DBOS 5", { program, open: () => open("@dbos-inc/dbos-sdk") });
engineStories("DBOS 4", { program, open: () => open("dbos-sdk-4"), only: ["killed", "exhausted"] });

const quiet = () => undefined;
const QUIET = { info: quiet, debug: quiet, warn: quiet, error: quiet };

async function open(engine: string): Promise<EngineUnderTest> {
  const address = await createDatabase();
  const { DBOS, DBOSClient } = (await import(engine)) as typeof import("@dbos-inc/dbos-sdk");
  DBOS.setConfig({ name: "stories", systemDatabaseUrl: address, logger: QUIET, runAdminServer: false });
  await DBOS.launch(); // makes its tables
  await DBOS.shutdown({ deregister: true });
  const client = await DBOSClient.create({ systemDatabaseUrl: address });
  return {
    engine,
    address,
    add: async (queueName, charge, attempts) =>
      (await client.enqueue({ queueName, workflowName: queueName, appVersion: "1" }, charge, attempts)).workflowID,
    state: async (_queue, id) => {
      const status = (await client.retrieveWorkflow(id).getStatus())?.status;
      return status === "SUCCESS" ? "done" : status === "ERROR" ? "failed" : "open";
    },
    result: (_queue, id) => client.retrieveWorkflow(id).getResult(),
    close: async () => {
      await client.destroy();
      await dropWhenLeft(address);
    },
  };
}
