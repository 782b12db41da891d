import { SpanKind } from "@opentelemetry/api";
import type { EffectEnding, ToldEffect, ToldReceipt, Watched } from "../core/telemetry.ts";
import { executions } from "./executions.ts";
import { ATTRIBUTE, errorType, SEMCONV } from "./semantic-conventions.ts";
import { attemptAttributes, fail, requestAttributes, type Tools } from "./tools.ts";
import { enclosing, WatchedSpan } from "./watched-span.ts";

export function watchEffect({ tracer, instruments }: Tools, effect: ToldEffect): Watched<EffectEnding> {
  const { action, fencingToken } = effect;
  const around = enclosing();
  // A safe action has no receipt, so nobody will ask for it again.
  if (around && fencingToken > 0) executions.made(effect, around.span.spanContext());
  const span = tracer.startSpan(`onceguard effect ${action}`, {
    kind: SpanKind.INTERNAL,
    attributes: { ...requestAttributes(effect), ...attemptAttributes(effect) },
  });
  return new WatchedSpan<EffectEnding>(span, ({ answer, failure }, seconds) => {
    span.setAttribute(ATTRIBUTE.answer, answer);
    if (failure) fail(span, failure.code);
    if (failure?.tier != null) span.setAttribute(ATTRIBUTE.failureTier, failure.tier);
    const failed = failure && { [SEMCONV.errorType]: errorType(failure.code) };
    instruments().effectDuration.record(seconds, {
      [ATTRIBUTE.action]: action,
      [ATTRIBUTE.answer]: answer,
      ...failed,
    });
  });
}

export function watchProbe({ tracer }: Tools, receipt: ToldReceipt): Watched<EffectEnding["answer"]> {
  const span = tracer.startSpan(`onceguard probe ${receipt.action}`, {
    kind: SpanKind.INTERNAL,
    attributes: { ...requestAttributes(receipt), ...attemptAttributes(receipt) },
  });
  return new WatchedSpan<EffectEnding["answer"]>(span, (answer) => span.setAttribute(ATTRIBUTE.answer, answer));
}
