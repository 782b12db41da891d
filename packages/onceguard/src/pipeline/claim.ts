import { type Action, capabilityOf } from "../core/action.ts";
import { budgetConditions, checkBudgets } from "../core/budget.ts";
import type { ClaimRequest, Start } from "../core/claim.ts";
import { defaultDedupWindow } from "../core/dedup-window.ts";
import type { DedupCondition, Gate } from "../core/gate.ts";
import type { ClaimAnswer } from "../core/ports.ts";
import { isCompensation } from "./compensation.ts";
import { holdFor } from "./judge-request.ts";
import { isUnavailable, persist } from "./persist.ts";
import { flightKey, type Runtime } from "./runtime.ts";

/**
 * Guesses whether the next request is already known, from how the last ones turned out. A first execution is then one
 * INSERT and a replay one SELECT; a wrong guess costs one more round trip and is never wrong in any other way.
 */
export class ReplayForecast {
  #score = 0;

  get expectsReplay(): boolean {
    return this.#score > 0;
  }

  saw(replay: boolean): void {
    this.#score = Math.max(-4, Math.min(4, this.#score + (replay ? 1 : -1)));
  }
}

const forecasts = new WeakMap<Runtime, ReplayForecast>();

/**
 * Claim: one atomic write decides who may execute. In a new epoch (after a restore) a first call is a question: it is
 * recorded as one.
 */
export async function claim(runtime: Runtime, action: Action, start: Start): Promise<ClaimAnswer> {
  const forecast = forecasts.get(runtime) ?? new ReplayForecast();
  forecasts.set(runtime, forecast);
  const answer = await ask(runtime, action, start, forecast.expectsReplay);
  forecast.saw(answer.kind === "exists");
  if (answer.kind !== "new_epoch") return answer;
  return ask(runtime, action, afterRestore(answer), false);
}

/** It may have been sent at any time since the backup was made. */
export function afterRestore({ epoch }: Extract<ClaimAnswer, { kind: "new_epoch" }>): Start {
  return { state: "in_doubt", sentFrom: epoch.backupAt, sentUntil: epoch.restoredAt };
}

async function ask(runtime: Runtime, action: Action, start: Start, readFirst: boolean): Promise<ClaimAnswer> {
  // With the fingerprint: another payload under the same id is no repetition of the claim that got no answer.
  const key = `${flightKey(action.tenant, action.requestId)}\u0000${action.fingerprint}`;
  // Not for the outbox: what is to be sent later does not take over a claim to send it now.
  const takesOver = start.state !== "retry_wait";
  const unanswered = takesOver ? runtime.unansweredClaims.get(key) : undefined;
  const request = claimRequest(runtime, action, start, unanswered ?? runtime.randomness.token());
  try {
    const answer = await persist(runtime, runtime.storeTimeoutMs, () =>
      runtime.store.claim(request, readFirst && unanswered === undefined),
    );
    if (takesOver) runtime.unansweredClaims.delete(key);
    return answer;
  } catch (error) {
    // It may have been committed. Nothing was sent under it, and with its token the next call here still knows that.
    if (takesOver && isUnavailable(error) && runtime.unansweredClaims.size < MOST_UNANSWERED) {
      runtime.unansweredClaims.set(key, request.ownerToken);
    }
    throw error;
  }
}

/** Beyond this many, a claim that was committed without an answer becomes a question like that of any dead process. */
const MOST_UNANSWERED = 10_000;

export function claimRequest(runtime: Runtime, action: Action, start: Start, ownerToken: string): ClaimRequest {
  const { definition } = action;
  return {
    tenant: action.tenant,
    requestId: action.requestId,
    explicitId: action.explicitId,
    action: definition.name,
    recordId: action.recordId,
    riskTier: definition.riskTier,
    capability: capabilityOf(definition),
    keySource: action.keySource,
    fingerprint: action.fingerprint,
    payload: action.recorded,
    runId: action.runId,
    actor: action.actor,
    hostScope: action.hostScope,
    hostCallId: action.hostCallId,
    traceId: action.traceId,
    amount: action.amount,
    serialized: definition.serialize,
    caseId: action.boundTo?.id ?? null,
    expected: action.expected,
    keyId: action.keyId,
    ownerToken,
    start,
    tracked: definition.preciseDispatch,
    gate: gateOf(runtime, action),
  };
}

/** A place in a record's queue is kept for whoever asks again at least this often. */
const PLACE_MS = 5_000;

/** What the claim has to look at besides the request itself; for most actions nothing. */
function gateOf(runtime: Runtime, action: Action): Gate | null {
  const { definition, tenant, runId, recordId, amount } = action;
  const dedup = dedupOf(runtime, action);
  const turn = definition.serialize && recordId !== null ? { recordId, placeMs: PLACE_MS } : null;
  // A person has ordered the undoing of an effect: a budget is for what nobody has looked at.
  const counted = isCompensation(definition.name) ? NO_BUDGETS : runtime.budgets;
  const budgets = budgetConditions(counted, { tenant, action: definition.name, runId, recordId, amount });
  return dedup === null && turn === null && budgets.length === 0 ? null : { dedup, budgets, turn };
}

const NO_BUDGETS = checkBudgets({});

function dedupOf(runtime: Runtime, action: Action): DedupCondition | null {
  const { definition, recordId, keySource } = action;
  if (recordId === null || definition.dedup === "none") return null;
  const unsaid = defaultDedupWindow(keySource);
  const rule = definition.dedup ?? (unsaid === undefined ? null : { windowMs: unsaid, limit: 1, behaviour: "skip" });
  if (rule === null) return null;
  const hold = rule.behaviour === "hold" ? holdFor(runtime, action, "approval", ["near_duplicate"]) : null;
  return { recordId, windowMs: rule.windowMs, limit: rule.limit, hold, holdMs: runtime.holdMs };
}
