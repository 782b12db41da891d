/** What a store of one's own is built from: `onceguard/store`. Run the contract of `onceguard/testing` against it. */
export type { Claim, ClaimRequest } from "./core/claim.ts";
export { grantClaim } from "./core/claim.ts";
export type { Next, Transition } from "./core/lifecycle.ts";
export { advance, firstReceipt, KEEP_DUE } from "./core/lifecycle.ts";
export type { ApplyAnswer, ClaimAnswer, LogEntry, ReceiptQuery, Renewal, Store, StoreInfo } from "./core/ports.ts";
export type { Receipt, State, StoredResult } from "./core/receipt.ts";
