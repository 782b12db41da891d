import { type Classifier, classifier } from "./classifier.ts";
import { codeOf, messageOf, nameOf } from "./read.ts";

/** Codes of an abort that do not show in the error's name: Node, undici, axios. */
const ABORT_CODES: ReadonlySet<string> = new Set(["ABORT_ERR", "UND_ERR_ABORTED", "UND_ERR_ABORT", "ERR_CANCELED"]);

/**
 * Aborts and time-outs: `AbortError`, `TimeoutError`. They say that the caller stopped waiting, and nothing about the
 * effect, so they come first: whatever else such an error carries is no proof either.
 */
export const abortErrors: Classifier = classifier((error) => {
  const name = nameOf(error);
  const code = codeOf(error);
  const timedOut = name === "TimeoutError";
  if (!timedOut && name !== "AbortError" && !ABORT_CODES.has(code ?? "")) return undefined;
  return {
    certainty: "indefinite",
    tier: "transient",
    code: code ?? (timedOut ? "timeout" : "aborted"),
    message: messageOf(error),
  };
});
