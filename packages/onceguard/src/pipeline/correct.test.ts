import { expect, test } from "vitest";
import { type TestOptions, testGuard, withVerbs } from "../../test/support/guard.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";
import type { CorrectionPlan } from "../core/blast-radius.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

interface Flag {
  readonly id: string;
  readonly priority: string;
}

type Shipment = { priority: string; carrier: string };

interface World {
  readonly shipments: Record<string, Shipment>;
  /** What `compensate` was asked for. */
  readonly undone: string[];
}

type Options = Partial<ActionOptions<"flag", Flag, Flag, unknown>>;

function world(options: Options = {}, test: TestOptions = {}) {
  const shipments: World["shipments"] = {};
  for (const id of ["s1", "s2", "s3"]) shipments[id] = { priority: "normal", carrier: "sea" };
  const undone: string[] = [];
  const flag = defineAction<"flag", unknown, Flag>({
    name: "flag",
    riskTier: "side_effecting",
    key: (p) => [p.id, p.priority],
    record: (p) => `shipment:${p.id}`,
    before: (p) => shipments[p.id],
    execute: (p) => {
      Object.assign(shipments[p.id] as Shipment, { priority: p.priority });
      return { was: p.priority };
    },
    compensate: (p, { before }) => {
      undone.push(p.id);
      shipments[p.id] = { ...before };
    },
    ...options,
  });
  return { shipments, undone, ...testGuard([flag], test) };
}

const BY = { actor: "ada", reason: "the rule was wrong" };

async function flagged(made: ReturnType<typeof world>, ...ids: string[]) {
  for (const id of ids) await made.guard.execute("flag", { id, priority: "high" }, { runId: "run-1" });
}

test("the radius of a run: exactly the records it touched, with what was before and after, and what came later", async () => {
  const made = world();
  const { guard } = made;
  await flagged(made, "s1", "s2");
  await guard.execute("flag", { id: "s1", priority: "low" }, { runId: "run-2", actor: "bob" });
  await guard.execute("flag", { id: "s3", priority: "low" }, { runId: "run-2" });
  const { rows, token, plan } = await guard.blastRadius({ runId: "run-1" });
  expect(rows.map(({ receipt }) => receipt.recordId)).toEqual(["shipment:s1", "shipment:s2"]);
  expect(rows[0]).toMatchObject({
    certainty: "happened",
    before: { priority: "normal", carrier: "sea" },
    after: { priority: "high", carrier: "sea" },
    obstacle: null,
    later: [{ action: "flag", runId: "run-2", actor: "bob" }],
  });
  expect(rows[1]?.later).toEqual([]);
  expect(plan.token).toBe(token);
  expect((await guard.blastRadius({ runId: "run-1" })).token).toBe(token);
  expect((await guard.blastRadius({ runId: "run-2" })).token).not.toBe(token);
});

test.each([
  [{ runId: "run-1" }, 2],
  [{ runId: "run-9" }, 0],
  [{ action: "flag" }, 3],
  [{ action: "other" }, 0],
  [{ recordId: "shipment:s2" }, 1],
  [{ actor: "bob" }, 1],
  [{ where: { priority: "high" } }, 2],
  [{ where: { "payload.priority": "low", "before.carrier": "sea" } }, 1],
  [{ where: { "result.was": "high", "after.priority": "high" } }, 2],
  [{ where: { priority: "high", nothing: 1 } }, 0],
  [{ tenant: "globex" }, 0],
  [{ until: 1 }, 0],
])("the radius by %j", async (query, count) => {
  const made = world();
  await flagged(made, "s1", "s2");
  await made.guard.execute("flag", { id: "s3", priority: "low" }, { runId: "run-2", actor: "bob" });
  expect((await made.guard.blastRadius(query)).rows).toHaveLength(count);
});

test("between two times: by when an attempt was made", async () => {
  const made = world();
  await flagged(made, "s1");
  await made.clock.advance(10_000);
  const from = await made.store.now();
  await flagged(made, "s2");
  await made.clock.advance(10_000);
  const until = await made.store.now();
  await flagged(made, "s3");
  const { rows } = await made.guard.blastRadius({ since: from, until });
  expect(rows.map(({ receipt }) => receipt.recordId)).toEqual(["shipment:s2"]);
});

