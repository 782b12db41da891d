import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addSignal,
  checkFinality,
  DEFAULT_FINALITY_POLICY,
  evaluate,
  type FinalityCase,
  type FinalityPolicy,
  finalizeByPerson,
  mayExecute,
  type OutcomeSignal,
  openCase,
  release,
  settle,
  take,
} from "./finality.ts";

const policy = DEFAULT_FINALITY_POLICY;
const person = { actor: "ada", reason: "checked the match report" };

let count = 0;
function says(source: string, outcome: string, more: Partial<OutcomeSignal> = {}): OutcomeSignal {
  return { id: `signal-${++count}`, source, outcome, confidence: 1, at: 0, ...more };
}

function hear(
  signals: readonly OutcomeSignal[],
  heardBy: FinalityPolicy = policy,
  from = openCase("case"),
): FinalityCase {
  return signals.reduce((before, signal) => addSignal(before, signal, heardBy).case, from);
}

function unwrap(answer: ReturnType<typeof settle>): FinalityCase {
  if (!answer.ok) throw new Error(answer.reason);
  return answer.case;
}

describe("the traces of SafeAgent's settlement examples", () => {
  test("clean: one oracle, a person finalizes, settles once, the replay changes nothing", () => {
    const provisional = hear([says("oracle_A", "YES")]);
    expect(provisional.state).toBe("RESOLVED_PROVISIONAL");
    const final = unwrap(finalizeByPerson(provisional, { outcome: "YES", ...person }, 5));
    expect(final).toMatchObject({ state: "FINAL", final: { by: "person", outcome: "YES", at: 5, actor: "ada" } });
    const settled = unwrap(settle(final, "pay-winner"));
    expect(settled).toMatchObject({ state: "SETTLED", settledBy: "pay-winner" });
    expect(settle(settled, "pay-winner")).toEqual({ ok: true, case: settled });
  });

  test("conflict: blocked until a person decides", () => {
    const torn = hear([says("oracle_A", "YES"), says("oracle_B", "NO")]);
    expect(torn.state).toBe("IN_RECONCILIATION");
    expect(evaluate(torn, policy, 1e9).state).toBe("IN_RECONCILIATION");
    expect(settle(torn, "pay-winner")).toEqual({ ok: false, reason: "not_final" });
    expect(unwrap(finalizeByPerson(torn, { outcome: "YES", ...person }, 5)).final?.outcome).toBe("YES");
  });

  test("duplicate and late: the duplicate is one signal, the late one is logged and not applied", () => {
    const first = says("oracle_A", "YES");
    const heard = hear([first]);
    expect(addSignal(heard, first, policy)).toEqual({ case: heard, verdict: "duplicate" });
    const settled = unwrap(settle(evaluate(heard, policy, 1), "pay-winner"));
    const late = says("oracle_B", "NO");
    const after = addSignal(settled, late, policy);
    expect(after).toEqual({ case: { ...settled, late: [late] }, verdict: "late" });
    expect(addSignal(after.case, late, policy)).toEqual({ case: after.case, verdict: "duplicate" });
    expect(settle(after.case, "pay-winner").ok).toBe(true);
    expect(settle(after.case, "pay-second-winner")).toEqual({ ok: false, reason: "already_settled" });
  });

  test("three oracles: two to one is short of 0.8, so the majority has to be chosen by a person", () => {
    const torn = evaluate(hear([says("oracle_A", "YES"), says("oracle_B", "NO"), says("oracle_C", "NO")]), policy, 1e9);
    expect(torn).toMatchObject({ state: "IN_RECONCILIATION", leading: null, final: null });
    expect(unwrap(finalizeByPerson(torn, { outcome: "NO", ...person }, 5)).final?.outcome).toBe("NO");
    expect(finalizeByPerson(torn, { outcome: "MAYBE", ...person }, 5)).toEqual({ ok: false, reason: "not_signalled" });
  });
});

