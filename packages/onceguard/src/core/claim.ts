import type { Receipt, RequestIdentity } from "./receipt.ts";

/** Everything a first claim writes. */
export interface ClaimRequest extends RequestIdentity {
  readonly payload: string;
  /** Unique per call. A claim whose acknowledgement was lost is asked again with it, and is then still ours. */
  readonly ownerToken: string;
  readonly leaseMs: number;
}

declare const granted: unique symbol;

/**
 * The atomic right to execute one attempt. Only a store makes one (`grantClaim`), and `execute` accepts nothing else,
 * so executing an unclaimed proposal does not compile.
 */
export interface Claim {
  readonly [granted]: true;
  readonly receipt: Receipt;
  readonly ownerToken: string;
}

/** For stores only, at the moment their atomic write has succeeded. */
export function grantClaim(receipt: Receipt, ownerToken: string): Claim {
  return { receipt, ownerToken } as Claim;
}
