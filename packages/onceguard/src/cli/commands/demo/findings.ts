import type { LedgerEntry } from "./ledger.ts";
import type { Answer, Side } from "./messages.ts";
import type { ScenarioResult } from "./run-scenario.ts";

/** What the demo found. */
export interface Findings {
  readonly runId: string;
  readonly seconds: number;
  readonly results: readonly JudgedResult[];
  /** Where the receipts and the ledger are; null when they have been removed. */
  readonly store: string | null;
  readonly ledger: string | null;
}

export interface JudgedResult extends ScenarioResult {
  /** What does not hold. */
  readonly problems: readonly string[];
}

export function allHold({ results }: Findings): boolean {
  return results.every(({ problems }) => problems.length === 0);
}

export function chargedCents(payments: readonly LedgerEntry[]): number {
  return payments.reduce((sum, { amount_cents }) => sum + amount_cents, 0);
}

export interface Totals {
  readonly intents: number;
  readonly payments: number;
  readonly chargedCents: number;
}

/** Each scenario is one intent: one invoice that is to be paid. */
export function totals({ results }: Findings, side: Side): Totals {
  const payments = results.flatMap((result) => result[side].payments);
  return { intents: results.length, payments: payments.length, chargedCents: chargedCents(payments) };
}

/** How many callers got which answer. */
export function tally(answers: readonly Answer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
