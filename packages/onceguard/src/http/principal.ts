/**
 * What a key may do. `caller` acts (execute, propose, claim), `reviewer` decides what waits for a person, `operator` decides
 * and stops, `auditor` only reads. An agent's key is a caller's: whoever acts must not be able to settle its own doubts.
 */
export const ROLES = ["caller", "reviewer", "operator", "auditor"] as const;

/** One of `ROLES`: what a key may do. */
export type Role = (typeof ROLES)[number];

/** Who calls, as far as it was verified. Nothing of it ever comes from a payload. */
export interface Principal {
  /** Whose receipts these are. */
  readonly tenant: string;
  /** For the action log. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Which key it was; null where nobody has to say who they are. */
  readonly keyId: string | null;
}
