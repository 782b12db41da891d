/**
 * A new epoch begins when a store is restored from an older backup: what was recorded between the two is gone, and what
 * was sent in between is not. While it is in force, a request without a record is a question, not a first call.
 */
export interface Epoch {
  /** From 1. */
  readonly number: number;
  /** What the backup holds up to; ms since the epoch, as are all times here. */
  readonly backupAt: number;
  readonly restoredAt: number;
  /** When new requests count as new again; null: when a person says so. */
  readonly until: number | null;
  readonly actor: string;
  readonly reason: string;
}

/** A new epoch after a restore: from when the backup is, who says so, and why. */
export interface EpochOrder {
  readonly backupAt: number;
  /** How long it is in force, in ms; null: until lifted. */
  readonly lastsMs: number | null;
  readonly actor: string;
  readonly reason: string;
}

/** Whether this is the restore that is in force already: from a backup as old, which was made before it. */
export function isAskedAgain(inForce: Epoch, { backupAt }: EpochOrder): boolean {
  return inForce.backupAt <= backupAt && backupAt <= inForce.restoredAt;
}
