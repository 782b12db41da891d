import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Receipt } from "../../src/core/receipt.ts";
import type { TableEffect } from "../crash/effect-table.ts";
import type { Call, Happened } from "./history.ts";
import type { LedgerLine } from "./outside.ts";

/** What is known at the end of a run, when nothing moves any more. */
export interface Evidence {
  /** What really happened: the world's ledger, and the table in the store's own database. */
  readonly effects: readonly Happened[];
  readonly receipts: readonly Receipt[];
  readonly calls: readonly Call[];
}

export interface Counts {
  readonly calls: number;
  /** Calls whose caller was killed while it waited. */
  readonly openCalls: number;
  /** Requests whose history was checked; and of these, how many were called for in more than one life. */
  readonly requests: number;
  readonly sharedRequests: number;
  readonly effects: number;
  readonly told: Readonly<Record<string, number>>;
  /** Of the receipts, when all is settled that can be without a person. */
  readonly states: Readonly<Record<string, number>>;
}

export function countsOf({ calls, effects, receipts }: Evidence): Counts {
  const requests = Map.groupBy(calls, ({ requestId }) => requestId);
  const callers = [...requests.values()].map(
    (made) => new Set(made.map(({ by }) => by).filter((by) => by !== WITNESS)),
  );
  return {
    calls: calls.length,
    openCalls: calls.filter(({ to }) => to === Number.POSITIVE_INFINITY).length,
    requests: requests.size,
    sharedRequests: callers.filter(({ size }) => size > 1).length,
    effects: effects.length,
    told: countBy(calls.map(({ answer, thrown }) => answer?.status ?? (answer ? "read" : thrown ? "threw" : "open"))),
    states: countBy(receipts.map(({ state }) => state)),
  };
}

/** Who asks for everything once more in the end. */
export const WITNESS = "witness";

/** When it was committed at the latest, the ledger does not say: whoever writes it down is not told before. */
export function happenedOutside({ reference, number, fence, from }: LedgerLine): Happened {
  return { requestId: reference, number, fence, from, to: Number.POSITIVE_INFINITY };
}

export function happenedInside({ reference, number }: TableEffect): Happened {
  return { requestId: reference, number, fence: 0, from: 0, to: Number.POSITIVE_INFINITY };
}

/** @returns the folder, which has the ledger already. */
export function keep(dir: string, evidence: Evidence, violations: readonly object[]): string {
  const kept = { ...evidence, violations };
  for (const [name, values] of Object.entries(kept)) {
    writeFileSync(join(dir, `${name}.jsonl`), values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  }
  return dir;
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
