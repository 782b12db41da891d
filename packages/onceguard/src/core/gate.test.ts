import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { admit, type BudgetCondition, type DedupCondition, type Gate, type Tally } from "./gate.ts";
import type { Hold } from "./hold.ts";

const HOLD: Hold = {
  waitsFor: "approval",
  reasons: ["near_duplicate"],
  actionVersion: "1",
  policyVersion: "1",
  caseId: null,
  outcome: null,
  approval: null,
};
const tally = (more: Partial<Tally> = {}): Tally => ({ count: 0, amount: 0, latest: null, ...more });
const dedup = (more: Partial<DedupCondition> = {}): DedupCondition => ({
  recordId: "order:A1",
  windowMs: 1_000,
  limit: 1,
  hold: null,
  holdMs: 5_000,
  ...more,
});
const budget = (more: Partial<BudgetCondition> = {}): BudgetCondition => ({
  name: "maxActionsPerRun",
  counts: "actions",
  limit: 3,
  runId: "run-1",
  action: null,
  recordId: null,
  windowMs: null,
  halts: { scope: "run", id: "run-1" },
  ...more,
});
const gate = (more: Partial<Gate> = {}): Gate => ({ dedup: null, budgets: [], turn: null, ...more });
const ADMIT = { kind: "admit" };

test("where nothing is asked, everybody comes in", () => {
  expect(admit(gate(), 5, { dedup: null, budgets: [] })).toEqual(ADMIT);
  // Whose turn it is, the store sees for itself.
  expect(admit(gate({ turn: { recordId: "order:A1", placeMs: 1 } }), 5, { dedup: null, budgets: [] })).toEqual(ADMIT);
});

describe("the loop filter", () => {
  test.each([
    [1, 0, true],
    [1, 1, false],
    [1, 2, false],
    [3, 2, true],
    [3, 3, false],
  ])("limit %i, with %i in the window already: let in is %s", (limit, count, letIn) => {
    const found = { dedup: tally({ count, latest: count === 0 ? null : "earlier" }), budgets: [] };
    expect(admit(gate({ dedup: dedup({ limit }) }), null, found)).toEqual(
      letIn ? ADMIT : { kind: "skip", earlier: "earlier" },
    );
  });

  test("one too many is skipped, or held for a person, and points to the earlier one either way", () => {
    const found = { dedup: tally({ count: 1, latest: "earlier" }), budgets: [] };
    expect(admit(gate({ dedup: dedup() }), null, found)).toEqual({ kind: "skip", earlier: "earlier" });
    expect(admit(gate({ dedup: dedup({ hold: HOLD }) }), null, found)).toEqual({
      kind: "hold",
      earlier: "earlier",
      hold: HOLD,
    });
  });

  test("without an earlier one there is nothing to skip for", () => {
    expect(admit(gate({ dedup: dedup() }), null, { dedup: tally({ count: 7 }), budgets: [] })).toEqual(ADMIT);
    expect(admit(gate({ dedup: dedup() }), null, { dedup: null, budgets: [] })).toEqual(ADMIT);
    // What was found is of no account where nothing was asked.
    expect(admit(gate(), null, { dedup: tally({ count: 7, latest: "earlier" }), budgets: [] })).toEqual(ADMIT);
  });
});

describe("budgets", () => {
  test.each([
    [0, true],
    [2, true],
    [3, false],
    [4, false],
  ])("of 3 requests, with %i there already: let in is %s", (count, letIn) => {
    const only = budget({ limit: 3 });
    expect(admit(gate({ budgets: [only] }), 99, { dedup: null, budgets: [tally({ count, amount: 1e9 })] })).toEqual(
      letIn ? ADMIT : { kind: "halt", budget: only },
    );
  });

  test.each<[number, number | null, boolean]>([
    [0, 100, true],
    [0, 101, false],
    [60, 40, true],
    [60, 41, false],
    [100, 0, true],
    [100, 1, false],
    // Worth nothing that is known: it adds nothing.
    [100, null, true],
    [101, null, false],
  ])("of an amount of 100, with %i spent and %j asked for: let in is %s", (amount, asked, letIn) => {
    const only = budget({ name: "amount per tenant", counts: "amount", limit: 100 });
    expect(
      admit(gate({ budgets: [only] }), asked, { dedup: null, budgets: [tally({ amount, count: 1_000 })] }),
    ).toEqual(letIn ? ADMIT : { kind: "halt", budget: only });
  });

  test("of an amount is not passed by a rounding error, and by nothing that anybody pays", () => {
    const only = budget({ counts: "amount", limit: 0.3 });
    const ask = (amount: number, spent: number) =>
      admit(gate({ budgets: [only] }), amount, { dedup: null, budgets: [tally({ amount: spent })] }).kind;
    expect(0.1 + 0.2).toBeGreaterThan(0.3);
    expect(ask(0.1, 0.2)).toBe("admit");
    expect(ask(0.000001, 0.3)).toBe("halt");
    const large = budget({ counts: "amount", limit: 1e15 });
    const spent = tally({ amount: 1e15 });
    expect(admit(gate({ budgets: [large] }), 1, { dedup: null, budgets: [spent] }).kind).toBe("halt");
  });

  test("each has a tally of its own, and the first that is used up stops it", () => {
    const budgets = [budget({ name: "a", limit: 9 }), budget({ name: "b", limit: 3 }), budget({ name: "c", limit: 1 })];
    const found = [tally({ count: 1 }), tally({ count: 3 }), tally({ count: 1 })];
    expect(admit(gate({ budgets }), null, { dedup: null, budgets: found })).toEqual({
      kind: "halt",
      budget: budgets[1],
    });
  });

  test("what was not tallied counts as nothing so far", () => {
    expect(admit(gate({ budgets: [budget({ limit: 1 })] }), null, { dedup: null, budgets: [] })).toEqual(ADMIT);
    const amount = budget({ counts: "amount", limit: 5 });
    expect(admit(gate({ budgets: [amount] }), 5, { dedup: null, budgets: [] })).toEqual(ADMIT);
    expect(admit(gate({ budgets: [amount] }), 6, { dedup: null, budgets: [] }).kind).toBe("halt");
    const none = budget({ limit: 0 });
    expect(admit(gate({ budgets: [none] }), null, { dedup: null, budgets: [] })).toEqual({
      kind: "halt",
      budget: none,
    });
  });

  test("come before the loop filter: a loop must stop even where each skip is cheap", () => {
    const found = { dedup: tally({ count: 1, latest: "earlier" }), budgets: [tally({ count: 3 })] };
    for (const hold of [null, HOLD]) {
      expect(admit(gate({ dedup: dedup({ hold }), budgets: [budget()] }), null, found).kind).toBe("halt");
    }
    const left = { ...found, budgets: [tally({ count: 2 })] };
    expect(admit(gate({ dedup: dedup(), budgets: [budget()] }), null, left).kind).toBe("skip");
  });

  test("what is let in one after the other never goes past the limit, and stops only where it would", () => {
    fc.assert(
      fc.property(fc.nat(50), fc.array(fc.nat(20), { maxLength: 20 }), (limit, amounts) => {
        const only = budget({ counts: "amount", limit });
        let spent = 0;
        for (const amount of amounts) {
          const { kind } = admit(gate({ budgets: [only] }), amount, {
            dedup: null,
            budgets: [tally({ amount: spent })],
          });
          expect(kind).toBe(spent + amount > limit ? "halt" : "admit");
          if (kind === "admit") spent += amount;
          expect(spent).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });
});