test("an attempt by another run puts the request into that run's radius as well", async () => {
  let calls = 0;
  const made = world({
    retry: { maxAttempts: 3, base: "1s" },
    execute: () => {
      calls += 1;
      if (calls === 1) throw Object.assign(new Error("busy"), { status: 429 });
    },
  });
  await made.guard.execute("flag", { id: "s1", priority: "high" }, { runId: "run-1", wait: 0 });
  await made.clock.advance(2_000);
  await made.settle(made.guard.execute("flag", { id: "s1", priority: "high" }, { runId: "run-2" }));
  expect((await made.guard.blastRadius({ runId: "run-2" })).rows).toHaveLength(1);
});

test("what certainly did not happen is not in it; what may have is, and cannot be undone yet", async () => {
  const outcomes: Record<string, unknown> = {
    s1: Object.assign(new Error("no"), { status: 422 }),
    s2: new Error("socket hang up"),
  };
  const made = world({
    execute: ({ id }) => {
      throw outcomes[id];
    },
  });
  await flagged(made, "s1", "s2");
  const { rows } = await made.guard.blastRadius({ runId: "run-1" });
  expect(rows).toMatchObject([{ certainty: "may_have_happened", obstacle: "not_settled" }]);
  expect(rows[0]?.receipt.recordId).toBe("shipment:s2");
});

test("a correction undoes each record once, by a request of its own, and proves it", async () => {
  const made = world();
  const { guard, shipments, undone } = made;
  await flagged(made, "s1", "s2");
  const { plan, token } = await guard.blastRadius({ runId: "run-1" });
  const progress: number[] = [];
  const report = await guard.correct(plan, { ...BY, token, onProgress: ({ done }) => progress.push(done) });
  expect(report.complete).toBe(true);
  expect(report.rows).toMatchObject([
    { recordId: "shipment:s1", result: "corrected", restored: true },
    { recordId: "shipment:s2", result: "corrected", restored: true },
  ]);
  expect(progress).toEqual([1, 2]);
  expect(shipments.s1).toEqual({ priority: "normal", carrier: "sea" });
  const again = await guard.correct(plan, { ...BY, token });
  expect(again.rows).toEqual(report.rows);
  expect(undone.sort()).toEqual(["s1", "s2"]);
  const [row] = report.rows;
  expect((await guard.receipt(row?.requestId ?? ""))?.state).toBe("compensated");
  expect(await guard.receipt(row?.compensation ?? "")).toMatchObject({
    state: "succeeded",
    action: "flag~undo",
    recordId: "shipment:s1",
  });
  const log = await guard.log({
    runId: report.runId,
    recordId: "shipment:s1",
    order: "oldest",
    events: ["compensate", "claim", "success", "compensated"],
  });
  expect(log.map(({ event, actor, detail }) => [event, actor, detail])).toEqual([
    ["compensate", "ada", '{"reason":"the rule was wrong"}'],
    ["claim", "ada", null],
    ["success", "ada", null],
    ["compensated", "ada", null],
  ]);
});

test("a record that somebody else has changed since is not overwritten: it goes to a person", async () => {
  const made = world();
  const { guard, shipments, undone } = made;
  await flagged(made, "s1", "s2");
  const { plan, token } = await guard.blastRadius({ runId: "run-1" });
  Object.assign(shipments.s1 as Shipment, { carrier: "air" });
  const report = await guard.correct(plan, { ...BY, token });
  expect(report.rows).toMatchObject([
    { recordId: "shipment:s1", result: "review", reason: expect.stringContaining("no longer as the effect left it") },
    { recordId: "shipment:s2", result: "corrected" },
  ]);
  expect(report.complete).toBe(true);
  expect(shipments.s1).toEqual({ priority: "high", carrier: "air" });
  expect(undone).toEqual(["s2"]);
  expect(await guard.reviews()).toMatchObject([{ action: "flag~undo", route: "domain_expert" }]);
});

