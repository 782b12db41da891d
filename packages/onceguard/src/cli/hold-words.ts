import type { Hold } from "../core/hold.ts";
import type { Receipt } from "../core/receipt.ts";
import { timeText, visible } from "./output.ts";

/** A person has agreed, and the agreement has not run out by the store's clock. */
export function hasConsent({ hold, readAt }: Receipt): boolean {
  return hold?.approval != null && hold.approval.expiresAt > readAt;
}

/** It is held until a person agrees, and nobody has. */
export function needsApproval(receipt: Receipt): boolean {
  return receipt.state === "held" && receipt.hold?.waitsFor === "approval" && !hasConsent(receipt);
}

/** In a word, for lists: what a held request waits for. */
export function waitsFor(receipt: Receipt): string {
  if (receipt.hold?.waitsFor === "case") return "case";
  return hasConsent(receipt) ? "approved" : "approval";
}

/** In words: what a held request waits for, and until when. */
export function holdWords(receipt: Receipt): string | null {
  const { hold, dueAt, state } = receipt;
  if (hold === null || state !== "held") return null;
  if (hold.waitsFor === "case") return `its finality case ${caseWords(hold)}`;
  if (hasConsent(receipt)) return "whoever executes it: a person has agreed";
  const until = dueAt === null || hold.approval ? "" : ` (until ${timeText(dueAt)}, then it is denied)`;
  return `a person's approval${until}`;
}

function caseWords({ caseId, outcome }: Hold): string {
  const on = outcome === null ? "to be final" : `to be final as ${visible(outcome)}`;
  return `${visible(caseId ?? "-")} ${on}`;
}

/** Who agreed, until when, and why; kept after it was executed. */
export function approvalWords({ hold, readAt, state }: Receipt): string | null {
  const approval = hold?.approval;
  if (!approval) return null;
  const ran = state === "held" && approval.expiresAt <= readAt ? ", which is over" : "";
  return `by ${visible(approval.actor)}, until ${timeText(approval.expiresAt)}${ran}: ${visible(approval.reason)}`;
}
