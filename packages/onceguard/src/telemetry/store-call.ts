import { SpanKind } from "@opentelemetry/api";
import type { Watched } from "../core/telemetry.ts";
import { ATTRIBUTE, errorType, SEMCONV } from "./semantic-conventions.ts";
import { fail, type Tools } from "./tools.ts";
import { enclosing, WatchedSpan } from "./watched-span.ts";

type Ending = { readonly error: string | null };

/** A call of the store: always measured, and a span inside of something that is one. */
export function watchStoreCall(
  { tracer, instruments }: Tools,
  spans: boolean,
  store: string,
  verb: string,
): Watched<Ending> {
  const about = { [ATTRIBUTE.store]: store, [ATTRIBUTE.verb]: verb };
  const measure = (error: string | null, seconds: number): void => {
    const failed = error !== null && { [SEMCONV.errorType]: errorType(error) };
    instruments().storeDuration.record(seconds, { ...about, ...failed });
  };
  // What belongs to no call would be a trace of its own every few seconds; and leases are renewed for all calls at once.
  if (!spans || verb === "renew" || enclosing() === null) return measured(measure);
  const span = tracer.startSpan(`onceguard store ${verb}`, { kind: SpanKind.CLIENT, attributes: about });
  return new WatchedSpan<Ending>(span, ({ error }, seconds) => {
    if (error !== null) fail(span, error);
    measure(error, seconds);
  });
}

/** Watched by the clock alone. */
function measured(measure: (error: string | null, seconds: number) => void): Watched<Ending> {
  const startedAt = performance.now();
  return {
    within: (work) => work(),
    end: ({ error }) => measure(error, (performance.now() - startedAt) / 1_000),
  };
}
