import { INVALID_SPANID, isValidTraceId, type SpanContext, TraceFlags } from "@opentelemetry/api";
import type { ToldEffect, ToldReceipt } from "../core/telemetry.ts";

/** As many as are likely to be asked for again; the others are still found by their trace. */
const MOST = 10_000;

/** The spans in which this process has made effects, so that a replay can link to the very one. */
class Executions {
  readonly #spans = new Map<string, SpanContext>();

  made(effect: ToldEffect, span: SpanContext): void {
    const key = keyOf(effect);
    this.#spans.delete(key);
    this.#spans.set(key, span);
    if (this.#spans.size <= MOST) return;
    for (const oldest of this.#spans.keys()) {
      this.#spans.delete(oldest);
      return;
    }
  }

  /**
   * The span of the original execution. Where another process made it, or this one before a restart, the receipt has its
   * trace: the link then names the trace, and its span id is empty, as the specification provides.
   */
  of(receipt: ToldReceipt): SpanContext | null {
    return this.#spans.get(keyOf(receipt)) ?? parsed(receipt.traceId);
  }
}

/** The trace id keeps requests of two stores apart that have the same id. */
function keyOf({ traceId, tenant, requestId }: Pick<ToldEffect, "traceId" | "tenant" | "requestId">): string {
  return `${traceId}\u0000${tenant}\u0000${requestId}`;
}

/** A trace id; or a W3C `traceparent`, which names the span, too. */
const TRACE = /^(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:-([0-9a-f]{16}))?(?:-([0-9a-f]{2}))?$/;

function parsed(text: string | null): SpanContext | null {
  const [, traceId, spanId = INVALID_SPANID, flags = "00"] = TRACE.exec(text ?? "") ?? [];
  if (traceId === undefined || !isValidTraceId(traceId)) return null;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
}

/** Of this process, for whichever guard. */
export const executions: Executions = new Executions();
