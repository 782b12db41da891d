import type { Cause } from "../core/attribution.ts";
import type { Receipt } from "../core/receipt.ts";

/** Why the next attempt of a record is made, where it is not for what the asker says. */
export function nextCause({ state, attemptNumber, reason }: Receipt, asked: Cause): Cause {
  if (attemptNumber === 0) return "first";
  // Only a person's decision leaves a reason with what waits for its retry.
  return state === "retry_wait" && reason !== null ? "human" : asked;
}
