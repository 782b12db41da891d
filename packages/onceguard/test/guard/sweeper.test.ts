import { mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ActionOptions, defineAction } from "../../src/core/action.ts";
import { OnceguardError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { type FakeClock, fakeClock } from "../../src/testing/fake-clock.ts";
import { type TestOptions, testGuard, withVerbs } from "../support/guard.ts";

interface Order {
  readonly id: string;
}
type Options = Partial<ActionOptions<"pay", Order, Order, unknown>>;

const away = () => new OnceguardError("store_unavailable", "away", { applied: "no" });
const lost = () => {
  throw new Error("socket hang up");
};

function desk(
  more: Options = {},
  behave: () => unknown = () => "paid",
  { verbs, ...options }: TestOptions & { verbs?: (memory: Store, clock: FakeClock) => Partial<Store> } = {},
) {
  const clock = fakeClock();
  const memory = memoryStore({ clock: clock.now });
  const reported: unknown[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    ...more,
    execute: async (_order: Order) => behave(),
  });
  const store = verbs ? withVerbs(memory, verbs(memory, clock)) : memory;
  const made = testGuard([pay], {
    clock,
    store,
    grace: "1s",
    storeTimeout: "100ms",
    onBackgroundError: (error) => reported.push(error),
    ...options,
  });
  return { ...made, memory, reported, pay };
}

