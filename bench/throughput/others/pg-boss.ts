import { randomUUID } from "node:crypto";
import { PgBoss } from "pg-boss";
import { PAYLOAD, unique } from "../contenders.ts";
import type { Other } from "./other.ts";

const QUEUE = "payments";

export const pgBoss: Other = {
  name: "pg-boss, enqueued to done",
  advice: "https://pgboss.io/api/workers",
  note: "With LISTEN/NOTIFY, batches of 64 and its burst mode. Done is when the worker's handler has returned, which is before its commit. A finished job of the same id is not run again, and its output is another query.",

  async start(url) {
    const boss = new PgBoss({ connectionString: url, max: 10, useListenNotify: true, schedule: false });
    boss.on("error", () => undefined);
    await boss.start();
    await boss.createQueue(QUEUE, { notify: true });
    const waiting = new Map<string, () => void>();
    const work = { batchSize: 64, localConcurrency: 4, burstWhenBatchFull: true };
    await boss.work(QUEUE, work, async (jobs) => {
      for (const { id } of jobs) {
        waiting.get(id)?.();
        waiting.delete(id);
      }
    });
    return {
      first: {
        name: this.name,
        operation: async (n) => {
          const id = randomUUID();
          const done = new Promise<void>((resolve) => {
            waiting.set(id, resolve);
          });
          await boss.send(QUEUE, { ...PAYLOAD, orderId: `${unique}-${n}` }, { id });
          await done;
        },
      },
      replay: null,
      close: () => boss.stop({ graceful: true, close: true, timeout: 2_000 }),
    };
  },
};
