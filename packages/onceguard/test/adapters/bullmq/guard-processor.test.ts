import { type Job, Queue, Worker } from "bullmq";
import type { Job as Job5 } from "bullmq-5";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { effectContext, type GuardedProcessor, guardProcessor } from "../../../src/adapters/bullmq/index.ts";
import { createGuard, defineAction } from "../../../src/index.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { type RedisServer, startRedis } from "../../support/redis.ts";

interface Refund {
  readonly order: string;
}

const refund = defineAction({
  name: "refund",
  riskTier: "irreversible",
  input: z.object({ order: z.string() }),
  keyFields: ["order"],
  execute: ({ order }) => ({ refunded: order }),
});

describe("guardProcessor, in BullMQ's words", () => {
  let redis: RedisServer | null;
  const closing: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
    await redis?.stop();
  });

  /** A queue of its own, and a worker whose guard never sweeps. */
  function queueOf(name: string, make: (guard: ReturnType<typeof newGuard>) => GuardedProcessor<unknown, Job>) {
    const connection = { host: "127.0.0.1", port: (redis as RedisServer).port };
    const guard = newGuard();
    const queue = new Queue(name, { connection });
    const worker = new Worker(name, make(guard), { connection });
    closing.push(
      () => queue.close(),
      () => guard.close(),
      () => worker.close(),
    );
    const state = async (id: string | undefined) => (await queue.getJob(id ?? ""))?.getState();
    return { queue, guard, state };
  }
  const newGuard = () => createGuard({ store: memoryStore(), sweepEvery: false, onBackgroundError: () => undefined });

  it("takes an action, and keeps its result with the job", async ({ skip }) => {
    if (!redis) return skip("redis-server is not installed");
    const { queue, state } = queueOf("action", (guard) => guardProcessor(guard, refund));
    const [first, again] = await Promise.all([queue.add("r", { order: "A1" }), queue.add("r", { order: "A1" })]);
    for (const { id } of [first, again]) await expect.poll(() => state(id)).toBe("completed");
    for (const { id } of [first, again]) {
      expect((await queue.getJob(id ?? ""))?.returnvalue).toEqual({ refunded: "A1" });
    }
  });

  it("puts a job off as often as it takes, and that costs no attempt", async ({ skip }) => {
    if (!redis) return skip("redis-server is not installed");
    let asked = 0;
    const lost = () => {
      throw new Error("socket hang up");
    };
    const { queue, guard, state } = queueOf("parked", (guard) =>
      guardProcessor(guard, lost, {
        action: "charge",
        riskTier: "side_effecting",
        parked: "250ms",
        context: () => {
          asked++;
          return {};
        },
      }),
    );
    const { id } = await queue.add("r", { order: "A1" }); // one attempt, as is BullMQ's default
    await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThan(3);
    const job = await queue.getJob(id ?? "");
    expect([await state(id), job?.attemptsMade]).toEqual([expect.stringMatching(/delayed|active/), 0]);
    const [receipt] = await guard.receipts();
    expect(receipt).toMatchObject({
      keySource: "host_call",
      hostScope: "bullmq:bull:parked",
      hostCallId: `1@${job?.timestamp}`, // BullMQ begins at 1 again when its Redis has been emptied
    });
    const decided = { decision: "did_not_happen", actor: "ana", reason: "the bank has nothing" } as const;
    await guard.resolve(receipt?.requestId ?? "", decided);
    await expect.poll(() => state(id), { timeout: 30_000 }).toBe("failed");
    expect((await queue.getJob(id ?? ""))?.failedReason).toMatch(/^onceguard: failed: /);
  });

  it("fails for good what will never be done, and says why", async ({ skip }) => {
    if (!redis) return skip("redis-server is not installed");
    const { queue, state } = queueOf("never", (guard) => guardProcessor(guard, refund));
    const { id } = await queue.add("r", { order: 7 }, { attempts: 5, jobId: "refund-7" });
    await expect.poll(() => state(id), { timeout: 30_000 }).toBe("failed");
    const job = await queue.getJob(id ?? "");
    expect([job?.attemptsMade, job?.failedReason]).toEqual([1, expect.stringContaining("payload_invalid")]);
  });

  it("keeps types, of both majors", () => {
    const guard = newGuard();
    closing.push(() => guard.close());
    const byAction = guardProcessor(guard, refund);
    expectTypeOf(byAction).returns.resolves.toEqualTypeOf<{ refunded: string } | undefined>();
    const rule = { action: "r", riskTier: "side_effecting" } as const;
    const byHandler = guardProcessor(guard, (data: Refund, job: Job<Refund>) => [data.order, job.id] as const, rule);
    expectTypeOf(byHandler).parameter(0).toEqualTypeOf<Job<Refund>>();
    expectTypeOf(byHandler).returns.resolves.toEqualTypeOf<readonly [string, string | undefined] | undefined>();
    const five = guardProcessor(guard, (_: Refund, job: Job5<Refund>) => job.data.order, { ...rule, action: "r5" });
    expectTypeOf(five).parameter(0).toEqualTypeOf<Job5<Refund>>();
    expect(() => effectContext()).toThrow(expect.objectContaining({ code: "no_effect_running" }));
  });
});
