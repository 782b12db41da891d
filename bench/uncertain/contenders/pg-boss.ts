import { createHash } from "node:crypto";
import { PgBoss } from "pg-boss";
import type { Contender, Intent, Running, World } from "../contender.ts";
import { done, failed, keyed, LEASE_SECONDS, polled, versionOf } from "./engine/engine.ts";

const QUEUE = "effects";

const pgBoss: Contender = {
  name: "pg-boss",
  version: versionOf("pg-boss"),
  advice: "https://pgboss.io/api/jobs",
  needs: ["postgres"],

  async start(world: World, { postgres }): Promise<Running> {
    // Looks every second (its minimum) for jobs whose worker is not heard of any more.
    const boss = new PgBoss({ connectionString: postgres, superviseIntervalSeconds: 1, monitorIntervalSeconds: 1 });
    boss.on("error", () => undefined);
    await boss.start();
    // Its default: two retries, at once. A job of a dead worker is retried when it expires (a heartbeat would take 10 s
    // at least). https://pgboss.io/api/queues
    await boss.createQueue(QUEUE, { expireInSeconds: LEASE_SECONDS });
    // Polls as often as it can be told to. https://pgboss.io/api/workers
    const polling = { pollingIntervalSeconds: 0.5, localConcurrency: 10 };
    await boss.work<Intent>(QUEUE, polling, async ([job]) => {
      if (!job) return;
      return await world.act(job.data, { ...keyed(world, job.id), signal: job.signal });
    });
    return {
      perform: async (intent) => {
        const id = jobIdOf(intent);
        await boss.send(QUEUE, intent, { id }); // null when there is a job of this id already
        return await polled(async () => {
          const [job] = await boss.findJobs(QUEUE, { id });
          if (job?.state === "completed") return done(job.output);
          return job?.state === "failed" ? failed(job.output) : undefined;
        });
      },
      close: () => boss.stop({ graceful: true, close: true, timeout: 2_000 }),
    };
  },
};

/** The ids of jobs are UUIDs. */
function jobIdOf({ id }: Intent): string {
  const hash = createHash("sha256").update(id).digest("hex");
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join("-");
}

export default pgBoss;
