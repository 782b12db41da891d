import { Logger, makeWorkerUtils, run } from "graphile-worker";
import type { Contender, Intent, Running, World } from "../contender.ts";
import { done, failed, keyed, polled, poolOf, versionOf } from "./engine/engine.ts";

const logger = new Logger(() => () => undefined);

const graphileWorker: Contender = {
  name: "graphile-worker",
  version: versionOf("graphile-worker"),
  advice: "https://worker.graphile.org/docs/job-key",
  needs: ["postgres"],

  async start(world: World, { postgres: connectionString }): Promise<Running> {
    const pool = poolOf(connectionString);
    const utils = await makeWorkerUtils({ connectionString, logger });
    await utils.migrate();
    // The jobs of a killed worker stay locked for four hours, which is fixed; whoever knows that it is dead, as this
    // supervisor does, may unlock them. https://worker.graphile.org/docs/error-handling#instantaneous-exit
    const locked = await pool.query("SELECT DISTINCT locked_by FROM graphile_worker.jobs WHERE locked_by IS NOT NULL");
    await utils.forceUnlockWorkers(locked.rows.map((job: { locked_by: string }) => job.locked_by));
    const runner = await run({
      connectionString,
      logger,
      concurrency: 5,
      pollInterval: 100,
      noHandleSignals: true,
      taskList: {
        perform: async (payload) => {
          const intent = payload as Intent;
          await world.act(intent, keyed(world, intent.id));
        },
      },
    });
    return {
      perform: async (intent) => {
        // The one mode that leaves a job alone that is running or has failed. "There is no permanent job_key log": what
        // is delivered again after it was done is a new job. https://worker.graphile.org/docs/job-key#job_key-caveats
        const key = { jobKey: intent.id, jobKeyMode: "unsafe_dedupe" } as const;
        // 25 attempts by default, over three days; the pauses between them (2.7 s, 7.4 s, ...) cannot be set.
        const { id } = await utils.addJob("perform", intent, { ...key, maxAttempts: 3 });
        return await polled(async () => {
          const { rows } = await pool.query("SELECT * FROM graphile_worker.jobs WHERE id = $1", [id]);
          const [job] = rows as {
            attempts: number;
            max_attempts: number;
            locked_at: Date | null;
            last_error: string;
          }[];
          if (!job) return done(null); // deleted, hence done; there is no result
          return job.attempts >= job.max_attempts && !job.locked_at ? failed(job.last_error) : undefined;
        });
      },
      close: async () => {
        await runner.stop();
        await utils.release();
        await pool.end();
      },
    };
  },
};

export default graphileWorker;