describe("the policy", () => {
  test("four of five reach 0.8 and become FINAL although one disagrees", () => {
    const torn = hear([..."ABCD"].map((s) => says(s, "YES")).concat(says("E", "NO")));
    expect(torn.state).toBe("IN_RECONCILIATION");
    expect(evaluate(torn, policy, 7)).toMatchObject({
      state: "FINAL",
      final: { by: "policy", outcome: "YES", at: 7 },
    });
  });

  test("an unsure source alone leads to reconciliation", () => {
    const unsure = hear([says("A", "YES", { confidence: 0.79 })]);
    expect(unsure.state).toBe("IN_RECONCILIATION");
    expect(evaluate(unsure, policy, 1e9).state).toBe("IN_RECONCILIATION");
    expect(evaluate(hear([says("A", "YES", { confidence: 0.8 })]), policy, 0).state).toBe("FINAL");
  });

  test("weights count, and a source without weight is not heard", () => {
    const weighted = { ...policy, weights: { official: 9, gossip: 0 } };
    const heard = hear([says("official", "YES"), says("fan", "NO"), says("gossip", "NO")], weighted);
    expect(heard.signals.map((s) => s.source)).toEqual(["fan", "official"]);
    expect(evaluate(heard, weighted, 0)).toMatchObject({ state: "FINAL", final: { outcome: "YES" } });
    expect(addSignal(heard, says("gossip", "NO"), weighted).verdict).toBe("unusable");
    const namedOnly = { ...weighted, defaultWeight: 0 };
    expect(addSignal(openCase("c"), says("constructor", "NO"), namedOnly).verdict).toBe("unusable");
  });

  test("rounding does not keep a weighted source below the threshold it meets", () => {
    const weighted = { ...policy, defaultWeight: 0.7 };
    expect(evaluate(hear([says("A", "YES", { confidence: 0.8 })], weighted), weighted, 0).state).toBe("FINAL");
  });

  test("minSources counts the sources behind the outcome", () => {
    const two = { ...policy, minSources: 2 };
    const one = hear([says("A", "YES")], two);
    expect(evaluate(one, two, 1e9)).toMatchObject({ state: "RESOLVED_PROVISIONAL", leading: null });
    expect(evaluate(hear([says("B", "YES")], two, one), two, 1e9).state).toBe("FINAL");
  });

  test("the challenge window runs by our clock, from when the outcome began to lead, and starts anew after a challenge", () => {
    const slow = { ...policy, challengeWindowMs: 100 };
    const backdated = says("A", "YES", { at: -1e9 });
    const leading = evaluate(hear([backdated], slow), slow, 1_000);
    expect(leading).toMatchObject({ state: "RESOLVED_PROVISIONAL", leading: { outcome: "YES", since: 1_000 } });
    expect(evaluate(leading, slow, 1_099).state).toBe("RESOLVED_PROVISIONAL");
    expect(evaluate(leading, slow, 1_100).state).toBe("FINAL");
    const challenged = evaluate(hear([says("B", "NO", { at: 1 })], slow, leading), slow, 1_050);
    expect(challenged).toMatchObject({ state: "IN_RECONCILIATION", leading: null });
    const withdrawn = evaluate(hear([says("B", "YES", { at: 2 })], slow, challenged), slow, 1_080);
    expect(withdrawn).toMatchObject({ state: "RESOLVED_PROVISIONAL", leading: { since: 1_080 } });
    expect(evaluate(withdrawn, slow, 1_179).state).toBe("RESOLVED_PROVISIONAL");
    expect(evaluate(withdrawn, slow, 1_180).state).toBe("FINAL");
  });

  test("with a threshold of one half, two outcomes that both reach it stay in reconciliation", () => {
    const half = { ...policy, threshold: 0.5 };
    expect(evaluate(hear([says("A", "YES"), says("B", "NO")], half), half, 1e9).state).toBe("IN_RECONCILIATION");
  });
});

test("the defaults of semantics.md section 7", () => {
  expect(DEFAULT_FINALITY_POLICY).toEqual({
    threshold: 0.8,
    minSources: 1,
    challengeWindowMs: 0,
    weights: {},
    defaultWeight: 1,
  });
});

