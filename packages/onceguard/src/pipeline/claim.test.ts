import { describe, expect, test } from "vitest";
import { settle, type TestOptions, testGuard, withVerbs } from "../../test/support/guard.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Gate } from "../core/gate.ts";
import type { Store } from "../core/ports.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { ReplayForecast } from "./claim.ts";

interface Order {
  readonly id: string;
  readonly note?: string;
}

interface Asked {
  readonly at: number;
  readonly gate: Gate | null;
  readonly token: string;
  readonly readFirst: boolean;
}

/** A guard, and everything its store was asked to claim. `trouble` may keep the store from answering. */
function watched(
  trouble: () => OnceguardError | null = () => null,
  more: Partial<ActionOptions<"pay", Order, Order, void>> = {},
  options: TestOptions = {},
) {
  const clock = fakeClock();
  const memory = memoryStore({ clock: clock.now });
  const asked: Asked[] = [];
  const store: Store = withVerbs(memory, {
    claim: async (request, readFirst) => {
      asked.push({
        at: clock.monotonicMs(),
        gate: request.gate,
        token: request.ownerToken,
        readFirst: readFirst ?? false,
      });
      const error = trouble();
      if (error) throw error;
      return memory.claim(request, readFirst);
    },
  });
  const paid: string[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    volatile: ["note"],
    ...more,
    execute: async ({ id }: Order) => void paid.push(id),
  });
  return { ...testGuard([pay], { store, clock, storeTimeout: "100ms", ...options }), memory, asked, paid };
}

const away = () => new OnceguardError("store_unavailable", "away", { applied: "unknown" });

describe("the forecast", () => {
  const after = (...saw: readonly (readonly [replay: boolean, times: number])[]): boolean => {
    const forecast = new ReplayForecast();
    for (const [replay, times] of saw) for (let n = 0; n < times; n++) forecast.saw(replay);
    return forecast.expectsReplay;
  };

  test.each([
    ["at first it expects none", [], false],
    ["one replay more than first calls is enough", [[true, 1]], true],
    [
      "as many first calls are none",
      [
        [true, 1],
        [false, 1],
      ],
      false,
    ],
    [
      "a long storm of replays is forgotten within four",
      [
        [true, 100],
        [false, 3],
      ],
      true,
    ],
    [
      "and not later",
      [
        [true, 100],
        [false, 4],
      ],
      false,
    ],
    [
      "so is a long time without",
      [
        [false, 100],
        [true, 4],
      ],
      false,
    ],
    [
      "one more than that",
      [
        [false, 100],
        [true, 5],
      ],
      true,
    ],
  ] as const)("%s", (_what, saw, expected) => {
    expect(after(...saw)).toBe(expected);
  });

  test("reads first where the last calls were replays, and writes first where they were not", async () => {
    const { guard, asked } = watched();
    for (const id of ["1", "1", "1", "1", "2", "3", "4"]) await guard.execute("pay", { id });
    // Minus one for the first, then up with each replay; above zero it reads first.
    expect(asked.map(({ readFirst }) => readFirst)).toEqual([false, false, false, true, true, true, false]);
  });

  test("is each guard's own", async () => {
    const busy = watched();
    for (const id of ["1", "1", "1", "1"]) await busy.guard.execute("pay", { id });
    const idle = watched();
    await idle.guard.execute("pay", { id: "1" });
    expect(idle.asked).toMatchObject([{ readFirst: false }]);
  });

  test("a first call after a restore is written at once, whatever was expected", async () => {
    const { guard, asked, clock } = watched();
    for (const id of ["1", "1", "1", "1"]) await guard.execute("pay", { id });
    await clock.advance(1_000);
    await guard.restore({ backupAt: clock.now() - 500, actor: "ada", reason: "disk lost" });
    await guard.execute("pay", { id: "2" });
    expect(asked.slice(-2).map(({ readFirst }) => readFirst)).toEqual([true, false]);
  });
});

