import { OnceguardError } from "../core/errors.ts";
import type { Outcome } from "../core/outcome.ts";

/**
 * The result, for those who want exceptions.
 *
 * @throws OnceguardError `outcome_not_success` with the whole outcome in `fields.outcome`. Do not retry blindly on it:
 *   `fields.outcome.status` may be `in_doubt`.
 */
export function unwrap<Result>(outcome: Outcome<Result>): Result {
  if (outcome.status === "executed" || outcome.status === "replayed") return outcome.result;
  const why =
    "reason" in outcome
      ? `: ${outcome.reason}`
      : "failure" in outcome && outcome.failure
        ? `: ${outcome.failure.message}`
        : "";
  throw new OnceguardError("outcome_not_success", `Request "${outcome.requestId}" is ${outcome.status}${why}`, {
    outcome,
  });
}
