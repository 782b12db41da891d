import type { Receipt } from "../core/receipt.ts";

/** A copy of its own for every use: what was hashed is what is executed, whatever an earlier attempt did to it. */
export function payloadOf(receipt: Receipt): unknown {
  return receipt.payload === null ? null : JSON.parse(receipt.payload);
}
