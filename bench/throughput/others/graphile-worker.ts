import { Logger, run } from "graphile-worker";
import { PAYLOAD, unique } from "../contenders.ts";
import type { Other } from "./other.ts";

export const graphileWorker: Other = {
  name: "graphile-worker, enqueued to done",
  advice: "https://worker.graphile.org/docs/performance#batching",
  note: "Batched as its page on performance says (local queue, completions together). Done is its own event `job:complete`, which does not wait for the commit. A finished job is deleted, so that nothing replays.",

  async start(url) {
    const waiting = new Map<string, () => void>();
    const early = new Set<string>(); // done before its id was known here
    const runner = await run({
      preset: {
        worker: {
          connectionString: url,
          maxPoolSize: 10,
          concurrentJobs: 64,
          localQueue: { size: 65 },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
          logger: new Logger(() => () => undefined),
        },
      },
      noHandleSignals: true,
      taskList: { pay: async () => undefined },
    });
    runner.events.on("job:complete", ({ job: { id } }) => {
      const done = waiting.get(id);
      if (!done) return void early.add(id);
      waiting.delete(id);
      done();
    });
    return {
      first: {
        name: this.name,
        operation: async (n) => {
          const orderId = `${unique}-${n}`;
          const { id } = await runner.addJob("pay", { ...PAYLOAD, orderId }, { jobKey: orderId });
          if (early.delete(id)) return;
          await new Promise<void>((done) => {
            waiting.set(id, done);
          });
        },
      },
      replay: null,
      close: () => runner.stop(),
    };
  },
};