test("what makes it FINAL is kept with it: which outcome, since when, and by whom", () => {
  const final = evaluate(hear([says("A", "YES")]), policy, 7);
  expect(final).toMatchObject({
    leading: { outcome: "YES", since: 7 },
    final: { by: "policy", outcome: "YES", at: 7 },
  });
  const chosen = unwrap(finalizeByPerson(hear([says("A", "YES"), says("B", "NO")]), { outcome: "NO", ...person }, 9));
  expect(chosen.final).toEqual({ by: "person", outcome: "NO", at: 9, ...person });
});

test("under another policy the same evidence amounts to something else", () => {
  const unsure = hear([says("A", "YES", { confidence: 0.7 })]);
  const slow = { ...policy, threshold: 0.6, challengeWindowMs: 100 };
  expect(unsure.state).toBe("IN_RECONCILIATION");
  expect(evaluate(unsure, slow, 0).state).toBe("RESOLVED_PROVISIONAL");
  expect(evaluate(evaluate(unsure, slow, 0), policy, 5)).toMatchObject({ state: "IN_RECONCILIATION", leading: null });
});

describe("a policy that would not mean what it says", () => {
  test.each<[string, object]>([
    ["minSource", { minSource: 2 }],
    ["threshold", { threshold: 0 }],
    ["threshold", { threshold: 80 }],
    ["threshold", { threshold: Number.NaN }],
    ["threshold", { threshold: undefined }],
    ["minSources", { minSources: 0 }],
    ["minSources", { minSources: 1.5 }],
    ["challengeWindowMs", { challengeWindowMs: "10m" }],
    ["challengeWindowMs", { challengeWindowMs: -1 }],
    ["weights", { weights: { referee: -1 } }],
    ["weights", { weights: { referee: "2" } }],
    ["weights", { weights: null }],
    ["defaultWeight", { defaultWeight: Number.POSITIVE_INFINITY }],
  ])("is refused: %s in %j", (name, given) => {
    expect(() => checkFinality(given)).toThrow(
      expect.objectContaining({ code: "invalid_option", fields: { option: `finality.${name}` } }),
    );
  });

  test("and one that does is taken as it is", () => {
    for (const given of [{}, policy, { threshold: 1, weights: { a: 0 }, defaultWeight: 0 }]) {
      expect(checkFinality(given)).toBe(given);
    }
  });
});

describe("signals", () => {
  test("each that comes after FINAL is logged, in order, and none takes the place of another", () => {
    const final = evaluate(hear([says("A", "YES")]), policy, 0);
    const late = [says("B", "NO"), says("C", "NO"), says("B", "YES", { at: 5 })];
    expect(hear(late, policy, final)).toEqual({ ...final, late });
  });

  test("that count are called live", () => {
    expect(addSignal(openCase("case"), says("A", "YES"), policy).verdict).toBe("live");
  });

  test("of two of one source and instant it is the one with the later id, whichever arrives first", () => {
    const [a, b] = [says("ref", "ann", { id: "a", at: 5 }), says("ref", "bob", { id: "b", at: 5 })];
    const outcomes = [hear([a, b]), hear([b, a]), hear([b, b])].map(({ signals }) =>
      signals.map(({ outcome }) => outcome),
    );
    expect(outcomes).toEqual([["bob"], ["bob"], ["bob"]]);
  });

  test("the newer one of a source replaces the older one, whichever arrives first", () => {
    const older = says("A", "NO", { at: 1 });
    const newer = says("A", "YES", { at: 2 });
    expect(hear([older, newer]).signals).toEqual([newer]);
    expect(addSignal(hear([newer]), older, policy)).toMatchObject({ verdict: "outdated", case: { signals: [newer] } });
  });

  test.each([
    { confidence: 1.01 },
    { confidence: -0.01 },
    { confidence: Number.NaN },
    { at: Number.NaN },
    { id: "" },
    { source: "" },
    { outcome: "" },
  ])("%j is unusable and changes nothing", (fault) => {
    const open = openCase("case");
    expect(addSignal(open, says("A", "YES", fault), policy)).toEqual({ case: open, verdict: "unusable" });
  });
});