describe("the sweeper", () => {
  test("makes one pass at a time, however slow the store is, and none once the guard closes", async () => {
    let running = 0;
    let most = 0;
    let passes = 0;
    const { guard, clock, settle } = desk({}, undefined, {
      sweepEvery: "1s",
      verbs: (memory, clock) => ({
        due: async (query) => {
          passes += 1;
          most = Math.max(most, ++running);
          await clock.sleep(2_500);
          running -= 1;
          return memory.due(query);
        },
      }),
    });
    await guard.receipts();
    await clock.advance(10_000);
    expect([most, passes]).toEqual([1, 4]);
    await settle(guard.close());
    const before = passes;
    await clock.advance(10_000);
    expect(passes).toBe(before);
  });

  test.each([
    ["is away is asked again next time, and nobody is told", away(), []],
    [
      "has another trouble is asked again, too, and that is reported",
      new OnceguardError("store_unusable", "damaged"),
      [{ code: "store_unusable" }],
    ],
  ])("whose store %s", async (_what, error, told) => {
    let failing = true;
    let passes = 0;
    const { guard, clock, reported } = desk({}, undefined, {
      sweepEvery: "1s",
      verbs: (memory) => ({
        due: async (query) => {
          passes += 1;
          if (failing) throw error;
          return memory.due(query);
        },
      }),
    });
    await guard.receipts();
    await clock.advance(1_000);
    failing = false;
    await clock.advance(1_000);
    expect(passes).toBeGreaterThan(1);
    expect(reported).toMatchObject(told);
  });

  test("tells people in the same pass what it has found out", async () => {
    const told: string[] = [];
    const { guard, clock } = desk({}, lost, {
      sweepEvery: "1s",
      notify: { operator: { name: "test", deliver: async ({ kind }) => void told.push(kind) } },
    });
    await guard.execute("pay", { id: "1" });
    await clock.advance(1_000);
    expect(told).toEqual(["review"]);
  });

  test("carries the others on while an effect is slow, and never makes that one twice", async () => {
    const gate = Promise.withResolvers<string>();
    const sent: string[] = [];
    const clock = fakeClock();
    const order = <Name extends string>(name: Name, behave: () => unknown) =>
      defineAction({
        name,
        riskTier: "side_effecting",
        keyFields: ["id"],
        timeout: "1h",
        execute: async ({ id }: Order) => {
          sent.push(`${name} ${id}`);
          return behave();
        },
      });
    const actions = [order("slow", () => gate.promise), order("quick", () => "done")] as const;
    const { guard } = testGuard(actions, { clock, store: memoryStore({ clock: clock.now }), sweepEvery: "5s" });
    await guard.enqueue("slow", { id: "1" });
    await clock.advance(5_000);
    await guard.enqueue("quick", { id: "2" });
    await clock.advance(60_000);
    expect(sent).toEqual(["slow 1", "quick 2"]);
    gate.resolve("late");
    await clock.advance(5_000);
    expect((await guard.receipts({ states: ["succeeded"] })).length).toBe(2);
    expect(sent).toHaveLength(2);
  });

  test("carries requests on while somebody is slow to be told, and closes without waiting for that", async () => {
    const told: string[] = [];
    const deliver = ({ requestId }: { requestId: string | null }) => {
      told.push(requestId ?? "");
      return new Promise<void>(() => undefined);
    };
    const { guard, clock, settle, reported } = desk({}, lost, {
      sweepEvery: "1s",
      notify: { operator: { name: "test", deliver } },
    });
    const first = await guard.execute("pay", { id: "1" });
    await clock.advance(1_000);
    const second = await guard.execute("pay", { id: "2" });
    await clock.advance(1_000);
    expect(told).toEqual([first.requestId]);
    expect(await guard.receipt(second.requestId)).toMatchObject({ state: "review" });
    // It is not waited for for ever, and then the next one is told as well.
    await clock.advance(60_000);
    expect(told).toContain(second.requestId);
    expect(reported).toMatchObject([{ code: "notification_failed", fields: { notifier: "test" } }]);
    const before = clock.monotonicMs();
    await settle(guard.close());
    expect(clock.monotonicMs() - before).toBeLessThanOrEqual(2_000);
  });

  test("leaves alone what a call of this process works on", async () => {
    const gate = Promise.withResolvers<string>();
    const { guard, clock, settle } = desk({}, () => gate.promise);
    const call = guard.execute("pay", { id: "1" });
    await clock.advance(0);
    const [running] = await guard.receipts({});
    expect(await guard.reconcile(running?.requestId as string)).toMatchObject({ status: "in_progress" });
    expect(await guard.reconcile()).toEqual({ moved: [], left: [] });
    gate.resolve("paid");
    expect(await settle(call)).toMatchObject({ status: "executed" });
  });

  test("settles the case of what a probe has found out", async () => {
    let asked = 0;
    const probe = () => (++asked === 1 ? { answer: "cannot_tell" } : { answer: "happened", result: null }) as never;
    const { guard, memory, clock } = desk({ case: () => ({ id: "match:1", outcome: "ann" }), probe }, lost);
    await guard.case("match:1").signal({ id: "s", source: "ref", outcome: "ann", confidence: 1, at: 1 });
    const { requestId } = await guard.execute("pay", { id: "1" }, { wait: 0 });
    await clock.advance(60_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded", evidence: "probe" });
    expect((await memory.findCase("default", "match:1"))?.case).toMatchObject({
      state: "SETTLED",
      settledBy: requestId,
    });
  });

  test("says what it has moved and what it could not, each once", async () => {
    const { guard, clock } = desk({ retry: { base: "1s", cap: "1s", maxAttempts: 2 } }, () => {
      throw Object.assign(new Error("busy"), { status: 429 });
    });
    const { requestId } = await guard.execute("pay", { id: "1" }, { wait: 0 });
    await clock.advance(1_000);
    expect(await guard.reconcile()).toMatchObject({ moved: [{ requestId, state: "review" }], left: [] });
    expect(await guard.reconcile()).toEqual({ moved: [], left: [] });
  });
});

describe("what was spilled", () => {
  /** An outcome on the disk, and whoever finds it. */
  const spilled = async (
    behave: () => unknown = () => "paid",
    verbs: (memory: Store) => Partial<Store> = () => ({}),
  ) => {
    const spill = join(mkdtempSync(join(tmpdir(), "onceguard-sweeper-")), "a", "b");
    let gone = false;
    const first = desk(
      {},
      () => {
        gone = true;
        return behave();
      },
      {
        spill,
        verbs: (memory) => ({
          apply: async (change) => {
            if (gone) throw away();
            return memory.apply(change);
          },
        }),
      },
    );
    const outcome = await first.settle(first.guard.execute("pay", { id: "1" }));
    const reported: unknown[] = [];
    const next = testGuard([first.pay], {
      ...{ spill, clock: first.clock, store: withVerbs(first.memory, verbs(first.memory)), storeTimeout: "100ms" },
      onBackgroundError: (error) => reported.push(error),
    });
    return { ...next, spill, reported, memory: first.memory, requestId: outcome.requestId };
  };

  test("lies where only its owner can read it", async () => {
    const { spill } = await spilled();
    const [file = ""] = readdirSync(spill);
    expect([statSync(spill).mode & 0o777, statSync(join(spill, file)).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  test("of a failure becomes a line of the log, with what failed", async () => {
    const { guard, spill, requestId } = await spilled(() => {
      throw Object.assign(new Error("declined"), { status: 402 });
    });
    await guard.reconcile();
    const line = (await guard.log(requestId)).at(-1);
    expect(line).toMatchObject({ event: "late_failure", fencingToken: 1 });
    expect(JSON.parse(line?.detail ?? "")).toMatchObject({ failure: { code: "http_402" } });
    expect([readdirSync(spill), (await guard.receipt(requestId))?.state]).toEqual([[], "running"]);
  });

  test("of a result that could not be kept is a success without one", async () => {
    const { guard, requestId } = await spilled(() => 1n);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ evidence: "late", result: { omitted: "not_json" } });
  });

  test("of nothing is a success with nothing", async () => {
    const { guard, requestId } = await spilled(() => undefined);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ evidence: "late", result: null });
  });

  test("waits for a store that is away, and is no news", async () => {
    const { guard, spill, reported, settle } = await spilled(undefined, () => ({ find: () => Promise.reject(away()) }));
    await settle(guard.reconcile());
    expect([readdirSync(spill).length, reported]).toEqual([1, []]);
  });

  test("stays, and is reported, where the store has another trouble", async () => {
    const { guard, spill, reported } = await spilled(undefined, () => ({
      find: () => Promise.reject(new OnceguardError("store_unusable", "damaged")),
    }));
    await guard.reconcile();
    expect(readdirSync(spill)).toHaveLength(1);
    expect(reported).toMatchObject([{ code: "store_unusable" }, { code: "store_unusable" }]);
  });

  test("about a request that the store does not know stays, and is no news", async () => {
    const { guard, spill, reported } = await spilled(undefined, () => ({ find: async () => null }));
    await guard.reconcile();
    expect([readdirSync(spill).length, reported]).toEqual([1, []]);
  });

  test("is told from other files beside it", async () => {
    const { guard, spill } = await spilled();
    writeFileSync(join(spill, "README"), "{}");
    await guard.reconcile();
    expect(readdirSync(spill)).toEqual(["README"]);
  });

  test("that cannot be written is reported, and the caller is told all the same", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "onceguard-sweeper-")), "file");
    writeFileSync(file, "");
    let gone = false;
    const { guard, settle, reported } = desk({}, () => (gone = true), {
      spill: join(file, "spill"),
      verbs: (memory) => ({
        apply: async (change) => {
          if (gone) throw away();
          return memory.apply(change);
        },
      }),
    });
    expect(await settle(guard.execute("pay", { id: "1" }))).toMatchObject({ status: "in_doubt", result: true });
    expect(reported).toMatchObject([{ code: "ENOTDIR" }]);
  });
});