test("a person's decision about the undo decides about the request it was to undo", async () => {
  for (const decision of ["happened", "did_not_happen"] as const) {
    const made = world();
    const { guard, shipments } = made;
    await flagged(made, "s1");
    const { plan, token } = await guard.blastRadius({ runId: "run-1" });
    Object.assign(shipments.s1 as Shipment, { carrier: "air" });
    const report = await guard.correct(plan, { ...BY, token });
    const { requestId, compensation } = report.rows[0] ?? { requestId: "", compensation: null };
    await guard.resolve(compensation ?? "", { decision, actor: "bob", reason: "looked" });
    const expected = decision === "happened" ? "compensated" : "review";
    expect((await guard.receipt(requestId))?.state).toBe(expected);
    const again = await guard.correct(plan, { ...BY, token });
    expect(again.rows).toMatchObject([{ result: decision === "happened" ? "corrected" : "review" }]);
  }
});

test("two effects on one record are undone from the last to the first", async () => {
  const made = world();
  const { guard, shipments, undone } = made;
  await guard.execute("flag", { id: "s1", priority: "high" }, { runId: "run-1" });
  await guard.execute("flag", { id: "s1", priority: "urgent" }, { runId: "run-1" });
  const { plan, token } = await guard.blastRadius({ runId: "run-1" });
  const report = await guard.correct(plan, { ...BY, token });
  expect(report.rows.map(({ result }) => result)).toEqual(["corrected", "corrected"]);
  expect(undone).toEqual(["s1", "s1"]);
  expect(shipments.s1).toEqual({ priority: "normal", carrier: "sea" });
});

test("a row that has moved since the plan was made is left alone, the others are not", async () => {
  const made = world();
  const { guard, undone } = made;
  await flagged(made, "s1", "s2");
  const { plan, token, rows } = await guard.blastRadius({ runId: "run-1" });
  const id = rows[0]?.receipt.requestId ?? "";
  await guard.evidence(id, { answer: "did_not_happen", source: "a webhook" });
  const report = await guard.correct(plan, { ...BY, token });
  expect(report.rows).toMatchObject([{ result: "skipped", reason: "moved" }, { result: "corrected" }]);
  expect(undone).toEqual(["s2"]);
});

test("a plan is bound to its token", async () => {
  const made = world();
  const { guard, undone } = made;
  await flagged(made, "s1", "s2");
  const { plan, token } = await guard.blastRadius({ runId: "run-1" });
  const wrong: [CorrectionPlan, string][] = [
    [plan, "0".repeat(64)],
    [{ ...plan, rows: plan.rows.slice(1) }, token],
    [{ ...plan, rows: plan.rows.map((row) => ({ ...row, version: 9 })) }, token],
    [{ ...plan, query: { runId: "run-2" } }, token],
    [{ ...plan, token: "0".repeat(64) }, token],
    [{} as CorrectionPlan, token],
    [null as never, token],
  ];
  for (const [changed, given] of wrong) {
    await expect(guard.correct(changed, { ...BY, token: given })).rejects.toMatchObject({ code: "plan_changed" });
  }
  await expect(guard.correct(plan, { token, actor: "ada", reason: " " })).rejects.toMatchObject({
    code: "missing_reason",
  });
  const written = JSON.parse(JSON.stringify(plan)) as CorrectionPlan;
  expect((await guard.correct(written, { ...BY, token })).complete).toBe(true);
  expect(undone).toHaveLength(2);
});

test("what cannot be undone is skipped, and says why", async () => {
  const made = world({ compensate: undefined as never });
  await flagged(made, "s1");
  const radius = await made.guard.blastRadius({ runId: "run-1" });
  expect(radius.rows[0]?.obstacle).toBe("no_compensate");
  const report = await made.guard.correct(radius.plan, { ...BY, token: radius.token });
  expect(report).toMatchObject({ complete: true, rows: [{ result: "skipped", reason: "no_compensate" }] });
});

