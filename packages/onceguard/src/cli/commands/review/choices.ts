import type { Receipt } from "../../../core/receipt.ts";
import type { By, Guard } from "../../../pipeline/guard.ts";

/** One thing that a person can say to a request, and what follows from it. */
export interface Choice {
  readonly key: string;
  readonly label: string;
  /** What will happen, said before the reason is asked for. */
  follows(receipt: Receipt): string;
  /** How the reason is asked for. */
  question(receipt: Receipt): string;
  /** Ask for the result that replays will answer. */
  readonly takesResult?: true;
  decide(guard: Guard, receipt: Receipt, by: Decided): Promise<Receipt>;
}

export interface Decided extends By {
  readonly expectedVersion: number;
  readonly result?: unknown;
}

const DID_IT = "How do you know that it did not happen?";

const HAPPENED: Choice = {
  key: "h",
  label: "happened",
  follows: () => "It will count as succeeded. Nothing is sent; whoever asks again gets a replay.",
  question: () => "How do you know that it happened?",
  takesResult: true,
  decide: (guard, { requestId }, by) => guard.resolve(requestId, { ...by, decision: "happened" }),
};

const DID_NOT_HAPPEN: Choice = {
  key: "n",
  label: "did not happen",
  follows: () => "It will count as failed. Nothing is sent, unless somebody has it tried again later.",
  question: ({ mayHaveApplied }) => (mayHaveApplied ? DID_IT : "Why is it not to be tried again?"),
  decide: (guard, { requestId }, by) => guard.resolve(requestId, { ...by, decision: "did_not_happen" }),
};

const RETRY: Choice = {
  key: "r",
  label: "retry",
  follows: ({ mayHaveApplied }) =>
    mayHaveApplied
      ? "It will be SENT AGAIN, under a new idempotency key. If it did happen after all, it then happens twice: only say so if you have looked."
      : "It will be SENT AGAIN, under a new idempotency key.",
  question: ({ mayHaveApplied }) => (mayHaveApplied ? DID_IT : "What is different now?"),
  decide: (guard, { requestId }, by) => guard.resolve(requestId, { ...by, decision: "retry" }),
};

const APPROVE: Choice = {
  key: "a",
  label: "approve",
  follows: () =>
    "It will be SENT, once and with just this payload, when a process with its action looks or its caller asks again.",
  question: () => "Why do you agree?",
  decide: (guard, { requestId }, by) => guard.approve(requestId, by),
};

const DENY: Choice = {
  key: "d",
  label: "deny",
  follows: () => "It will never be sent, and whoever asks again is told so.",
  question: () => "Why do you refuse?",
  decide: (guard, { requestId }, by) => guard.deny(requestId, by),
};

/** What can be said to a request as it stands. */
export function choicesFor(receipt: Receipt): readonly Choice[] {
  if (receipt.state === "held") return [APPROVE, DENY];
  // The effect itself was observed, and something after it failed: it can neither be sent again nor be said not to be.
  return receipt.evidence === null ? [HAPPENED, DID_NOT_HAPPEN, RETRY] : [HAPPENED];
}
