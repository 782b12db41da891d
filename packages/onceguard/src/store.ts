/** What a store of one's own is built from: `onceguard/store`. Run the contract of `onceguard/testing` against it. */
export type { Claim, ClaimRequest, Start } from "./core/claim.ts";
export { grantClaim } from "./core/claim.ts";
export type { Epoch, EpochOrder } from "./core/epoch.ts";
export { isAskedAgain } from "./core/epoch.ts";
export type { Admission, Gate, Tally } from "./core/gate.ts";
export { admit } from "./core/gate.ts";
export type { Halt, HaltOrder, HaltSubject } from "./core/halt.ts";
export { halts } from "./core/halt.ts";
export { WAITS_FOR_CASE } from "./core/hold.ts";
export type { Next, Transition } from "./core/lifecycle.ts";
export { advance, firstEvent, firstReceipt, KEEP_DUE } from "./core/lifecycle.ts";
export { firstLine, haltLine, lineWithoutRecord, transitionLine } from "./core/log-line.ts";
export type { Notification } from "./core/notification.ts";
export { notificationId } from "./core/notification.ts";
export type {
  ApplyAnswer,
  ClaimAnswer,
  HaltQuery,
  LogEntry,
  LogQuery,
  NewLogEntry,
  ReceiptQuery,
  Renewal,
  Store,
  StoredCase,
  StoreInfo,
  StoreTransaction,
  TakenNotification,
} from "./core/ports.ts";
export type { Receipt, State, StoredResult } from "./core/receipt.ts";
