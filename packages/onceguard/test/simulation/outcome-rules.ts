import type { Outcome } from "../../src/core/outcome.ts";
import type { LogEntry } from "../../src/core/ports.ts";
import type { Receipt } from "../../src/core/receipt.ts";
import type { Life } from "./life.ts";
import type { Account, World } from "./world.ts";

/** One call of `execute` or `reconcile` by somebody who wants an answer. */
export interface Call {
  readonly name: string;
  readonly requestId: string;
  readonly amount: number | null;
  readonly life: Life;
  /** Fences of what was sent by this very call. */
  readonly sent: number[];
  answered: boolean;
}

/** What is known of a record from the changes seen so far. */
export interface Seen {
  receipt: Receipt;
  log: readonly LogEntry[];
  changedAt: number;
  /** A person had it tried again, or it was approved. */
  again: boolean;
}

/** What is not true of what a caller was told, at the time it hears it; null when all of it is. */
export function problemWithOutcome(call: Call, outcome: Outcome, world: World, seen: Seen | undefined): string | null {
  const { status, receipt } = outcome;
  const account = world.account(call.requestId);
  const happened = account.effects.length > 0;
  const mayHaveHappened = happened || world.mayStillHappen(account);
  const settledAs = seen?.receipt.state === "expired" ? seen.receipt.reason : seen?.receipt.state;
  if (status !== "skipped" && receipt !== null && call.amount !== null) {
    const stored = amountIn(receipt);
    if (stored !== null && stored !== call.amount) return `${status} with what is stored for another payload`;
  }
  switch (status) {
    case "executed":
      if (call.sent.length === 0) return "executed, and it sent nothing";
      if (settledAs !== "succeeded") return "executed, and it is not recorded";
      return happened ? problemWithResult(outcome.result, account) : "executed, and it has not happened";
    case "replayed":
      if (settledAs !== "succeeded") return "replayed, and it is not recorded";
      return happened ? problemWithResult(outcome.result, account) : "replayed, and it has not happened";
    case "in_doubt":
      return outcome.result === undefined ? null : problemWithResult(outcome.result, account);
    case "failed":
      // Unless a person has had it tried again while the answer was on its way.
      return mayHaveHappened && !seen?.again ? "failed, and it may have happened" : null;
    case "denied":
      if (receipt === null) return call.sent.length > 0 ? "denied, and this call sent it" : null;
      return mayHaveHappened ? "denied, and it may have happened" : null;
    case "skipped":
      return call.sent.length > 0 ? "skipped, and this call sent it" : null;
    case "unavailable":
      return call.sent.length > 0 ? "unavailable with dispatched: false, and this call sent it" : null;
    case "halted":
      return world.mayBeDoneBy(account, call.sent)
        ? "halted (nothing was sent by this call), and what it sent may have happened"
        : null;
    case "mismatch":
      return receipt === null ? null : "mismatch, with what is stored";
    default:
      return null;
  }
}

/** Undefined: nobody has told the guard what the result was, or it is forgotten by now. */
function problemWithResult(result: unknown, { effects }: Account): string | null {
  if (result === undefined) return null;
  const effect = (result as { effect?: string } | null)?.effect;
  const made = effects[0]?.result.effect;
  return effect === made ? null : `the result is ${effect}, and it was ${made}`;
}

/** The canonical text of a payload begins with it: `{"amount":1,`. */
export function amountIn({ payload }: Receipt): number | null {
  return payload === null ? null : Number(/^\{"amount":(\d+),/.exec(payload)?.[1]);
}