describe("a claim that got no answer", () => {
  test("is asked again under its own token, and by the next call too, which writes first", async () => {
    let trouble = true;
    const { guard, asked, paid, clock } = watched(() => (trouble ? away() : null));
    expect(await settle(clock, guard.execute("pay", { id: "1" }))).toMatchObject({ status: "unavailable" });
    trouble = false;
    expect(await guard.execute("pay", { id: "1" })).toMatchObject({ status: "executed" });
    expect(new Set(asked.map(({ token }) => token)).size).toBe(1);
    expect(asked.at(-1)).toMatchObject({ readFirst: false });
    expect(paid).toEqual(["1"]);
  });

  test("reads nothing first, though replays are expected: whether it is ours only the write can tell", async () => {
    let trouble = false;
    const { guard, asked, clock } = watched(() => (trouble ? away() : null));
    for (const id of ["1", "1", "1", "1"]) await guard.execute("pay", { id });
    trouble = true;
    await settle(clock, guard.execute("pay", { id: "2" }));
    trouble = false;
    await guard.execute("pay", { id: "2" });
    expect(asked.at(-2)).toMatchObject({ readFirst: true });
    expect(asked.at(-1)).toMatchObject({ readFirst: false });
  });

  test("lends its token to one call only", async () => {
    let trouble = true;
    const { guard, asked, clock } = watched(() => (trouble ? away() : null));
    await settle(clock, guard.execute("pay", { id: "1" }));
    trouble = false;
    await guard.execute("pay", { id: "1" });
    await guard.execute("pay", { id: "1" });
    expect(asked.at(-1)?.token).not.toBe(asked.at(-2)?.token);
  });

  test("has no token to lend where the store refused for another reason than that it is away", async () => {
    let trouble: OnceguardError | null = new OnceguardError("store_unusable", "damaged");
    const { guard, asked } = watched(() => trouble);
    await expect(guard.execute("pay", { id: "1" })).rejects.toMatchObject({ code: "store_unusable" });
    trouble = null;
    await guard.execute("pay", { id: "1" });
    expect(asked).toHaveLength(2);
    expect(asked[1]?.token).not.toBe(asked[0]?.token);
  });

  test("is taken over by no call with another payload", async () => {
    let trouble = true;
    const { guard, asked, clock } = watched(() => (trouble ? away() : null));
    await settle(clock, guard.execute("pay", { id: "1" }, { requestId: "r1" }));
    trouble = false;
    await guard.execute("pay", { id: "2" }, { requestId: "r1" });
    expect(asked.at(-1)?.token).not.toBe(asked[0]?.token);
  });

  test("is not taken over by the outbox, which sends later what may be sent now", async () => {
    let trouble = true;
    const { guard, asked, clock } = watched(() => (trouble ? away() : null));
    await settle(clock, guard.execute("pay", { id: "1" }));
    const first = asked[0]?.token;
    trouble = false;
    await guard.enqueue("pay", { id: "1" });
    expect(asked.at(-1)?.token).not.toBe(first);
    // Nor has the outbox used it up.
    await settle(clock, guard.execute("pay", { id: "1" }));
    expect(asked.at(-1)?.token).toBe(first);
  });

  test("an entry of the outbox without an answer lends its token to nobody", async () => {
    let trouble = true;
    const { guard, asked, clock } = watched(() => (trouble ? away() : null));
    await expect(settle(clock, guard.enqueue("pay", { id: "1" }))).rejects.toMatchObject({ code: "store_unavailable" });
    const first = asked[0]?.token;
    trouble = false;
    await settle(clock, guard.execute("pay", { id: "1" }));
    expect(asked.at(-1)?.token).not.toBe(first);
  });
});

describe("a store that is away", () => {
  test("is asked again after growing pauses, up to half a second, until its time is over", async () => {
    const { guard, asked, clock } = watched(away, {}, { storeTimeout: "2s" });
    await settle(clock, guard.execute("pay", { id: "1" }));
    expect(asked.map(({ at }) => at)).toEqual([0, 20, 60, 140, 300, 620, 1_120, 1_620]);
  });

  test("is asked once more at the very end of its time", async () => {
    const { guard, asked, clock } = watched(away, {}, { storeTimeout: "140ms" });
    await settle(clock, guard.execute("pay", { id: "1" }));
    expect(asked.map(({ at }) => at)).toEqual([0, 20, 60, 140]);
  });
});

describe("what a claim looks at besides itself", () => {
  const gateOf = async (more: Parameters<typeof watched>[1], options: TestOptions = {}, context = {}) => {
    const { guard, asked } = watched(() => null, more, options);
    await guard.execute("pay", { id: "1" }, context);
    return asked[0]?.gate;
  };
  const record = ({ id }: Order) => `order:${id}`;

  test.each<[string, Parameters<typeof watched>[1]]>([
    ["has no record", {}],
    ["has a record and a business key", { record }],
    ["says that its repeats are meant", { record, dedupWindow: "none" }],
  ])("is nothing for an action that %s", async (_what, more) => {
    expect(await gateOf(more)).toBeNull();
  });

  test("is the queue of its record, where writes to it are serial", async () => {
    expect(await gateOf({ record, serialize: true })).toEqual({
      ...{ dedup: null, budgets: [], turn: { recordId: "order:1", placeMs: 5_000 } },
    });
  });

  test("is a window, where the action has one; the policy of the moment is bound to what is held by it", async () => {
    const gate = await gateOf({ record, dedupWindow: { window: "1h", behaviour: "hold", limit: 2 } });
    expect(gate).toMatchObject({
      ...{ turn: null, budgets: [], dedup: { recordId: "order:1", windowMs: 3_600_000, limit: 2 } },
    });
    expect(gate?.dedup?.hold).toMatchObject({ waitsFor: "approval", reasons: ["near_duplicate"], approval: null });
  });

  test("is the guard's budgets, for whom they are", async () => {
    const gate = await gateOf({}, { budgets: { maxActionsPerRun: 3 } }, { runId: "run-1" });
    expect(gate).toMatchObject({ dedup: null, turn: null, budgets: [{ name: "maxActionsPerRun", limit: 3 }] });
  });
});

describe("a record that another request works on", () => {
  test("is asked for after growing pauses, up to a tenth of a second, as long as the caller waits", async () => {
    const { guard, asked, clock, memory } = watched(() => null, { record: () => "order:1", serialize: true });
    const gate = Promise.withResolvers<void>();
    const first = watchedOther(memory, clock, gate.promise);
    void first.execute("pay", { id: "0" });
    await clock.advance(0);
    expect(await settle(clock, guard.execute("pay", { id: "1" }, { wait: 426 }))).toMatchObject({
      status: "in_progress",
    });
    const [began = 0] = asked.map(({ at }) => at);
    expect(asked.map(({ at }) => at - began)).toEqual([0, 2, 6, 14, 30, 62, 126, 226, 326, 426]);
    gate.resolve();
  });
});

/** A guard of another process, whose effect on the same record takes its time. */
function watchedOther(store: Store, clock: ReturnType<typeof fakeClock>, gate: Promise<void>) {
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    record: () => "order:1",
    serialize: true,
    execute: async (_order: Order) => gate,
  });
  return testGuard([pay], { store, clock }).guard;
}
