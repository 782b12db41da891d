import { type Classifier, unproven } from "./classifier.ts";
import { hadEarlierRequest } from "./earlier-request.ts";
import { at, isObject, readable } from "./read.ts";

/** How deep causes are followed. Real chains have two or three links; a cycle has no end. */
export const MAX_DEPTH = 8;

/**
 * The error inside a wrapper that is known to stand for one request and to add nothing: fetch's `TypeError: fetch
 * failed`, axios's network error, Drizzle's failed query. Any other wrapper is a statement of its own. `new Error("paid,
 * but could not tell the customer", { cause })` has a cause that was never sent, and an effect that happened.
 */
export function wrapped(error: unknown): unknown {
  if (!isObject(error)) return undefined;
  const fetchFailed = error.message === "fetch failed" && error.name === "TypeError";
  const axiosNetwork = error.isAxiosError === true && error.code === "ERR_NETWORK";
  const drizzleQuery = typeof error.query === "string" && Array.isArray(error.params);
  return fetchFailed || axiosNetwork || drizzleQuery ? error.cause : undefined;
}

/**
 * Lets a classifier look into the causes of errors that your own code wraps: the first error of the chain about which it
 * has an opinion decides. Use it only where a wrapper says no more than its cause, so not around `execute` code that does
 * something else after the effect, and not for an SDK that retries without a trace.
 *
 * @example defineAction({ classify: throughCauses(networkErrors), ... })
 */
export function throughCauses(classify: Classifier): Classifier {
  return (error, options) => {
    let here = error;
    let earlier = false;
    for (let depth = 0; depth < MAX_DEPTH && isObject(here); depth++) {
      const current = here;
      const failure = readable(() => classify(current, options));
      // What cannot be read may hide an earlier request.
      earlier ||= readable(() => hadEarlierRequest(current)) ?? true;
      if (failure) return earlier && failure.certainty === "definite" ? unproven(failure) : failure;
      here = readable(() => at(current, "cause"));
    }
    return undefined;
  };
}
