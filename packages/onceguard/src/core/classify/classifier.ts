import { hadEarlierRequest } from "./earlier-request.ts";
import { isObject, readable } from "./read.ts";

/** Could the effect have happened? Only an observed rejection, or a call that was never sent, is `definite`. */
export type Certainty = "definite" | "indefinite";

/** Who can fix it (docs/failures.md). */
export type FailureTier = "transient" | "validation" | "conflict" | "security";

/** One failed attempt, as data: what is stored, shown and replayed. */
export interface Failure {
  readonly certainty: Certainty;
  /** null: nobody has to fix anything, the answer is simply no (a declined card). */
  readonly tier: FailureTier | null;
  /** Short and stable: `http_409`, `ECONNREFUSED`, `timeout`, `lease_expired`, `unclassified`. */
  readonly code: string;
  readonly message: string;
  /** Least time before the next attempt, in ms, where the other side gave one. */
  readonly retryAfterMs?: number;
}

/** An action's own classifier; answer undefined to leave it to the built-in one. */
export type Classify = (error: unknown) => Failure | undefined;

/** What a built-in classifier can be told besides the error. */
export interface ClassifyOptions {
  /** HTTP statuses that this action declares as "not done", beyond the defaults. */
  readonly noEffectOn?: readonly number[];
  /** The time in ms since 1970, for a `Retry-After` that names a date in a response that does not say its own. */
  readonly now?: number | undefined;
}

/** A classifier that fits wherever a `Classify` does. The built-in ones never throw. */
export type Classifier = (error: unknown, options?: ClassifyOptions) => Failure | undefined;

/**
 * Makes a built-in classifier of a rule about one shape of error: an error that cannot be read gets no opinion, and a
 * rule's `definite` becomes `indefinite` where the client had sent an earlier request that this error does not report.
 */
export function classifier(rule: (error: unknown, options: ClassifyOptions) => Failure | undefined): Classifier {
  return (error, options = {}) =>
    readable(() => {
      const failure = rule(error, options);
      return failure?.certainty === "definite" && hadEarlierRequest(error) ? unproven(failure) : failure;
    });
}

/** The same failure, when it says nothing about an earlier request of the same attempt. */
export function unproven(failure: Failure): Failure {
  const why = "The client may have sent an earlier request, and this answer does not tell what became of it.";
  return { ...failure, certainty: "indefinite", message: `${failure.message} (${why})` };
}

/**
 * Asks one classifier after the other; the first that has an opinion decides. One that throws, or that answers anything
 * but a failure (a promise, say), has none.
 *
 * @example defineAction({ classify: firstOf(mine, stripeErrors), ... })
 */
export function firstOf(...classifiers: readonly Classifier[]): Classifier {
  return (error, options) => {
    for (const classify of classifiers) {
      const failure = opinion(() => classify(error, options));
      if (failure) return failure;
    }
    return undefined;
  };
}

const CERTAINTIES: ReadonlySet<unknown> = new Set<Certainty>(["definite", "indefinite"]);
const TIERS: ReadonlySet<unknown> = new Set<FailureTier | null>([
  "transient",
  "validation",
  "conflict",
  "security",
  null,
]);

/** A failure that somebody else's code gave, as a copy with all it must have; nothing if it is not one. */
export function opinion(ask: () => unknown): Failure | undefined {
  return readable(() => {
    const given = ask();
    if (!isObject(given)) return undefined;
    const { certainty, tier, code, message, retryAfterMs } = given as Partial<Failure>;
    if (!CERTAINTIES.has(certainty) || !TIERS.has(tier)) return undefined;
    if (typeof code !== "string" || typeof message !== "string") return undefined;
    const timed = typeof retryAfterMs === "number" && Number.isFinite(retryAfterMs) && retryAfterMs >= 0;
    const failure = { certainty, tier, code, message } as Failure;
    return timed ? { ...failure, retryAfterMs } : failure;
  });
}
