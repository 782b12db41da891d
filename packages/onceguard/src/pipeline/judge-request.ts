import type { Action, AnyAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Hold } from "../core/hold.ts";
import type { JsonValue } from "../core/json.ts";
import { type Judgement, judge } from "../core/policy.ts";
import type { Receipt } from "../core/receipt.ts";
import { isTampered, TAMPERED } from "./consent.ts";
import { payloadOf } from "./payload-of.ts";
import type { Runtime } from "./runtime.ts";

/** What rules and policy say to a proposal, before anything is claimed. */
export function judgeProposal(
  runtime: Runtime,
  definition: AnyAction,
  payload: JsonValue,
  who: {
    readonly tenant: string;
    readonly recordId: string | null;
    readonly runId: string | null;
    readonly actor: string | null;
    readonly amount: number | null;
  },
): Judgement {
  const { tenant, recordId, runId, actor, amount } = who;
  const question = {
    tenant,
    action: definition.name,
    riskTier: definition.riskTier,
    payload,
    recordId,
    runId,
    actor,
    amount,
  };
  return judge(question, runtime.rules, runtime.policy);
}

/**
 * Fresh authority: the same question again before anything runs again, since the world may have changed while it
 * waited. Consent that has run out, or was given to something else, is none.
 *
 * @returns why it must not run; null when it may.
 */
export async function refusedNow(runtime: Runtime, receipt: Receipt, definition: AnyAction): Promise<string | null> {
  if (await isTampered(runtime, receipt, definition)) return TAMPERED;
  const { verdict } = judgeProposal(runtime, definition, payloadOf(receipt) as JsonValue, receipt);
  if (verdict === "deny") return "policy_denied";
  const approval = receipt.hold?.approval;
  if (approval && approval.expiresAt <= receipt.readAt) return "approval_expired";
  if (approval && receipt.hold?.actionVersion !== definition.version) return "action_changed";
  if (approval && receipt.hold?.policyVersion !== runtime.policyVersion) return "policy_changed";
  return verdict === "review" && !approval ? "needs_approval" : null;
}

/** What a request will wait for, bound to what it is now. */
export function holdFor(
  runtime: Runtime,
  { definition, boundTo }: Pick<Action, "definition" | "boundTo">,
  waitsFor: Hold["waitsFor"],
  reasons: readonly string[],
): Hold {
  return {
    waitsFor,
    reasons,
    actionVersion: definition.version,
    policyVersion: runtime.policyVersion,
    caseId: boundTo?.id ?? null,
    outcome: boundTo?.outcome ?? null,
    approval: null,
  };
}

/** @throws OnceguardError `invalid_action` for an amount that is none */
export function amountOf(definition: AnyAction, payload: JsonValue): number | null {
  const amount = definition.amount?.(payload) ?? null;
  if (amount === null || (Number.isFinite(amount) && amount >= 0)) return amount;
  throw new OnceguardError(
    "invalid_action",
    `The amount of action "${definition.name}" is ${amount}; it must be a number from 0. Nothing was sent.`,
    { action: definition.name, amount },
  );
}