test("without a logged state nothing is undone unchecked, unless that is asked for", async () => {
  const made = world({
    before: undefined as never,
    compensate: ({ id }) => {
      made.shipments[id] = { priority: "normal", carrier: "sea" };
    },
  });
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  expect((await made.guard.correct(plan, { ...BY, token })).rows).toMatchObject([{ reason: "after_unknown" }]);
  const report = await made.guard.correct(plan, { ...BY, token, unchecked: true });
  expect(report.rows).toMatchObject([{ result: "corrected", restored: null }]);
});

test("an undo whose answer is lost is settled by what the record says", async () => {
  const made = world({
    compensate: (p, { before }) => {
      made.undone.push(p.id);
      made.shipments[p.id] = { ...before };
      throw new Error("socket hang up");
    },
  });
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  const report = await made.settle(made.guard.correct(plan, { ...BY, token }));
  expect(report.rows).toMatchObject([{ result: "corrected", restored: true }]);
  expect(made.undone).toEqual(["s1"]);
});

test("an undo that was lost on its way is sent again, because the record says it did not happen", async () => {
  let calls = 0;
  const made = world({
    compensate: (p, { before }) => {
      calls += 1;
      if (calls === 1) throw new Error("socket hang up");
      made.shipments[p.id] = { ...before };
    },
  });
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  const report = await made.settle(made.guard.correct(plan, { ...BY, token }));
  expect(report.rows).toMatchObject([{ result: "corrected", restored: true }]);
  expect(calls).toBe(2);
});

test("an undo that is refused for good puts the request it was to undo before a person", async () => {
  const made = world({
    compensate: () => {
      throw Object.assign(new Error("locked"), { status: 422 });
    },
  });
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  const report = await made.settle(made.guard.correct(plan, { ...BY, token }));
  expect(report.rows).toMatchObject([{ result: "review" }]);
});

test("a preview reads every record and writes nothing", async () => {
  const made = world();
  const { guard, shipments, undone } = made;
  await flagged(made, "s1", "s2");
  const { plan } = await guard.blastRadius({ runId: "run-1" });
  Object.assign(shipments.s2 as Shipment, { carrier: "air" });
  const before = await guard.log({ limit: 1_000 });
  const { rows } = await guard.previewCorrection(plan);
  expect(rows).toMatchObject([
    { would: "correct", reason: null, changes: [{ path: "priority", from: "high", to: "normal" }] },
    {
      would: "review",
      reason: "changed_since",
      changes: [
        { path: "carrier", from: "air", to: "sea" },
        { path: "priority", from: "high", to: "normal" },
      ],
    },
  ]);
  expect(await guard.log({ limit: 1_000 })).toEqual(before);
  expect(undone).toEqual([]);
});

test("a preview of several effects on one record, and of one that cannot be read", async () => {
  let isAway = false;
  const made = world({
    after: ({ id }) => {
      if (isAway) throw new Error("the reader is away");
      return made.shipments[id];
    },
  });
  await made.guard.execute("flag", { id: "s1", priority: "high" }, { runId: "run-1" });
  await made.guard.execute("flag", { id: "s1", priority: "urgent" }, { runId: "run-1" });
  const { plan } = await made.guard.blastRadius({ runId: "run-1" });
  expect((await made.guard.previewCorrection(plan)).rows).toMatchObject([
    { would: "correct", reason: "after_a_later_one", changes: [{ from: "high", to: "normal" }] },
    { would: "correct", reason: null, changes: [{ from: "urgent", to: "high" }] },
  ]);
  isAway = true;
  expect((await made.guard.previewCorrection(plan)).rows[1]).toMatchObject({
    would: "review",
    reason: "cannot_be_read",
  });
});

test("a correction that is stopped goes on with the same plan", async () => {
  const made = world();
  await flagged(made, "s1", "s2", "s3");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  const stop = new AbortController();
  stop.abort();
  const report = await made.guard.correct(plan, { ...BY, token, signal: stop.signal });
  expect(report).toMatchObject({ complete: false, rows: [{ result: "open" }, { result: "open" }, { result: "open" }] });
  expect((await made.guard.correct(plan, { ...BY, token })).complete).toBe(true);
  expect(made.undone).toHaveLength(3);
});

