/** A key that private fields are encrypted under. */
export interface DataKey {
  /** Stands in receipts and documents: tells nothing of the subject, and nothing at all once the key is destroyed. */
  readonly id: string;
  /** 32 bytes, for AES-256-GCM. */
  readonly bytes: Uint8Array;
}

/**
 * Where the keys of private fields are: not in the store, or its backups would keep what was erased. One key per subject,
 * made when it is first needed and durable before it is used, and one per tenant for what has no subject (`null`).
 */
export interface KeyRing {
  current(tenant: string, subject: string | null): Promise<DataKey>;
  /** Null: it was destroyed, or was never here. */
  find(tenant: string, id: string): Promise<DataKey | null>;
  /** The id of the subject's key; null when it has none. */
  idOf(tenant: string, subject: string): Promise<string | null>;
  /** Destroys the subject's key for good. Idempotent. */
  destroy(tenant: string, subject: string): Promise<void>;
}
