/** Receipts that an outsider can verify: `onceguard/seal`. */
export type { Anchor, ObjectBucket } from "./anchor.ts";
export { callbackAnchor, fileAnchor, gitAnchor, httpAnchor, objectAnchor } from "./anchor.ts";
export type { Bundle, BundleVerdict } from "./bundle.ts";
export { makeBundle, verifyBundle } from "./bundle.ts";
export type { SigningKey, VerifyingKey } from "./keys.ts";
export { keyText, newKey, readKeys, rotated } from "./keys.ts";
export type { SealedLog } from "./sealed-log.ts";
export { readSealedLog } from "./sealed-log.ts";
export type { SealedReceipts, SealedReceiptsOptions, SignedCheckpoint } from "./sealed-receipts.ts";
export { sealedReceipts } from "./sealed-receipts.ts";
export type { Sealed, Sealer, SealerOptions } from "./sealer.ts";
export { openSealer } from "./sealer.ts";
export type { LogProblem, LogToVerify, LogVerdict } from "./verify-log.ts";
export { verifyLog } from "./verify-log.ts";