test("an undo is nobody's to call, is not in the budget, and a halt holds it back", async () => {
  const made = world({}, { budgets: { maxActionsPerRun: 2 } });
  const { guard } = made;
  for (const id of ["s1", "s2", "s3"]) await guard.execute("flag", { id, priority: "high" }, { runId: `run-${id}` });
  const { plan, token } = await guard.blastRadius({ action: "flag" });
  await expect(guard.execute("flag~undo" as never, { of: plan.rows[0]?.requestId } as never)).rejects.toMatchObject({
    code: "unknown_action",
  });
  await guard.halt("action", "flag~undo", BY);
  const held = await guard.correct(plan, { ...BY, token });
  expect(held.rows.every(({ result, reason }) => result === "skipped" && reason?.startsWith("halted"))).toBe(true);
  await guard.resume("action", "flag~undo", BY);
  expect((await guard.correct(plan, { ...BY, token })).rows.map(({ result }) => result)).toEqual([
    "corrected",
    "corrected",
    "corrected",
  ]);
});

test("a correction tells how far it is, row by row, also where they are of one record", async () => {
  const made = world();
  const { guard } = made;
  for (const priority of ["1", "2", "3", "4"]) await guard.execute("flag", { id: "s1", priority }, { runId: "run-1" });
  const { plan, token } = await guard.blastRadius({ runId: "run-1" });
  const told: unknown[] = [];
  const report = await guard.correct(plan, { ...BY, token, onProgress: (progress) => told.push(progress) });
  expect(report.rows.map(({ restored }) => restored)).toEqual([true, true, true, true]);
  expect(told).toEqual([1, 2, 3, 4].map((done) => ({ done, of: 4 })));
  expect(report.runId).toBe(`correction:${token.slice(0, 16)}`);
  expect(made.shipments.s1?.priority).toBe("normal");
});

test("an undo that the policy refuses, or that does not reach the store, is open and says why", async () => {
  const denied = world({}, { rules: [{ action: "flag~undo", verdict: "deny", reason: "not on a Sunday" }] });
  await flagged(denied, "s1");
  const first = await denied.guard.blastRadius({ runId: "run-1" });
  const report = await denied.settle(denied.guard.correct(first.plan, { ...BY, token: first.token }));
  expect(report).toMatchObject({
    complete: false,
    rows: [{ result: "open", reason: "denied: not on a Sunday", compensation: null }],
  });
  expect(await denied.guard.receipts({ action: "flag~undo" })).toEqual([]);
});

/** A world in whose store some verbs behave otherwise. */
function troubled(verbs: (store: Store) => Partial<Store>, options: Options = {}) {
  const inner = memoryStore();
  return world(options, { store: withVerbs(inner, verbs(inner)), onBackgroundError: () => undefined });
}
const AWAY = new OnceguardError("store_unavailable", "gone", { applied: "no" });

test("what the store did not take is tried three times, and open after that; the rest is corrected", async () => {
  let asked = 0;
  let isAwayFor = 99;
  const made = troubled((store) => ({
    claim: async (request, readFirst) => {
      if (!request.action.endsWith("~undo") || request.recordId !== "shipment:s2")
        return store.claim(request, readFirst);
      asked += 1;
      if (isAwayFor-- > 0) throw AWAY;
      return store.claim(request, readFirst);
    },
  }));
  await flagged(made, "s1", "s2");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  const correct = () => made.settle(made.guard.correct(plan, { ...BY, token }));
  expect(await correct()).toMatchObject({
    complete: false,
    rows: [{ result: "corrected" }, { result: "open", reason: "unavailable: gone", compensation: null }],
  });
  const perPass = asked / 3;
  expect(Number.isInteger(perPass)).toBe(true);
  expect(made.undone).toEqual(["s1"]);
  // Back in time for the second pass.
  isAwayFor = perPass;
  expect(await correct()).toMatchObject({ complete: true, rows: [{ result: "corrected" }, { result: "corrected" }] });
  expect(made.undone).toEqual(["s1", "s2"]);
});