describe("a person", () => {
  test.each([
    { actor: " ", reason: "seen" },
    { actor: "ada", reason: " " },
  ])("needs more than blanks: %j", (by) => {
    expect(() => finalizeByPerson(hear([says("ref", "ann")]), { outcome: "ann", ...by }, 0)).toThrow(
      expect.objectContaining({ code: "missing_reason", fields: { caseId: "case" } }),
    );
  });

  test("needs a name and a reason", () => {
    const heard = hear([says("A", "YES")]);
    for (const missing of [{ actor: " " }, { reason: "" }]) {
      expect(() => finalizeByPerson(heard, { outcome: "YES", ...person, ...missing }, 0)).toThrow(
        expect.objectContaining({
          code: "missing_reason",
          fields: { caseId: "case" },
          message: expect.stringMatching(/give actor and reason/),
        }),
      );
    }
  });

  test("cannot decide without evidence, nor twice", () => {
    expect(finalizeByPerson(openCase("c"), { outcome: "YES", ...person }, 0)).toEqual({
      ok: false,
      reason: "not_signalled",
    });
    const final = evaluate(hear([says("A", "YES"), says("B", "YES")]), policy, 0);
    expect(finalizeByPerson(final, { outcome: "YES", ...person }, 0)).toEqual({ ok: false, reason: "already_final" });
  });
});

