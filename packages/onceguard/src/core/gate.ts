import type { HaltScope } from "./halt.ts";
import type { Hold } from "./hold.ts";

/**
 * Conditions on a first claim that look at other requests. They are checked in the commit that makes the claim, with
 * everybody else who asks about the same record, run or budget waiting outside: otherwise two racers would both be the
 * last one that fits.
 */
export interface Gate {
  readonly dedup: DedupCondition | null;
  readonly budgets: readonly BudgetCondition[];
  readonly turn: TurnCondition | null;
}

/** The loop filter: requests of this action on this record (docs/control.md). */
export interface DedupCondition {
  readonly recordId: string;
  readonly windowMs: number;
  readonly limit: number;
  /** What becomes of one over the limit: nothing at all, or it is held for a person, for `holdMs` at most. */
  readonly hold: Hold | null;
  readonly holdMs: number;
}

/** A limit that halts its scope when a claim would go past it. */
export interface BudgetCondition {
  /** For people, and in the halt's reason. */
  readonly name: string;
  readonly counts: "actions" | "amount";
  readonly limit: number;
  /** Requests of this run, action and record only; null: of all. */
  readonly runId: string | null;
  readonly action: string | null;
  readonly recordId: string | null;
  /** How far back from now what was sent counts; what is still to be sent does in any case. Null: since ever. */
  readonly windowMs: number | null;
  readonly halts: { readonly scope: HaltScope; readonly id: string };
}

/** One running claim per record, in order of arrival. A place in the queue lapses when nobody asks for it. */
export interface TurnCondition {
  readonly recordId: string;
  readonly placeMs: number;
}

/** What the store found for one condition, leaving the asker's own request out. */
export interface Tally {
  readonly count: number;
  readonly amount: number;
  readonly latest: string | null;
}

/** What the loop filter and the budgets say to a claim. */
export type Admission =
  | { readonly kind: "admit" }
  | { readonly kind: "skip"; readonly earlier: string }
  | { readonly kind: "hold"; readonly earlier: string; readonly hold: Hold }
  | { readonly kind: "halt"; readonly budget: BudgetCondition };

/** The pure decision: what the tallies allow. A budget comes first: a loop must stop even where each skip is cheap. */
export function admit(
  gate: Gate,
  amount: number | null,
  found: { readonly dedup: Tally | null; readonly budgets: readonly Tally[] },
): Admission {
  for (const [n, budget] of gate.budgets.entries()) {
    const tally = found.budgets[n] ?? NOTHING;
    const after = budget.counts === "actions" ? tally.count + 1 : tally.amount + (amount ?? 0);
    if (after > budget.limit + Math.min(budget.limit * ROUNDING, SMALLEST)) return { kind: "halt", budget };
  }
  const { dedup } = gate;
  const earlier = found.dedup?.latest ?? null;
  if (dedup === null || earlier === null || (found.dedup?.count ?? 0) < dedup.limit) return { kind: "admit" };
  return dedup.hold === null ? { kind: "skip", earlier } : { kind: "hold", earlier, hold: dedup.hold };
}

/** Takes up the slack of floating point (three times 0.1 is a hair more than 0.3), and is less than anybody pays. */
const ROUNDING = 1e-12;
const SMALLEST = 1e-6;

const NOTHING: Tally = { count: 0, amount: 0, latest: null };
