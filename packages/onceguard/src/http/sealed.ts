import type { Receipt } from "../core/receipt.ts";

/** The log as a sealer has sealed it, for `GET /v1/checkpoints` and exports; `sealedReceipts` of `onceguard/seal` makes one. */
export interface SealedSource {
  /** The newest checkpoint, or the one over just so many entries; null: there is none. */
  checkpoint(size?: number): Promise<CheckpointNote | null>;
  /** A signed bundle that an outsider can verify; null while the receipt's last change is not sealed. */
  bundle(receipt: Receipt): Promise<object | null>;
}

/** A checkpoint of the sealed log. */
export interface CheckpointNote {
  /** As it was signed (C2SP signed-note). */
  readonly note: string;
  readonly origin: string;
  readonly size: number;
  /** In base64. */
  readonly root: string;
  /** Ms since the epoch. */
  readonly at: number;
}
