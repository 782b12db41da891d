import type { Outcome } from "../core/outcome.ts";

/**
 * What becomes of a job, for its engine to act on; every adapter says it in its engine's own words.
 *
 *   done    nothing is left to do: acknowledge it
 *   later   ask again in `delayMs`, with the same job. Never counts as one of the engine's own attempts where the engine
 *           can tell the difference: nothing went wrong, the answer is only not there yet
 *   never   asking again gives the same answer: fail it for good, whatever attempts the engine has left
 */
export type Verdict<Result = unknown> = Done<Result> | Later | Never;

interface Judged {
  /** Null: the payload did not fit, nothing was sent, and nothing is known under any id. */
  readonly outcome: Outcome | null;
  /** One line for the engine's own log and failure reason. */
  readonly message: string;
}

export interface Done<Result> extends Judged {
  readonly verdict: "done";
  /** Undefined when it was skipped, or when its result is not kept any more. */
  readonly result: Result | undefined;
}

/** Not settled yet: the job has to come again. */
export interface Later extends Judged {
  readonly verdict: "later";
  readonly delayMs: number;
  /** A person has to decide first, or will sooner or later: asking sooner brings nothing. */
  readonly waitsForPerson: boolean;
}

/** It will not be done by asking again: a refusal, or a certain failure. */
export interface Never extends Judged {
  readonly verdict: "never";
}

/** An engine that is told "at once" asks in a loop. */
const SHORTEST_DELAY_MS = 250;

export interface VerdictOptions {
  /** How long a job is put off whose next word is a person's, in ms; null: it fails. */
  readonly parkedMs: number | null;
  /** Its action has a probe or a downstream key, so that a doubt settles by asking again. */
  readonly settlesAlone: boolean;
}

/** From what a caller sees to what an engine does. */
export function verdictOf<Result>(outcome: Outcome<Result>, options: VerdictOptions): Verdict<Result> {
  const judged = { outcome, message: jobWords(outcome) };
  const done = (result?: Result): Done<Result> => ({ ...judged, verdict: "done", result });
  const never: Never = { ...judged, verdict: "never" };
  const later = (ms: number): Later => {
    return { ...judged, verdict: "later", delayMs: Math.max(ms, SHORTEST_DELAY_MS), waitsForPerson: false };
  };
  const parked = (): Later | Never =>
    options.parkedMs === null ? never : { ...later(options.parkedMs), waitsForPerson: true };

  switch (outcome.status) {
    case "executed":
    case "replayed":
      return done(outcome.result);
    case "skipped":
      return done();
    case "expired":
      // Only how it ended is known any more, and that stands in the place of the reason.
      return outcome.receipt?.reason === "failed" || outcome.receipt?.reason === "denied" ? never : done();
    case "in_progress": {
      // It is settled sooner, perhaps, but an engine counts how often it asks. Before the lease is over nothing else can be.
      const { receipt, retryAfterMs } = outcome;
      const leaseMs = receipt?.state === "running" && receipt.dueAt !== null ? receipt.dueAt - receipt.readAt : 0;
      return later(Math.max(retryAfterMs, leaseMs));
    }
    case "retry_later":
    case "unavailable":
      return later(outcome.retryAfterMs);
    case "in_doubt":
      // Without a way to find out, a sweeper is about to hand it to a person.
      return options.settlesAlone ? later(outcome.retryAfterMs) : parked();
    case "held":
    case "review":
    case "halted":
      return parked();
    case "failed":
    case "denied":
    case "mismatch":
      return never;
  }
}

function jobWords(outcome: Outcome): string {
  const { status, requestId } = outcome;
  const why = "reason" in outcome ? outcome.reason : "failure" in outcome ? outcome.failure?.message : undefined;
  return `onceguard: ${status}${why ? `: ${why}` : ""} (request ${requestId})`;
}
