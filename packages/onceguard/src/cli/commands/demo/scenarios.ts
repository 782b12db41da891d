import type { KillPoint } from "./messages.ts";
import type { AccountTerms, Fault } from "./provider-client.ts";

/** Agent processes that run at the same time. */
export interface Wave {
  /** One process per number; the number is how often it decides to pay, all at the same time. */
  readonly calls: readonly number[];
  /** Where the (only) process of this wave is killed. */
  readonly kill?: KillPoint;
}

/** One intent (pay one invoice), and what goes wrong on the way. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly terms: AccountTerms;
  /** One after the other: a later wave is a fresh process that was given the same intent. */
  readonly waves: readonly Wave[];
  readonly timeoutMs: number;
  /** Without a guard, this must have paid more than once. If it has not, the scenario has shown nothing. */
  readonly unguardedDuplicates: boolean;
  /** A later call must have reached the guard in other words, or the scenario has shown nothing. */
  readonly otherWords?: boolean;
}

/** Every invoice is about this much. */
export const AMOUNT_CENTS = 50_000;

/** Both kinds of provider, because each settles a doubt in its own way. */
const withKeys = (...faults: Fault[]): AccountTerms => ({
  idempotencyKeys: true,
  lookup: false,
  faults,
  answerAfterMs: 0,
});
const withLookup = (...faults: Fault[]): AccountTerms => ({
  ...withKeys(...faults),
  idempotencyKeys: false,
  lookup: true,
});

const ONE: Wave = { calls: [1] };
/** Longer than anything takes: only a scenario about time-outs may depend on one. */
const PATIENT_MS = 10_000;

export const SCENARIOS: readonly Scenario[] = [
  {
    id: "lost_response",
    title: "Response lost after payment",
    terms: withKeys("lose_response"),
    waves: [ONE],
    timeoutMs: PATIENT_MS,
    unguardedDuplicates: true,
  },
  {
    id: "timeout",
    title: "Time-out after payment",
    terms: withKeys("hang"),
    waves: [ONE],
    timeoutMs: 500,
    unguardedDuplicates: true,
  },
  // Two answers that say the same and mean the opposite ...
  {
    id: "error_500",
    title: "HTTP 500 after payment",
    terms: withLookup("error_500"),
    waves: [ONE],
    timeoutMs: PATIENT_MS,
    unguardedDuplicates: true,
  },
  {
    id: "error_503",
    title: "HTTP 503, nothing paid",
    terms: withLookup("error_503"),
    waves: [ONE],
    timeoutMs: PATIENT_MS,
    unguardedDuplicates: false,
  },
  // ... and two deaths that look the same to everybody who is left.
  {
    id: "kill_after_payment",
    title: "kill -9 after payment",
    terms: withLookup("hang"), // holds the answer back, so that the agent is certainly dead before it could have it
    waves: [{ calls: [1], kill: "after_commit" }, ONE],
    timeoutMs: PATIENT_MS,
    unguardedDuplicates: true,
  },
  {
    id: "kill_before_payment",
    title: "kill -9 before payment",
    terms: withLookup(),
    waves: [{ calls: [1], kill: "before_send" }, ONE],
    timeoutMs: PATIENT_MS,
    unguardedDuplicates: false,
  },
  {
    id: "concurrent_duplicates",
    title: "50 duplicates, 4 processes",
    terms: { ...withLookup(), answerAfterMs: 100 }, // long enough for all of them to meet
    waves: [{ calls: [13, 13, 12, 12] }],
    timeoutMs: PATIENT_MS,
    unguardedDuplicates: true,
  },
  {
    id: "replanned_call",
    title: "Planned again, other words",
    terms: withKeys(),
    waves: [ONE, ONE],
    timeoutMs: PATIENT_MS,
    unguardedDuplicates: true,
    otherWords: true,
  },
];
