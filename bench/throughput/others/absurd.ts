import { Absurd } from "absurd-sdk";
import uncertain from "../../uncertain/contenders/absurd.ts";
import { KNOWN, PAYLOAD, unique } from "../contenders.ts";
import { poolOf } from "../pool.ts";
import { progress } from "../settings.ts";
import type { Other } from "./other.ts";

const quiet = (): void => undefined;

export const absurd: Other = {
  name: "absurd, a task of one step",
  advice: "https://earendil-works.github.io/absurd/concepts/#idempotency-keys",
  note: "A worker of 64 in the same process, asking every 50 ms (its default: 250); results are asked for with its own backoff.",

  async start(url) {
    try {
      await uncertain.prepare?.({ postgres: url, redis: "", directory: "" });
    } catch (error) {
      progress(`absurd is left out, its schema cannot be had (ABSURD_SQL names a copy): ${error}`);
      return null;
    }
    const pool = poolOf(url, 20);
    const app = new Absurd({ db: pool, log: { log: quiet, info: quiet, warn: quiet, error: quiet } });
    app.registerTask<typeof PAYLOAD>({ name: "pay" }, (payload, task) =>
      task.step("pay", async () => ({ paid: payload.amount })),
    );
    const worker = await app.startWorker({ concurrency: 64, pollInterval: 0.05 });
    const call = async (idempotencyKey: string) => {
      const { taskID } = await app.spawn("pay", { ...PAYLOAD, orderId: idempotencyKey }, { idempotencyKey });
      const { state } = await app.awaitTaskResult(taskID);
      if (state !== "completed") throw new Error(`absurd: ${state}`);
    };
    for (let n = 0; n < KNOWN; n += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => call(`known-${n + i}`)));
    }
    return {
      first: { name: this.name, operation: (n) => call(`${unique}-${n}`) },
      replay: { name: this.name, operation: (n) => call(`known-${n % KNOWN}`) },
      close: async () => {
        await worker.close();
        await pool.end();
      },
    };
  },
};
