import { describe, expect, test } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

// What a radius says about each request: its place among others on the record, and what keeps it from being undone.

interface Step {
  readonly id: string;
  readonly record?: string;
  readonly as?: "lost" | "busy once";
}
type Options = Partial<ActionOptions<"step", Step, Step, unknown>>;

function world(more: Options = {}) {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const seen = new Set<string>();
  const step = (options: Options) =>
    defineAction<"step", unknown, Step>({
      name: "step",
      riskTier: "side_effecting",
      keyFields: ["id"],
      record: ({ record = "r" }) => record,
      before: () => ({ n: seen.size }),
      after: () => ({ n: seen.size }),
      retry: { base: "1s", cap: "1s" },
      compensate: () => undefined,
      execute: ({ id, as }) => {
        if (as === "busy once" && !seen.has(id)) {
          seen.add(id);
          throw Object.assign(new Error("busy"), { status: 429 });
        }
        seen.add(id);
        if (as === "lost") throw new Error("socket hang up");
      },
      ...options,
    });
  const process = (options: Options) => testGuard([step({ ...more, ...options })], { clock, store });
  const made = process({});
  const run = async (payload: Step) => (await made.settle(made.guard.execute("step", payload))).requestId;
  return { ...made, process, run };
}

const BY = { actor: "ada", reason: "wrong rule" };

describe("what came later on a record", () => {
  test("counts from when the effect was known, and not from when it was tried", async () => {
    const { run, guard } = world();
    const first = await run({ id: "1", as: "lost" });
    const second = await run({ id: "2" });
    await guard.evidence(first, { answer: "happened", source: "a webhook" });
    const { rows } = await guard.blastRadius({});
    expect(rows).toMatchObject([{ receipt: { requestId: first }, later: [] }, { receipt: { requestId: second } }]);
    const [one, two] = rows;
    expect(one?.place).toBeGreaterThan(two?.place ?? 0);
  });

  test("is not what the request itself has done since, and of others their first attempt", async () => {
    const { run, guard, clock } = world();
    await run({ id: "1", as: "lost" });
    await clock.advance(1_000);
    const at = clock.now();
    const second = await run({ id: "2", as: "busy once" });
    expect((await guard.blastRadius({})).rows).toMatchObject([
      { certainty: "may_have_happened", later: [{ requestId: second, at }] },
      { later: [] },
    ]);
  });

  test("is only what is on the same record, of which there may be none", async () => {
    const { run, guard } = world({ record: undefined as never });
    await run({ id: "1" });
    await run({ id: "2" });
    const { rows } = await guard.blastRadius({});
    expect(rows.map(({ later }) => later)).toEqual([[], []]);
  });

  test("is listed up to twenty", async () => {
    const { run, guard } = world();
    for (let n = 0; n < 23; n++) await run({ id: `${n}` });
    const { rows } = await guard.blastRadius({});
    expect(rows.map(({ later }) => later.length)).toEqual([
      20,
      20,
      20,
      ...Array.from({ length: 20 }, (_, n) => 19 - n),
    ]);
  });
});

test("undoing is not in the radius of anything, unless it is asked for", async () => {
  const { run, guard, settle } = world();
  await run({ id: "1" });
  const { plan, token } = await guard.blastRadius({});
  const { runId } = await settle(guard.correct(plan, { ...BY, token }));
  expect((await guard.blastRadius({ runId })).rows).toEqual([]);
  const [again] = (await guard.blastRadius({})).rows;
  expect(again).toMatchObject({
    receipt: { action: "step", state: "compensated" },
    later: [],
    obstacle: "already_undone",
  });
  expect((await guard.blastRadius({ action: "step~undo" })).rows).toMatchObject([{ receipt: { runId } }]);
});

test("however many there are, all are found, each once", async () => {
  const { run, guard } = world();
  for (let n = 0; n < 501; n++) await run({ id: `${n}`, record: `r${n}` });
  const { rows } = await guard.blastRadius({});
  expect(new Set(rows.map(({ receipt }) => receipt.requestId)).size).toBe(501);
  expect(rows).toHaveLength(501);
});

describe("what keeps an effect from being undone", () => {
  test("is that nothing says how", async () => {
    const { run, process, guard } = world();
    await run({ id: "1" });
    const { guard: other } = process({ compensate: undefined as never });
    expect((await other.blastRadius({})).rows).toMatchObject([{ obstacle: "no_compensate" }]);
    expect((await guard.blastRadius({})).rows).toMatchObject([{ obstacle: null }]);
  });

  test("is first that nobody knows yet whether it happened", async () => {
    const { run, process } = world();
    await run({ id: "1", as: "lost" });
    const { guard } = process({ compensate: undefined as never });
    expect((await guard.blastRadius({})).rows).toMatchObject([{ obstacle: "not_settled" }]);
  });

  test("is that its code is not here", async () => {
    const { run, store } = world();
    await run({ id: "1" });
    const { guard } = testGuard([], { store });
    expect((await guard.blastRadius({})).rows).toMatchObject([{ obstacle: "not_registered" }]);
  });

  test("a state that was not read is left out, and is not null", async () => {
    const { run, guard } = world({ before: undefined as never, after: undefined as never });
    await run({ id: "1" });
    const [row] = (await guard.blastRadius({})).rows;
    expect(row).toMatchObject({ obstacle: "after_unknown", before: undefined, after: undefined });
  });
});
