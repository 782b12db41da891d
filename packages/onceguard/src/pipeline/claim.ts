import type { Action } from "../core/action.ts";
import { capabilityOf } from "../core/action.ts";
import type { ClaimAnswer } from "../core/ports.ts";
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

/** Claim: one atomic write decides who may execute. */
export async function claim(runtime: Runtime, action: Action): Promise<ClaimAnswer> {
  const forecast = forecasts.get(runtime) ?? new ReplayForecast();
  forecasts.set(runtime, forecast);
  const answer = await ask(runtime, action, forecast.expectsReplay);
  forecast.saw(answer.kind === "exists");
  return answer;
}

async function ask(runtime: Runtime, action: Action, readFirst: boolean): Promise<ClaimAnswer> {
  const { definition, tenant, requestId } = action;
  const key = flightKey(tenant, requestId);
  const unanswered = runtime.unansweredClaims.get(key);
  if (readFirst && unanswered === undefined) {
    const receipt = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.find(tenant, requestId));
    if (receipt) return { kind: "exists", receipt };
  }
  const request = {
    tenant,
    requestId,
    explicitId: action.explicitId,
    action: definition.name,
    recordId: action.recordId,
    riskTier: definition.riskTier,
    capability: capabilityOf(definition),
    keySource: action.keySource,
    fingerprint: action.fingerprint,
    payload: action.canonical,
    runId: action.runId,
    actor: action.actor,
    ownerToken: unanswered ?? runtime.randomness.token(),
    leaseMs: runtime.leaseMs,
  };
  try {
    const answer = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.claim(request));
    runtime.unansweredClaims.delete(key);
    return answer;
  } catch (error) {
    // It may have been committed. Nothing was sent under it, and with its token the next call here still knows that.
    if (isUnavailable(error) && runtime.unansweredClaims.size < MOST_UNANSWERED) {
      runtime.unansweredClaims.set(key, request.ownerToken);
    }
    throw error;
  }
}

/** Beyond this many, a claim that was committed without an answer becomes a question like that of any dead process. */
const MOST_UNANSWERED = 10_000;
