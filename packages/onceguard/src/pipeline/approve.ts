import { type Duration, durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Receipt } from "../core/receipt.ts";
import { consentedTo } from "./consent.ts";
import { decide, found, requireReason, requireVersion } from "./decide.ts";
import type { Runtime } from "./runtime.ts";

/** A person's consent to a held request. */
export interface ApprovalGrant {
  readonly actor: string;
  readonly reason: string;
  /** The version the decision was made on. When the record has moved since, it is refused. */
  readonly expectedVersion?: number;
  /** How long the consent lasts. Default: the guard's `approvalFor`. */
  readonly lasts?: Duration;
  readonly tenant?: string;
}

/** A person's no. */
export interface Denial {
  readonly actor: string;
  readonly reason: string;
  readonly expectedVersion?: number;
  readonly tenant?: string;
}

/**
 * Records the consent with the request (row 3). It is bound to what the request is: its fingerprint, and the versions of
 * action and policy under which it was held; whoever executes it consumes it in the same write.
 *
 * @throws OnceguardError `receipt_not_found` | `version_conflict` | `not_resolvable` | `missing_reason` |
 *   `approver_is_proposer` | `invalid_option`
 */
export async function approve(
  runtime: Runtime,
  tenant: string,
  requestId: string,
  grant: ApprovalGrant,
): Promise<Receipt> {
  const { actor, reason, expectedVersion, lasts } = grant;
  requireReason(actor, reason);
  const lastsMs = lasts === undefined ? runtime.approvalMs : durationMs(lasts, "lasts");
  if (lastsMs <= 0) {
    throw new OnceguardError("invalid_option", "lasts is 0; consent that is over at once is none.", {
      option: "lasts",
    });
  }
  const receipt = await found(runtime, tenant, requestId);
  requireVersion(receipt, expectedVersion);
  if (receipt.riskTier === "irreversible" && receipt.actor === actor) {
    throw new OnceguardError(
      "approver_is_proposer",
      `"${actor}" proposed request "${requestId}" and cannot approve it: what is irreversible takes two.`,
      { requestId, actor },
    );
  }
  if (receipt.hold?.waitsFor === "case") {
    throw new OnceguardError(
      "not_resolvable",
      `Request "${requestId}" waits for the case "${receipt.hold.caseId}", and for nobody's approval.`,
      { requestId, state: receipt.state, caseId: receipt.hold.caseId },
    );
  }
  const expiresAt = receipt.readAt + lastsMs;
  const consent = { actor, reason, expiresAt };
  const fingerprint = receipt.hold === null ? "" : consentedTo(runtime, receipt, receipt.hold, consent);
  return decide(runtime, receipt, { type: "approve", approval: { ...consent, fingerprint } });
}

/**
 * Ends a held request for good (row 4).
 *
 * @throws OnceguardError `receipt_not_found` | `version_conflict` | `not_resolvable` | `missing_reason`
 */
export async function deny(runtime: Runtime, tenant: string, requestId: string, denial: Denial): Promise<Receipt> {
  const { actor, reason, expectedVersion } = denial;
  requireReason(actor, reason);
  const receipt = await found(runtime, tenant, requestId);
  requireVersion(receipt, expectedVersion);
  return decide(runtime, receipt, { type: "deny", actor, reason });
}
