import type { Action, AnyAction, CallContext } from "../core/action.ts";
import type { Start } from "../core/claim.ts";
import type { Outcome } from "../core/outcome.ts";
import type { Judgement } from "../core/policy.ts";
import type { Receipt } from "../core/receipt.ts";
import { claim } from "./claim.ts";
import { type Identified, identify } from "./identify.ts";
import { holdFor, judgeProposal } from "./judge-request.ts";
import { persist } from "./persist.ts";
import type { ValidPayload } from "./propose.ts";
import { isMismatch } from "./replay.ts";
import type { Runtime } from "./runtime.ts";

/** What would become of a request, and what is already known of it. Nothing was executed. */
export interface Proposed {
  readonly requestId: string;
  /** `mismatch`: the id stands for another payload or action already. */
  readonly verdict: "allow" | "deny" | "review" | "mismatch" | "halted";
  readonly reasons: readonly string[];
  /** The record, where there is one: an earlier one of this request, or the held one that this proposal made. */
  readonly receipt: Receipt | null;
}

/** Identified and judged: everything that is decided about a call before the store hears of it. */
export interface Intake {
  readonly identified: Identified;
  readonly judgement: Judgement;
}

export function intake(runtime: Runtime, definition: AnyAction, valid: ValidPayload, context: CallContext): Intake {
  const identified = identify(definition, valid, context);
  return { identified, judgement: judgeProposal(runtime, definition, valid.payload, identified) };
}

export function deniedBy(requestId: string, reason: string): Outcome {
  return { status: "denied", requestId, receipt: null, reason };
}

/**
 * How the record of this call begins, should it be the first. One that is bound to a case begins as held, due at once:
 * it takes the case only when there is a record to have it.
 */
export function startOf(runtime: Runtime, action: Action, judgement: Judgement): Start {
  if (judgement.verdict === "review") {
    return { state: "held", hold: holdFor(runtime, action, "approval", judgement.reasons), dueInMs: runtime.holdMs };
  }
  return action.boundTo === null
    ? { state: "running", leaseMs: runtime.leaseMs }
    : { state: "held", hold: holdFor(runtime, action, "case", []), dueInMs: 0 };
}

/** Propose: what would become of it. Only what needs a person is recorded, so that the person can say yes to just this. */
export async function proposeRequest(runtime: Runtime, action: Action, judgement: Judgement): Promise<Proposed> {
  const { requestId, tenant } = action;
  const { verdict, reasons } = judgement;
  const existing = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.find(tenant, requestId));
  if (existing && isMismatch(existing, action)) return mismatched(requestId);
  const subject = { tenant, action: action.definition.name, runId: action.runId };
  const halt = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.haltFor(subject));
  if (halt) return { requestId, verdict: "halted", reasons: [halt.reason], receipt: existing };
  if (existing || verdict !== "review") return { requestId, verdict, reasons, receipt: existing };
  const answer = await claim(runtime, action, startOf(runtime, action, judgement));
  switch (answer.kind) {
    case "recorded":
      return { requestId, verdict, reasons, receipt: answer.receipt };
    case "exists":
      if (isMismatch(answer.receipt, action)) return mismatched(requestId);
      return { requestId, verdict, reasons, receipt: answer.receipt };
    case "halted":
      return { requestId, verdict: "halted", reasons: [answer.halt.reason], receipt: null };
    case "skipped": {
      const reason = `request "${answer.earlier.requestId}" has done the same to this record a moment ago`;
      return { requestId, verdict: "deny", reasons: [reason], receipt: null };
    }
    default:
      throw new Error("what is to be held needs no turn, and is not sent");
  }
}

function mismatched(requestId: string): Proposed {
  return { requestId, verdict: "mismatch", reasons: ["the id stands for another payload or action"], receipt: null };
}
