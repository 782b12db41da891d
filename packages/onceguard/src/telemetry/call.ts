import { type Attributes, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { CallBeginning, CallEnding, WatchedCall } from "../core/telemetry.ts";
import { executions } from "./executions.ts";
import { ATTRIBUTE, errorType, isToolSpan, SAFEAGENT, SEMCONV } from "./semantic-conventions.ts";
import { attemptAttributes, fail, linkTo, type Tools } from "./tools.ts";
import { WatchedSpan } from "./watched-span.ts";

export interface CallOptions {
  readonly toolSpans?: boolean;
  readonly safeAgentNames?: boolean;
}

type Answered = Exclude<CallEnding, { readonly error: string }>;

/** Statuses of a call that is to be found among the errors. The others are answers that somebody has asked for. */
const FAILED: ReadonlySet<string> = new Set(["failed", "in_doubt", "mismatch", "unavailable"]);

/** A call: an `execute_tool` span, or, where the host has opened that, a child of it. */
export function watchCall(tools: Tools, options: CallOptions, beginning: CallBeginning): WatchedCall {
  const { verb, action, riskTier, hostCallId } = beginning;
  const isTool = verb === "execute" && options.toolSpans !== false && !isToolSpan(trace.getActiveSpan());
  const otherwise = verb === "execute" ? `onceguard ${action}` : `onceguard ${verb} ${action}`;
  const span = tools.tracer.startSpan(isTool ? `${SEMCONV.executeTool} ${action}` : otherwise, {
    kind: SpanKind.INTERNAL,
    attributes: {
      ...(isTool && {
        [SEMCONV.operationName]: SEMCONV.executeTool,
        [SEMCONV.toolName]: action,
        [SEMCONV.toolType]: "function",
      }),
      ...(hostCallId !== null && { [SEMCONV.toolCallId]: hostCallId }),
      [ATTRIBUTE.action]: action,
      [ATTRIBUTE.riskTier]: riskTier,
    },
  });
  tools.gauges.knows(action);
  const watched = new WatchedSpan<CallEnding>(span, (ending, seconds) => {
    const error = "error" in ending ? ending.error : errorOf(ending);
    if (error !== null) fail(span, error);
    if ("status" in ending) {
      span.setAttributes(answered(ending, options.safeAgentNames ?? false));
      linkToOriginal(ending, span);
    }
    measure(tools, beginning, ending, error, seconds);
  });
  const { traceId } = span.spanContext();
  return Object.assign(watched, { traceId: trace.isSpanContextValid(span.spanContext()) ? traceId : null });
}

function errorOf({ status, failure }: Answered): string | null {
  return FAILED.has(status) ? (failure?.code ?? status) : null;
}

function answered({ status, requestId, receipt, failure }: Answered, safeAgentNames: boolean): Attributes {
  return {
    [ATTRIBUTE.status]: status,
    [ATTRIBUTE.requestId]: requestId,
    [ATTRIBUTE.replayed]: status === "replayed",
    // The receipt of an earlier request says nothing about the attempts of this one.
    ...(receipt?.requestId === requestId && {
      [ATTRIBUTE.keySource]: receipt.keySource,
      ...attemptAttributes(receipt),
    }),
    ...(failure?.tier != null && { [ATTRIBUTE.failureTier]: failure.tier }),
    ...(safeAgentNames && {
      [SAFEAGENT.sideEffectFired]: status === "executed",
      [SAFEAGENT.receiptReturned]: status === "replayed",
    }),
  };
}

/** To where the effect was made, unless that is here. */
function linkToOriginal({ receipt }: Answered, span: Span): void {
  const original = receipt && executions.of(receipt);
  if (!original) return;
  const own = span.spanContext();
  const isElsewhere = original.traceId !== own.traceId;
  if (isElsewhere || (original.spanId !== own.spanId && trace.isSpanContextValid(original))) {
    span.addLink(linkTo(original));
  }
}

function measure(
  { instruments }: Tools,
  { verb, action, riskTier }: CallBeginning,
  ending: CallEnding,
  error: string | null,
  seconds: number,
): void {
  const { toolDuration, executions: made, replays, duplicatesPrevented } = instruments();
  const failed = error !== null && { [SEMCONV.errorType]: errorType(error) };
  const status = "status" in ending ? ending.status : null;
  if (verb === "execute") {
    const said = status !== null && { [ATTRIBUTE.status]: status };
    toolDuration.record(seconds, { [SEMCONV.toolName]: action, ...said, ...failed });
  }
  const about = { [ATTRIBUTE.action]: action };
  if (status === "executed") made.add(1, { ...about, [ATTRIBUTE.riskTier]: riskTier });
  if (status === "replayed") replays.add(1, about);
  if (isDuplicate(ending)) duplicatesPrevented.add(1, { ...about, [ATTRIBUTE.status]: ending.status });
}

/** Without the guard it would have made the effect once more. */
function isDuplicate(ending: CallEnding): ending is Answered {
  if (!("status" in ending)) return false;
  const { status, receipt } = ending;
  // Without a receipt it only waits for its record's turn, or its own effect is still under way.
  return status === "replayed" || status === "skipped" || (status === "in_progress" && receipt !== null);
}