test("why a row is open is what came last", async () => {
  let isAwayFor = 1;
  const made = troubled(
    (store) => ({
      claim: async (request, readFirst) => {
        if (request.action.endsWith("~undo") && isAwayFor-- > 0) throw AWAY;
        return store.claim(request, readFirst);
      },
    }),
    {
      before: ({ id }) => ({ ...made.shipments[id] }),
      compensate: ({ id }) => {
        made.shipments[id] = { priority: "low", carrier: "sea" };
        throw new Error("socket hang up");
      },
    },
  );
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  expect((await made.settle(made.guard.correct(plan, { ...BY, token }))).rows).toMatchObject([
    { result: "open", reason: "in_doubt" },
  ]);
});

test("an undo that was made, but not written into the request, is written by whoever comes next", async () => {
  let isAway = true;
  const made = troubled((store) => ({
    apply: async (change) => {
      if (change.event === "compensated" && isAway) throw AWAY;
      return store.apply(change);
    },
  }));
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  await made.settle(made.guard.correct(plan, { ...BY, token })).catch(() => undefined);
  isAway = false;
  expect((await made.settle(made.guard.correct(plan, { ...BY, token }))).rows).toMatchObject([{ result: "corrected" }]);
  expect(made.undone).toEqual(["s1"]);
});

test("what somebody else has changed at the last moment has moved, and nothing is undone", async () => {
  const made = troubled((store) => ({
    apply: async (change) =>
      change.event === "compensate"
        ? ({ kind: "stale", receipt: await store.find(change.from.tenant, change.from.requestId) } as never)
        : store.apply(change),
  }));
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  expect((await made.guard.correct(plan, { ...BY, token })).rows).toMatchObject([
    { result: "skipped", reason: "moved" },
  ]);
  expect(made.undone).toEqual([]);
});

test("unchecked leaves out the look at others' changes, and nothing else", async () => {
  const made = world({ compensate: undefined as never });
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  const report = await made.guard.correct(plan, { ...BY, token, unchecked: true });
  expect(report.rows).toMatchObject([{ result: "skipped", reason: "no_compensate" }]);
  expect(await made.guard.receipt(plan.rows[0]?.requestId ?? "")).toMatchObject({ state: "succeeded" });
});

test("stopped after a row, a correction has done that one, and the next is not begun", async () => {
  const made = world();
  for (const priority of ["1", "2"]) await made.guard.execute("flag", { id: "s1", priority }, { runId: "run-1" });
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  const stop = new AbortController();
  const correction = { ...BY, token, signal: stop.signal, onProgress: () => stop.abort() };
  expect((await made.guard.correct(plan, correction)).rows).toMatchObject([
    { result: "open", reason: "not_begun" },
    { result: "corrected", reason: null },
  ]);
  expect(made.undone).toEqual(["s1"]);
});

test("what was restored is told by the records, also where the action is not known any more", async () => {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const compensate: NonNullable<Options["compensate"]> = ({ id }, { before }) => {
    made.shipments[id] = { ...(before as Shipment) };
    throw new Error("socket hang up");
  };
  const made = world({ compensate }, { clock, store });
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  await made.settle(made.guard.correct(plan, { ...BY, token }));
  const without = world({ compensate: undefined as never }, { clock, store });
  for (const { guard } of [testGuard([], { clock, store }), without]) {
    expect((await guard.correct(plan, { ...BY, token })).rows).toMatchObject([{ result: "corrected", restored: true }]);
  }
});

test("whether it was restored is not known where one of the two states was not read", async () => {
  let reads = 0;
  const unreadAfter = world(
    {
      after: ({ id }) => {
        // The effect's own, the look before the undo, and then the one after it.
        if (++reads === 3) throw new Error("the reader is away");
        return unreadAfter.shipments[id];
      },
    },
    { onBackgroundError: () => undefined },
  );
  await flagged(unreadAfter, "s1");
  const unreadBefore = world({ before: undefined as never, after: ({ id }) => unreadBefore.shipments[id] });
  await flagged(unreadBefore, "s1");
  for (const { guard } of [unreadAfter, unreadBefore]) {
    const { plan, token } = await guard.blastRadius({ runId: "run-1" });
    expect((await guard.correct(plan, { ...BY, token })).rows).toMatchObject([{ result: "corrected", restored: null }]);
  }
});

