import type { Gate } from "./gate.ts";
import type { Hold } from "./hold.ts";
import type { Receipt, RequestIdentity } from "./receipt.ts";

/** Everything a first claim writes. */
export interface ClaimRequest extends RequestIdentity {
  readonly payload: string;
  /** Unique per call. A claim whose acknowledgement was lost is asked again with it, and is then still ours. */
  readonly ownerToken: string;
  readonly start: Start;
  /** Its dispatch will be marked (`preciseDispatch`). */
  readonly tracked: boolean;
  /**
   * Marked as dispatched from the start, in a transaction that the store joins (`StoreTransaction`), and only there: who
   * sees this claim without an outcome sees what its owner has committed half done.
   */
  readonly marked?: boolean;
  /** Conditions that look at other requests; null, as for most: none. */
  readonly gate: Gate | null;
}

/** In which state the record of a first call begins. */
export type Start =
  /** Row 1: ours to execute. */
  | { readonly state: "running"; readonly leaseMs: number }
  /** Row 2: a person or a finality case comes first; looked at again after `dueInMs`. */
  | { readonly state: "held"; readonly hold: Hold; readonly dueInMs: number }
  /** Recorded now, executed by a sweeper (the outbox): nothing has been sent. */
  | { readonly state: "retry_wait" }
  /** After a restore: may have been sent by a process whose record is lost, from `sentFrom` until `sentUntil`. */
  | { readonly state: "in_doubt"; readonly sentFrom: number; readonly sentUntil: number };

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
