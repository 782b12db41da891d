import { describe, expect, test } from "vitest";
import { type ActionOptions, defineAction } from "../../src/core/action.ts";
import type { Store } from "../../src/core/ports.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { testGuard, withVerbs } from "../support/guard.ts";

interface Order {
  readonly id: string;
  readonly note?: string;
}
type Options = Partial<ActionOptions<"pay", Order, Order, unknown>>;

const BY = { actor: "ada", reason: "disk lost" };

function shop(more: Options = {}, verbs: (memory: Store) => Partial<Store> = () => ({})) {
  const clock = fakeClock();
  const memory = memoryStore({ clock: clock.now });
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    volatile: ["note"],
    ...more,
    execute: async (_order: Order) => "paid",
  });
  const store = withVerbs(memory, verbs(memory));
  return { ...testGuard([pay], { store, clock }), memory, pay };
}

describe("a restore", () => {
  const queued = async (guard: ReturnType<typeof shop>["guard"], count: number) => {
    for (let n = 0; n < count; n++) await guard.enqueue("pay", { id: `${n}` });
  };

  test("reads what was open in pages, to the last one", async () => {
    const { guard, clock } = shop();
    await queued(guard, 501);
    await clock.advance(1_000);
    expect(await guard.restore({ backupAt: clock.now() - 500, ...BY })).toMatchObject({ doubted: 501 });
    expect(await guard.receipts({ states: ["in_doubt"], limit: 1_000 })).toHaveLength(501);
  });

  test("may be of a backup of this very moment", async () => {
    const { guard, clock } = shop();
    expect(await guard.restore({ backupAt: new Date(clock.now()), ...BY })).toMatchObject({ epoch: { number: 1 } });
    await expect(guard.restore({ backupAt: clock.now() + 1, ...BY })).rejects.toMatchObject({
      fields: { option: "backupAt", value: String(clock.now() + 1) },
    });
  });

  test("does not doubt an effect in the database that was restored with it", async () => {
    const { guard, clock } = shop({ transaction: true });
    const { requestId } = await guard.enqueue("pay", { id: "1" });
    await clock.advance(1_000);
    expect(await guard.restore({ backupAt: clock.now() - 500, ...BY })).toMatchObject({ doubted: 0 });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "retry_wait" });
  });

  test("does not doubt what has begun since, nor counts what somebody else was faster with", async () => {
    const clock = fakeClock();
    const memory = memoryStore({ clock: clock.now });
    const { pay } = shop();
    const other = testGuard([pay], { store: memory, clock });
    const tried: number[] = [];
    let isFirst = true;
    const store = withVerbs(memory, {
      list: async (query) => {
        if (isFirst) {
          isFirst = false;
          await clock.advance(1);
          await other.guard.enqueue("pay", { id: "new" });
        }
        return memory.list(query);
      },
      apply: async (change) => {
        tried.push(change.from.createdAt);
        return { kind: "stale", receipt: change.from };
      },
    });
    const { guard } = testGuard([pay], { store, clock });
    await other.guard.enqueue("pay", { id: "old" });
    await clock.advance(1_000);
    expect(await guard.restore({ backupAt: clock.now() - 500, ...BY })).toMatchObject({ doubted: 0 });
    expect(tried).toHaveLength(1);
    const fresh = (await memory.list({ limit: 9 })).find(({ createdAt }) => createdAt === clock.now());
    expect(fresh).toMatchObject({ state: "retry_wait" });
  });
});

describe("retention", () => {
  const settled = async (guard: ReturnType<typeof shop>["guard"], count: number, tenant = "default") => {
    for (let n = 0; n < count; n++) await guard.execute("pay", { id: `${n}` }, { tenant });
  };

  test("goes on page by page, and tells how far it is", async () => {
    const { guard, clock } = shop();
    await settled(guard, 3);
    await clock.advance(1_000);
    const told: number[] = [];
    expect(await guard.expire({ olderThan: "1ms", batch: 1, onProgress: (n) => told.push(n) })).toEqual({ expired: 3 });
    expect(told).toEqual([1, 2, 3, 3]);
  });

  test.each([0, 1.5, Number.NaN])("a page of %s is none", async (batch) => {
    const { guard } = shop();
    await expect(guard.expire({ olderThan: "1ms", batch })).rejects.toMatchObject({
      code: "invalid_option",
      fields: { option: "batch" },
    });
  });

  test("counts what it has forgotten itself", async () => {
    const { guard, clock } = shop({}, (memory) => ({
      apply: async (change) =>
        change.event === "expire" ? { kind: "stale", receipt: change.from } : memory.apply(change),
    }));
    await settled(guard, 2);
    await clock.advance(1_000);
    expect(await guard.expire({ olderThan: "1ms" })).toEqual({ expired: 0 });
  });

  test("of two rules the first that fits counts, also one for a whole tenant", async () => {
    const { guard, clock } = shop();
    await settled(guard, 1, "acme");
    await settled(guard, 1, "other");
    await clock.advance(1_000);
    const rules = [{ tenant: "acme", after: "never" }, { after: "1ms" }] as const;
    expect(await guard.expire({ rules })).toEqual({ expired: 1 });
    expect(await guard.receipts({ tenant: "acme" })).toMatchObject([{ state: "succeeded" }]);
    expect(await guard.receipts({ tenant: "other" })).toMatchObject([{ state: "expired" }]);
  });

  test("leaves a tombstone that answers, is compared, and tells of no drift", async () => {
    const { guard, clock } = shop();
    const { requestId } = await guard.execute("pay", { id: "1", note: "a" });
    await clock.advance(1_000);
    await guard.expire({ olderThan: "1ms" });
    expect(await guard.execute("pay", { id: "1", note: "b" })).toMatchObject({ status: "expired" });
    expect(await guard.execute("pay", { id: "2" }, { requestId })).toBeDefined();
    expect((await guard.log(requestId)).map(({ event }) => event)).not.toContain("drift");
  });
});

test("drift names the fields that hold prose, and the call that brought it", async () => {
  const { guard } = shop();
  const { requestId } = await guard.execute("pay", { id: "1", note: "a" }, { actor: "agent-1" });
  await guard.execute("pay", { id: "1", note: "b" }, { actor: "agent-2" });
  const drift = (await guard.log(requestId)).find(({ event }) => event === "drift");
  expect(drift).toMatchObject({ actor: "agent-2", cause: "replanned" });
  expect(JSON.parse(drift?.detail ?? "")).toEqual({ fields: ["note"] });
});
