import { type Job, Queue, QueueEvents, UnrecoverableError, Worker } from "bullmq";
import type { Contender, Intent, Running, Said, World } from "../contender.ts";
import { isRefusal } from "../http-error.ts";
import { done, failed, keyed, LATER, LEASE_SECONDS, PATIENCE_MS, versionOf } from "./engine/engine.ts";

const QUEUE = "effects";

const bullmq: Contender = {
  name: "BullMQ",
  version: versionOf("bullmq"),
  advice: "https://docs.bullmq.io/patterns/idempotent-jobs",
  needs: ["redis"],

  async start(world: World, { redis }): Promise<Running> {
    const connection = { url: redis };
    const queue = new Queue<Intent>(QUEUE, {
      connection,
      // Three attempts with a backoff, as in https://docs.bullmq.io/guide/retrying-failing-jobs. Jobs are kept, which is
      // what makes their ids unique: https://docs.bullmq.io/guide/queues/auto-removal-of-jobs#what-about-idempotence
      defaultJobOptions: { attempts: 3, backoff: { type: "exponential", delay: 200 } },
    });
    const events = new QueueEvents(QUEUE, { connection });
    const worker = new Worker<Intent>(QUEUE, (job) => act(world, job), {
      connection,
      concurrency: 10,
      // A job whose lock is not renewed is given to another worker. By default only once, as it "should be a rare
      // occurrence"; here it is not, and a job would be called failed for it. https://docs.bullmq.io/guide/jobs/stalled
      maxStalledCount: 3,
      lockDuration: LEASE_SECONDS * 1_000,
      stalledInterval: 1_000,
    });
    const parts = [worker, events, queue];
    for (const part of parts) (part as NodeJS.EventEmitter).on("error", () => undefined);
    await Promise.all(parts.map((part) => part.waitUntilReady()));
    return {
      perform: async (intent) => {
        // A job with an id that exists already is ignored. https://docs.bullmq.io/guide/jobs/job-ids
        const job = await queue.add("act", intent, { jobId: `intent-${intent.id.replaceAll(":", "_")}` });
        return await said(job, events);
      },
      close: async () => {
        for (const part of parts) await part.close();
      },
    };
  },
};

async function act(world: World, job: Job<Intent>): Promise<{ readonly id: string }> {
  try {
    return await world.act(job.data, keyed(world, job.id ?? job.data.id));
  } catch (error) {
    // https://docs.bullmq.io/patterns/stop-retrying-jobs
    throw isRefusal(error) ? new UnrecoverableError(error.message) : error;
  }
}

async function said(job: Job<Intent>, events: QueueEvents): Promise<Said> {
  try {
    return done(await job.waitUntilFinished(events, PATIENCE_MS));
  } catch (error) {
    return (await job.isFailed()) ? failed(error) : LATER;
  }
}

export default bullmq;
