import type { Action } from "../core/action.ts";
import type { Receipt } from "../core/receipt.ts";

/** A copy of its own for every use: what was hashed is what is executed, whatever an earlier attempt did to it. */
export function payloadOf(receipt: Receipt): unknown {
  return receipt.payload === null ? null : JSON.parse(receipt.payload);
}

/** What is executed of an action: its definition, and its payload, which the record has without what is redacted. */
export type Executed = Pick<Action, "definition" | "canonical" | "recorded">;

/**
 * The payload for the action's own code: as it is recorded, or the caller's own where the record lacks something of it.
 * Both have the same fingerprint.
 */
export function payloadFor({ canonical, recorded }: Executed, receipt: Receipt): unknown {
  const isWhole = canonical === recorded && receipt.payload !== null;
  return isWhole ? payloadOf(receipt) : JSON.parse(canonical);
}
