import type { AnyAction, CallContext, EffectContext } from "../core/action.ts";
import { backoffMs } from "../core/backoff.ts";
import { classifyFailure } from "../core/failure.ts";
import { idempotencyKey } from "../core/idempotency-key.ts";
import type { Outcome } from "../core/outcome.ts";
import { sha256 } from "./digest.ts";
import { tenantOf } from "./identify.ts";
import type { ValidPayload } from "./propose.ts";
import type { Runtime } from "./runtime.ts";
import { endingOfFailure, HAPPENED } from "./watch.ts";

/** Tier `safe`: may repeat, so there is nothing to claim or store; only transient failures are tried again. */
export async function performSafe(
  runtime: Runtime,
  definition: AnyAction,
  valid: ValidPayload,
  requestId: string,
  context: CallContext,
  waitMs: number,
): Promise<Outcome> {
  const tenant = tenantOf(context);
  const until = runtime.clock.monotonicMs() + waitMs;
  for (let attemptNumber = 1; ; attemptNumber++) {
    const signal = AbortSignal.any([
      AbortSignal.timeout(definition.timeoutMs),
      runtime.aborting,
      ...(context.signal ? [context.signal] : []),
    ]);
    const watched = runtime.telemetry?.effect({
      ...{ tenant, requestId, attemptNumber, fencingToken: 0, traceId: context.traceId ?? null },
      ...{ action: definition.name, riskTier: definition.riskTier },
    });
    const effectContext: EffectContext = {
      tenant,
      requestId,
      idempotencyKey: idempotencyKey(sha256, tenant, requestId, 1),
      signal,
      attemptNumber,
      fencingToken: 0,
      recordId: null,
      runId: context.runId ?? null,
    };
    try {
      const payload: unknown = JSON.parse(valid.canonical);
      const result: unknown = await (watched
        ? watched.within(() => definition.execute(payload, effectContext))
        : definition.execute(payload, effectContext));
      watched?.end(HAPPENED);
      return { status: "executed", requestId, receipt: null, result };
    } catch (error) {
      const failure = classifyFailure(error, definition.noEffectOn, definition.classify);
      watched?.end(endingOfFailure(failure));
      const { maxAttempts, baseMs, capMs } = definition.retry;
      const pause = backoffMs({
        attempt: attemptNumber,
        baseMs,
        capMs,
        random: runtime.randomness.random(),
        ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
      });
      const again = failure.tier === "transient" && attemptNumber < maxAttempts && !context.signal?.aborted;
      if (!again || runtime.clock.monotonicMs() + pause > until) {
        return { status: "failed", requestId, receipt: null, failure };
      }
      await runtime.clock.sleep(pause, context.signal);
    }
  }
}
