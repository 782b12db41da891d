import type { AnyAction } from "../core/action.ts";
import { type Hold, problemWithApproval } from "../core/hold.ts";
import type { JsonValue } from "../core/json.ts";
import type { LifecycleEvent } from "../core/lifecycle.ts";
import type { Receipt } from "../core/receipt.ts";
import { consentedTo, isTampered, TAMPERED } from "./consent.ts";
import { askCase } from "./finality.ts";
import { judgeProposal } from "./judge-request.ts";
import { payloadOf } from "./payload-of.ts";
import type { Runtime } from "./runtime.ts";

/**
 * What becomes of a held request that is due: released once everything it waits for is there, denied when it never will
 * be (rows 2 to 4). The consent of a person comes first, then the finality case.
 */
export async function heldEvent(
  runtime: Runtime,
  receipt: Receipt,
  definition: AnyAction,
): Promise<LifecycleEvent | null> {
  const { hold } = receipt;
  if (hold === null) return null;
  if (await isTampered(runtime, receipt, definition)) return { ...denied(TAMPERED), tampered: true };
  const judgement = judgeProposal(runtime, definition, payloadOf(receipt) as JsonValue, receipt);
  if (judgement.verdict === "deny") return denied(judgement.reasons.join("; "));
  // Evidence says that it has happened, although nothing was sent: consent from before that does not count.
  if (receipt.conflict && hold.approval !== null) return askAgain(runtime, hold, definition, "conflict");
  // Once given it has to be valid, also when the policy would not ask for it any more.
  const isAsked = hold.waitsFor === "approval" || hold.approval !== null;
  const needsApproval = isAsked || judgement.verdict === "review" || receipt.conflict;
  if (needsApproval && !hasConsent(runtime, receipt, hold, definition)) {
    return withoutConsent(runtime, receipt, hold, definition, judgement.reasons);
  }
  const release = { type: "release", leaseMs: runtime.leaseMs, notAfter: hold.approval?.expiresAt ?? null } as const;
  if (hold.caseId === null) return release;
  const answer = await askCase(runtime, receipt.tenant, hold.caseId, hold.outcome, receipt.requestId);
  switch (answer.kind) {
    case "free":
      return release;
    case "never":
      return denied(answer.reason);
    case "wait":
      return { type: "keep_held", hold: { ...hold, waitsFor: "case" }, nextInMs: answer.againInMs };
  }
}

function problemOf(runtime: Runtime, receipt: Receipt, hold: Hold, { version }: AnyAction) {
  const { readAt: at } = receipt;
  const fingerprint = hold.approval === null ? "" : consentedTo(runtime, receipt, hold, hold.approval);
  return problemWithApproval(hold, { at, fingerprint, actionVersion: version, policyVersion: runtime.policyVersion });
}

function hasConsent(runtime: Runtime, receipt: Receipt, hold: Hold, definition: AnyAction): boolean {
  return problemOf(runtime, receipt, hold, definition) === null;
}

function withoutConsent(
  runtime: Runtime,
  receipt: Receipt,
  hold: Hold,
  definition: AnyAction,
  reasons: readonly string[],
): LifecycleEvent | null {
  const { readAt: at } = receipt;
  const { holdMs } = runtime;
  const problem = problemOf(runtime, receipt, hold, definition);
  switch (problem) {
    case null:
      return null;
    case "not_approved":
      // A policy that has become stricter asks for consent now; otherwise nobody gave it in time.
      if (hold.waitsFor === "approval") {
        return receipt.updatedAt + holdMs <= at ? denied("not_approved_in_time") : null;
      }
      return { type: "keep_held", hold: { ...hold, waitsFor: "approval", reasons }, nextInMs: holdMs };
    case "approval_expired":
      // While it waited for its case, which is nobody's neglect.
      return hold.waitsFor === "case" ? askAgain(runtime, hold, definition, problem) : denied(problem);
    default:
      return askAgain(runtime, hold, definition, problem);
  }
}

/** What was consented to is no longer what would run: a person has to look again. */
function askAgain(runtime: Runtime, hold: Hold, definition: AnyAction, why: string): LifecycleEvent {
  const { policyVersion, holdMs } = runtime;
  const asked = { waitsFor: "approval", approval: null, actionVersion: definition.version, policyVersion } as const;
  return { type: "keep_held", hold: { ...hold, ...asked, reasons: [...hold.reasons, why] }, nextInMs: holdMs };
}

function denied(reason: string): Extract<LifecycleEvent, { type: "deny" }> {
  return { type: "deny", actor: null, reason };
}
