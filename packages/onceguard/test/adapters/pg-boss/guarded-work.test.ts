import { PgBoss } from "pg-boss";
import type PgBoss11 from "pg-boss-11";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { type Boss, type BossJob, guardedWork } from "../../../src/adapters/pg-boss/index.ts";
import { createGuard, defineAction } from "../../../src/index.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { createDatabase } from "../../support/postgres.ts";
import { dropWhenLeft } from "../drop-when-left.ts";

const refund = defineAction({
  name: "refund",
  riskTier: "irreversible",
  input: z.object({ order: z.string() }),
  keyFields: ["order"],
  retry: { maxAttempts: 1 },
  execute: ({ order }) => {
    if (order === "refused") throw Object.assign(new Error("no such order"), { status: 404 });
    if (order === "lost") throw new Error("socket hang up");
    return { refunded: order };
  },
});

describe("guardedWork, in pg-boss's words", () => {
  let database: string;
  let boss: PgBoss;
  const guard = createGuard({ store: memoryStore(), sweepEvery: false, onBackgroundError: () => undefined });
  const work = { pollingIntervalSeconds: 0.5 };

  beforeAll(async () => {
    database = await createDatabase();
    boss = new PgBoss({ connectionString: database, max: 4, supervise: false, schedule: false });
    boss.on("error", () => undefined);
    await boss.start();
  });
  afterAll(async () => {
    await boss.stop({ graceful: false, close: true });
    await guard.close();
    await dropWhenLeft(database);
  });

  it("settles each job of a batch by itself", async () => {
    await boss.createQueue("dead");
    await boss.createQueue("batch", { deadLetter: "dead", retryLimit: 5 });
    const orders = ["A1", "refused", "lost", "A2"];
    const ids = await boss.insert(
      "batch",
      orders.map((order) => ({ data: { order } })),
      { returnId: true },
    );
    await guardedWork(boss, "batch", guard, refund, { parked: "1h", work: { ...work, batchSize: 4 } });
    const jobs = () => Promise.all((ids ?? []).map((id) => boss.getJobById("batch", id)));
    const states = async () => (await jobs()).map((job) => job?.state);
    await expect.poll(states).toEqual(["completed", "failed", "retry", "completed"]);
    const [first, refused, lost] = await jobs();
    expect(first?.output).toEqual({ refunded: "A1" });
    // No retry for what is refused: it is a dead letter at once, and says why.
    expect([refused?.retryCount, refused?.output]).toEqual([
      0,
      { message: expect.stringMatching(/^onceguard: .*no such order/) },
    ]);
    expect((await boss.fetch("dead"))[0]?.data).toEqual({ order: "refused" });
    // And one retry more for the one that being put off has cost.
    await expect.poll(async () => (await boss.getJobById("batch", lost?.id ?? ""))?.retryLimit).toBe(6);
    const due = (await boss.getJobById("batch", lost?.id ?? ""))?.startAfter as Date;
    expect(due.getTime() - Date.now()).toBeGreaterThan(3_000_000);
  });

  it("puts a job off as often as it takes, also one without any retries", async () => {
    let asked = 0;
    await boss.createQueue("parked", { retryLimit: 0 });
    const context = () => {
      asked++;
      return {};
    };
    const lost = () => {
      throw new Error("socket hang up");
    };
    const rule = { action: "charge", riskTier: "side_effecting", parked: "250ms", context, work } as const;
    await guardedWork(boss, "parked", guard, lost, rule);
    const id = (await boss.send("parked", { order: "A1" })) ?? "";
    await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThan(3);
    const [receipt] = await guard.receipts({ action: "charge" });
    expect(receipt).toMatchObject({ keySource: "host_call", hostScope: "pg-boss:parked", hostCallId: id });
    const decided = { decision: "happened", result: { paid: 5 }, actor: "ana", reason: "the bank has it" } as const;
    await guard.resolve(receipt?.requestId ?? "", decided);
    const job = () => boss.getJobById("parked", id);
    await expect.poll(async () => (await job())?.state, { timeout: 30_000 }).toBe("completed");
    expect((await job())?.output).toEqual({ paid: 5 });
  });

  it("keeps types, of both majors", () => {
    expectTypeOf<PgBoss>().toExtend<Boss>();
    expectTypeOf<PgBoss11>().toExtend<Boss>();
    const rule = { action: "r", riskTier: "side_effecting" } as const;
    const typed = () => {
      void guardedWork(boss, "q", guard, (data: { order: string }, job: BossJob) => data.order + job.id, rule);
      // @ts-expect-error no action's name
      void guardedWork(boss, "q", guard, (data: { order: string }) => data.order, {});
      // @ts-expect-error the adapter's own option
      void guardedWork(boss, "q", guard, refund, { work: { perJobResults: true } });
    };
    expect(typed).toBeTypeOf("function");
  });
});
