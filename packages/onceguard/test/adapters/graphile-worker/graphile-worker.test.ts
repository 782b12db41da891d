import { createDatabase } from "../../support/postgres.ts";
import { dropWhenLeft } from "../drop-when-left.ts";
import { type EngineUnderTest, engineStories } from "../engine-stories.ts";

const program = new URL("./worker-process.ts", import.meta.url);

engineStories("graphile-worker", { program, open: () => open("graphile-worker") });
engineStories("graphile-worker 0.17", {
  program,
  open: () => open("graphile-worker-0-17"),
  only: ["killed", "exhausted"],
});

async function open(engine: string): Promise<EngineUnderTest> {
  const { Logger, makeWorkerUtils } = (await import(engine)) as typeof import("graphile-worker");
  const address = await createDatabase();
  const logger = new Logger(() => () => undefined);
  const utils = await makeWorkerUtils({ connectionString: address, maxPoolSize: 2, logger });
  await utils.migrate();
  const query = (text: string, values: unknown[]) =>
    utils.withPgClient(async (client) => (await client.query(text, values)).rows);
  return {
    engine,
    address,
    add: async (task, charge, attempts) => (await utils.addJob(task, charge, { maxAttempts: attempts })).id,
    state: async (_task, id) => {
      const [job] = await query(
        "SELECT attempts >= max_attempts AND locked_at IS NULL AS failed FROM graphile_worker.jobs WHERE id = $1",
        [id],
      );
      return job === undefined ? "done" : job.failed ? "failed" : "open";
    },
    // It leaves a job alone for four hours whose worker is not heard of any more.
    lapse: async (_task, id) => {
      await query("UPDATE graphile_worker._private_jobs SET locked_at = now() - interval '5 hours' WHERE id = $1", [
        id,
      ]);
    },
    // And waits for e^n seconds between tries.
    hurry: async (_task, id) => {
      await query(
        `UPDATE graphile_worker._private_jobs SET run_at = now() WHERE id = $1 AND locked_at IS NULL AND last_error NOT LIKE 'onceguard:%'`,
        [id],
      );
    },
    close: async () => {
      await utils.release();
      await dropWhenLeft(address);
    },
  };
}