describe("the one request that may act on it", () => {
  const open = openCase("case");
  const final = evaluate(hear([says("A", "YES")]), policy, 5);

  test("nobody has a case that was just opened", () => {
    expect(open).toEqual({
      ...{ id: "case", state: "OPEN", signals: [], late: [], leading: null, final: null },
      ...{ takenBy: null, settledBy: null },
    });
  });

  test("takes it once it is FINAL; for the same one again nothing changes, another one is refused", () => {
    const taken = unwrap(take(final, "pay-winner"));
    expect(taken).toEqual({ ...final, takenBy: "pay-winner" });
    expect(take(taken, "pay-winner")).toEqual({ ok: true, case: taken });
    expect(take(taken, "pay-second-winner")).toEqual({ ok: false, reason: "taken" });
  });

  test.each<[string, FinalityCase]>([
    ["OPEN", open],
    ["RESOLVED_PROVISIONAL", hear([says("A", "YES")])],
    ["IN_RECONCILIATION", hear([says("A", "YES"), says("B", "NO")])],
  ])("not while it is %s", (state, before) => {
    expect(before.state).toBe(state);
    expect(mayExecute(before)).toBe(false);
    expect(take(before, "pay-winner")).toEqual({ ok: false, reason: "not_final" });
    expect(settle(before, "pay-winner")).toEqual({ ok: false, reason: "not_final" });
  });

  test("not once it is SETTLED, whoever asks: it has been executed", () => {
    const settled = unwrap(settle(unwrap(take(final, "pay-winner")), "pay-winner"));
    expect(settled).toEqual({ ...final, state: "SETTLED", takenBy: "pay-winner", settledBy: "pay-winner" });
    expect(mayExecute(settled)).toBe(false);
    for (const id of ["pay-winner", "pay-second-winner"]) {
      expect(take(settled, id)).toEqual({ ok: false, reason: "already_settled" });
    }
    expect(settle(settled, "pay-winner")).toEqual({ ok: true, case: settled });
    expect(settle(settled, "pay-second-winner")).toEqual({ ok: false, reason: "already_settled" });
  });

  test("what settles it without having taken it has it from then on", () => {
    expect(unwrap(settle(final, "pay-winner"))).toMatchObject({ takenBy: "pay-winner", settledBy: "pay-winner" });
  });

  test("whose effect certainly did not happen gives it back, with all that was decided", () => {
    const released = release(unwrap(take(final, "pay-winner")));
    expect(released).toEqual(final);
    expect(unwrap(take(released, "pay-second-winner")).takenBy).toBe("pay-second-winner");
  });

  test("late evidence does not take it away", () => {
    const taken = unwrap(take(final, "pay-winner"));
    const after = addSignal(taken, says("B", "NO"), policy).case;
    expect(evaluate(after, policy, 1e9)).toMatchObject({ state: "FINAL", takenBy: "pay-winner" });
  });

  test("whatever is asked in whatever order, one request has it at a time, and one settles it", () => {
    const ids = fc.constantFrom("a", "b", "c");
    const steps = fc.array(fc.record({ what: fc.constantFrom("take" as const, "settle" as const), id: ids }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(steps, (list) => {
        let value = final;
        for (const { what, id } of list) {
          const before = value;
          const answer = what === "take" ? take(value, id) : settle(value, id);
          if (!answer.ok) continue;
          value = answer.case;
          expect(value).toMatchObject({ takenBy: id, final: before.final, signals: before.signals });
          if (what === "take") expect(before.takenBy ?? id).toBe(id);
          if (before.settledBy !== null) expect(value).toEqual(before);
        }
      }),
    );
  });
});

describe("for all evidence", () => {
  const signal = fc.record({
    source: fc.constantFrom("A", "B", "C", "D"),
    outcome: fc.constantFrom("YES", "NO", "VOID"),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    at: fc.integer({ min: 0, max: 3 }),
  });
  const signals = fc
    .array(signal, { maxLength: 12 })
    .map((list) => list.map((each, i): OutcomeSignal => ({ id: `s${i}`, ...each })));
  const policies = fc.record({
    threshold: fc.double({ min: 0.1, max: 1, noNaN: true }),
    minSources: fc.integer({ min: 1, max: 3 }),
    challengeWindowMs: fc.constantFrom(0, 50),
    weights: fc.record({ A: fc.double({ min: 0, max: 5, noNaN: true }) }),
    defaultWeight: fc.constant(1),
  });

  test("arrival order is irrelevant before FINAL, and so are repetitions", () => {
    const shuffled = signals.chain((list) =>
      fc.record({
        list: fc.constant(list),
        other: fc.shuffledSubarray(list, { minLength: list.length }),
        again: fc.subarray(list),
      }),
    );
    fc.assert(
      fc.property(shuffled, policies, ({ list, other, again }, under) => {
        expect(hear([...other, ...again], under)).toEqual(hear(list, under));
      }),
    );
  });

  test("FINAL is immutable: whatever comes later, outcome, evidence and author stay", () => {
    fc.assert(
      fc.property(signals, signals, policies, fc.nat(1_000), (list, later, under, now) => {
        const heard = hear([...list, says("E", "YES")], under);
        const weighed = evaluate(evaluate(heard, under, 0), under, 50);
        const final =
          weighed.state === "FINAL" ? weighed : unwrap(finalizeByPerson(weighed, { outcome: "YES", ...person }, 50));
        const renamed = later.map((each) => ({ ...each, id: `later-${each.id}` }));
        const after = evaluate(hear(renamed, under, final), under, now);
        expect({ ...after, late: [] }).toEqual(final);
        expect(settle(after, "r").ok).toBe(true);
        for (const outcome of ["YES", "NO", "VOID"]) {
          expect(finalizeByPerson(after, { outcome, ...person }, now).ok).toBe(false);
        }
      }),
    );
  });

  test("only a signalled outcome becomes FINAL, with the threshold and the sources that the policy asks for", () => {
    fc.assert(
      fc.property(signals, policies, (list, under) => {
        const weight = (source: string) => (source === "A" ? under.weights.A : 1);
        const done = evaluate(evaluate(hear(list, under), under, 0), under, 50);
        expect(mayExecute(done)).toBe(done.state === "FINAL");
        if (done.final === null) return;
        const behind = done.signals.filter((s) => s.outcome === done.final?.outcome);
        const sum = (of: readonly OutcomeSignal[], f: (s: OutcomeSignal) => number) => of.reduce((n, s) => n + f(s), 0);
        const confidence =
          sum(behind, (s) => weight(s.source) * s.confidence) / sum(done.signals, (s) => weight(s.source));
        expect(confidence).toBeGreaterThanOrEqual(under.threshold - 1e-6);
        expect(behind.length).toBeGreaterThanOrEqual(under.minSources);
      }),
    );
  });

  test("there is one live signal per source, and it is that source's newest", () => {
    fc.assert(
      fc.property(signals, (list) => {
        const live = hear(list).signals;
        expect(new Set(live.map((s) => s.source)).size).toBe(live.length);
        for (const each of list) {
          const winner = live.find((s) => s.source === each.source);
          expect(winner?.at).toBeGreaterThanOrEqual(each.at);
        }
      }),
    );
  });
});
