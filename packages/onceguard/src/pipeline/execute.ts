import type { AnyAction, EffectContext } from "../core/action.ts";
import type { Claim } from "../core/claim.ts";
import { classifyFailure, type Failure } from "../core/failure.ts";
import { idempotencyKey } from "../core/idempotency-key.ts";
import type { Receipt } from "../core/receipt.ts";
import { sha256 } from "./digest.ts";
import { flightKey, type Runtime } from "./runtime.ts";

/** How one attempt ended. `late` resolves to what the effect answers after the guard stopped waiting for it. */
export type Attempt =
  | { readonly kind: "success"; readonly value: unknown }
  | { readonly kind: "failure"; readonly failure: Failure }
  | { readonly kind: "interrupted"; readonly by: Interruption; readonly late: Promise<Attempt> };

/** Why the guard stopped waiting for an effect that may still happen. */
export type Interruption = "timeout" | "lease_lost" | "shutdown";

const MESSAGES: Readonly<Record<Interruption, string>> = {
  timeout: "The attempt took longer than the action's timeout; it may still happen.",
  lease_lost: "The claim was lost while the effect was under way.",
  shutdown: "The process shut down before the effect had answered.",
};

export function interruptionFailure(by: Interruption): Failure {
  return { certainty: "indefinite", tier: "transient", code: by, message: MESSAGES[by] };
}

const NOT_DISPATCHED: Failure = {
  certainty: "definite",
  tier: "transient",
  code: "not_dispatched",
  message: "The claim could not be confirmed in time, so nothing was sent.",
};

/** Execute: dispatches the effect of a claim, once. `askedAt` is when the claim was asked for (monotonic ms). */
export async function execute(
  runtime: Runtime,
  claim: Claim,
  definition: AnyAction,
  askedAt: number,
): Promise<Attempt> {
  const controller = new AbortController();
  let interrupt: (by: Interruption) => void = () => undefined;
  const interrupted = new Promise<Interruption>((resolve) => {
    interrupt = resolve;
  });
  const stop = (by: Interruption): void => {
    interrupt(by);
    controller.abort(interruptionError(by));
  };
  const lease = runtime.leases.hold(claim, askedAt, () => stop("lease_lost"));
  // The last look before sending: from here to the send, assumption A1 bounds the pause by the margin.
  if (!(await runtime.leases.ensure(lease, runtime.leaseMarginMs))) {
    runtime.leases.release(lease);
    return { kind: "failure", failure: NOT_DISPATCHED };
  }
  const effect = dispatch(runtime, claim, definition, controller.signal);
  const cancelTimeout = runtime.clock.after(definition.timeoutMs, () => stop("timeout"));
  const stopShutdown = runtime.onAbort(() => stop("shutdown"));
  try {
    const first = await Promise.race([effect, interrupted]);
    return typeof first === "string" ? { kind: "interrupted", by: first, late: effect } : first;
  } finally {
    cancelTimeout();
    stopShutdown();
    runtime.leases.release(lease);
  }
}

/** What `signal.reason` says to the effect; like the platform's own, by name. */
function interruptionError(by: Interruption): Error {
  return Object.assign(new Error(MESSAGES[by]), { name: by === "timeout" ? "TimeoutError" : "AbortError", code: by });
}

/** Calls the action's code; remembers the attempt until its promise settles, however long the guard waits for it. */
function dispatch(runtime: Runtime, claim: Claim, definition: AnyAction, signal: AbortSignal): Promise<Attempt> {
  const { receipt } = claim;
  const key = flightKey(receipt.tenant, receipt.requestId);
  const effect = call(definition, receipt, signal);
  const pending = effect.finally(() => {
    if (runtime.pending.get(key) === pending) runtime.pending.delete(key);
  });
  runtime.pending.set(key, pending);
  return effect;
}

async function call(definition: AnyAction, receipt: Receipt, signal: AbortSignal): Promise<Attempt> {
  try {
    return { kind: "success", value: await definition.execute(payloadOf(receipt), effectContext(receipt, signal)) };
  } catch (error) {
    return { kind: "failure", failure: classifyFailure(error, definition.noEffectOn, definition.classify) };
  }
}

/** A copy of its own for every attempt: what was hashed is what is executed, whatever an earlier attempt did to it. */
export function payloadOf(receipt: Receipt): unknown {
  return receipt.payload === null ? null : JSON.parse(receipt.payload);
}

export function effectContext(receipt: Receipt, signal: AbortSignal): EffectContext {
  const { tenant, requestId, generation, attemptNumber, fencingToken, recordId, runId } = receipt;
  return {
    tenant,
    requestId,
    idempotencyKey: idempotencyKey(sha256, tenant, requestId, generation),
    signal,
    attemptNumber,
    fencingToken,
    recordId,
    runId,
  };
}
