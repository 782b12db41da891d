/** A person's consent to one held request, kept in its record: consumed by the very write that starts it. */
export interface Approval {
  readonly actor: string;
  readonly reason: string;
  /** By the store's clock, in ms since the epoch; consent that is not used by then is void. */
  readonly expiresAt: number;
  /** What was consented to; see `consentedTo`. */
  readonly fingerprint: string;
}

/** What a held request waits for, and what its approval will be bound to. */
export interface Hold {
  readonly waitsFor: "approval" | "case";
  /** Why a person is asked: the policy's reasons, `near_duplicate`, ... */
  readonly reasons: readonly string[];
  /** Versions of the action and of the policy at the time: consent to what has changed since does not count. */
  readonly actionVersion: string;
  readonly policyVersion: string;
  /** The finality case it is bound to, and the outcome of it that this request acts on; null: any. */
  readonly caseId: string | null;
  readonly outcome: string | null;
  readonly approval: Approval | null;
}

/** Says of a held record, in its `reason`, that it waits for its case and for nobody's approval. */
export const WAITS_FOR_CASE = "waits_for_case";

/** A held record's `reason`. */
export function reasonOf(hold: Hold): string | null {
  return hold.waitsFor === "case" ? WAITS_FOR_CASE : (hold.reasons[0] ?? null);
}

/** Why an approval does not count, or null when it does. `at` is by the store's clock, `fingerprint` of what would run. */
export function problemWithApproval(
  hold: Hold,
  now: {
    readonly at: number;
    readonly fingerprint: string;
    readonly actionVersion: string;
    readonly policyVersion: string;
  },
): "not_approved" | "approval_expired" | "payload_changed" | "action_changed" | "policy_changed" | null {
  if (hold.approval === null) return "not_approved";
  if (hold.approval.fingerprint !== now.fingerprint) return "payload_changed";
  if (hold.actionVersion !== now.actionVersion) return "action_changed";
  if (hold.policyVersion !== now.policyVersion) return "policy_changed";
  return hold.approval.expiresAt <= now.at ? "approval_expired" : null;
}
