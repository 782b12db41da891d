import type { Queue as BullQueue } from "bullmq";
import { startRedis } from "../../support/redis.ts";
import { type EngineUnderTest, engineStories } from "../engine-stories.ts";

const program = new URL("./worker-process.ts", import.meta.url);
const missing = "redis-server is not installed";

engineStories("BullMQ 6", { program, open: () => open("bullmq"), missing });
engineStories("BullMQ 5", { program, open: () => open("bullmq-5"), missing, only: ["killed", "exhausted", "refused"] });

async function open(engine: string): Promise<EngineUnderTest | null> {
  const redis = await startRedis();
  if (redis === null) return null;
  const { Queue } = (await import(engine)) as typeof import("bullmq");
  const queues = new Map<string, BullQueue>();
  const queueNamed = (name: string): BullQueue => {
    const known = queues.get(name) ?? new Queue(name, { connection: { host: "127.0.0.1", port: redis.port } });
    queues.set(name, known);
    return known;
  };
  return {
    engine,
    address: String(redis.port),
    add: async (queue, charge, attempts) => (await queueNamed(queue).add("charge", charge, { attempts })).id ?? "",
    state: async (queue, id) => {
      const state = await queueNamed(queue).getJobState(id);
      return state === "completed" ? "done" : state === "failed" ? "failed" : "open";
    },
    result: async (queue, id) => (await queueNamed(queue).getJob(id))?.returnvalue,
    close: async () => {
      for (const queue of queues.values()) await queue.close();
      await redis.stop();
    },
  };
}
