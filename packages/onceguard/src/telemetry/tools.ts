import type { Attributes, Link, SpanContext, Tracer } from "@opentelemetry/api";
import { type Span, SpanStatusCode } from "@opentelemetry/api";
import type { ToldEffect, ToldReceipt } from "../core/telemetry.ts";
import type { Instruments } from "./instruments.ts";
import type { OpenGauges } from "./open-gauges.ts";
import { ATTRIBUTE, errorType, SEMCONV } from "./semantic-conventions.ts";

/** What everything that is watched is told with. */
export interface Tools {
  readonly tracer: Tracer;
  readonly instruments: () => Instruments;
  readonly gauges: OpenGauges;
}

export function requestAttributes({ action, riskTier, requestId }: ToldEffect | ToldReceipt): Attributes {
  return { [ATTRIBUTE.action]: action, [ATTRIBUTE.riskTier]: riskTier, [ATTRIBUTE.requestId]: requestId };
}

export function attemptAttributes({ attemptNumber, fencingToken }: ToldEffect | ToldReceipt): Attributes {
  return { [ATTRIBUTE.attemptNumber]: attemptNumber, [ATTRIBUTE.fencingToken]: fencingToken };
}

/** Marks the span. Without the message: it may have words of the payload in it. */
export function fail(span: Span, code: string): void {
  span.setAttribute(SEMCONV.errorType, errorType(code));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

export function linkTo(original: SpanContext): Link {
  return { context: original, attributes: { [ATTRIBUTE.link]: "original_execution" } };
}