test("a preview shows no changes from or to a state that nobody has read", async () => {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const made = world({ before: undefined as never, after: ({ id }) => made.shipments[id] }, { clock, store });
  await flagged(made, "s1");
  const { plan } = await made.guard.blastRadius({ runId: "run-1" });
  expect((await made.guard.previewCorrection(plan)).rows).toMatchObject([{ would: "correct", changes: [] }]);
  const noReader = world({ before: undefined as never }, { clock, store }).guard;
  expect((await noReader.previewCorrection(plan)).rows).toMatchObject([
    { would: "correct", reason: null, changes: [] },
  ]);

  const blind = world(
    { after: () => Promise.reject(new Error("away")) },
    { clock, store, onBackgroundError: () => undefined },
  );
  await blind.guard.execute("flag", { id: "s2", priority: "high" }, { runId: "run-2" });
  const { plan: unread } = await blind.guard.blastRadius({ runId: "run-2" });
  const sees = world({}, { clock, store }).guard;
  expect((await sees.previewCorrection(unread, { unchecked: true })).rows).toMatchObject([
    { would: "correct", reason: null, changes: [] },
  ]);
});

test("what a restored store has no record of is gone, and nothing is undone for it", async () => {
  const made = world();
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  const empty = world();
  const report = await empty.guard.correct(plan, { ...BY, token });
  expect(report).toMatchObject({ complete: true, rows: [{ result: "skipped", reason: "gone", compensation: null }] });
  expect((await empty.guard.previewCorrection(plan)).rows).toMatchObject([
    { would: "skip", reason: "gone", changes: [] },
  ]);
  expect(empty.undone).toEqual([]);
});

test("a changed plan is told by the token that it has not", async () => {
  const made = world();
  await flagged(made, "s1");
  const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
  const changed = { ...plan, rows: [] };
  const refused = { code: "plan_changed", fields: { token } };
  await expect(made.guard.correct(changed, { ...BY, token })).rejects.toMatchObject(refused);
  await expect(made.guard.previewCorrection(changed)).rejects.toMatchObject(refused);
});

test("a preview of what is being undone, is undone, or cannot be compared", async () => {
  const open = world({
    compensate: () => Promise.reject(new Error("socket hang up")),
    after: () => ({ n: Math.random() }),
  });
  await flagged(open, "s1");
  const { plan, token } = await open.guard.blastRadius({ runId: "run-1" });
  await open.settle(open.guard.correct(plan, { ...BY, token }));
  expect((await open.guard.previewCorrection(plan)).rows).toMatchObject([
    { would: "continue", reason: null, changes: [] },
  ]);

  const made = world();
  await flagged(made, "s1");
  const done = await made.guard.blastRadius({ runId: "run-1" });
  await made.guard.correct(done.plan, { ...BY, token: done.token });
  expect((await made.guard.previewCorrection(done.plan)).rows).toMatchObject([
    { would: "skip", reason: "already_undone", changes: [] },
  ]);

  const blind = world({ before: undefined as never });
  await flagged(blind, "s1");
  const { plan: unread } = await blind.guard.blastRadius({ runId: "run-1" });
  expect((await blind.guard.previewCorrection(unread)).rows).toMatchObject([
    { would: "skip", reason: "after_unknown" },
  ]);
  expect((await blind.guard.previewCorrection(unread, { unchecked: true })).rows).toMatchObject([
    { would: "correct", reason: null, changes: [] },
  ]);
});

test("a preview reads the record as the effect did: by its request, and what it came to", async () => {
  const seen: unknown[] = [];
  const made = world({
    after: ({ id }, { requestId, result }) => {
      seen.push({ requestId, result });
      return made.shipments[id];
    },
  });
  await flagged(made, "s1");
  const { plan } = await made.guard.blastRadius({ runId: "run-1" });
  await made.guard.previewCorrection(plan);
  const own = { requestId: plan.rows[0]?.requestId, result: { was: "high" } };
  expect(seen).toEqual([own, own]);
});
