import { context, type MeterProvider, ROOT_CONTEXT, type TracerProvider, trace } from "@opentelemetry/api";
import type { Telemetry } from "../core/telemetry.ts";
import { watchCall } from "./call.ts";
import { watchCarryOn } from "./carry-on.ts";
import { watchEffect, watchProbe } from "./effect.ts";
import { instruments } from "./instruments.ts";
import { OpenGauges } from "./open-gauges.ts";
import { SCOPE, VERSION } from "./scope.ts";
import { watchStoreCall } from "./store-call.ts";
import type { Tools } from "./tools.ts";

export type { Telemetry } from "../core/telemetry.ts";
export { type CheckpointAnchor, checkpointAnchor } from "./checkpoint-anchor.ts";

/** Options of `openTelemetry`. */
export interface OpenTelemetryOptions {
  /** Default: the global one, also if it is registered later. */
  readonly tracerProvider?: TracerProvider;
  /** Default: the global one, also if it is registered later. */
  readonly meterProvider?: MeterProvider;
  /**
   * Whether a call is an `execute_tool` span, unless the active span is one. False: always `onceguard {action}`, for hosts
   * whose own tool span is further up. Default true.
   */
  readonly toolSpans?: boolean;
  /** Whether store calls are spans. They are measured in any case. Default true. */
  readonly storeSpans?: boolean;
  /** Whether calls also get SafeAgent's attributes. Default false. */
  readonly safeAgentNames?: boolean;
}

/**
 * Traces and metrics of a guard by the OpenTelemetry API: `createGuard({ telemetry: openTelemetry(), ... })`. Without an
 * SDK that is registered, nothing is made of it. Never tells a payload, a result, or the words of an error.
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Telemetry {
  const { tracerProvider = trace, meterProvider, storeSpans = true } = options;
  const tools: Tools = {
    tracer: tracerProvider.getTracer(SCOPE, VERSION),
    instruments: instruments(SCOPE, VERSION, meterProvider),
    gauges: new OpenGauges(),
  };
  return {
    call: (beginning) => watchCall(tools, options, beginning),
    carryOn: (receipt) => watchCarryOn(tools, receipt),
    effect: (effect) => watchEffect(tools, effect),
    probe: (receipt) => watchProbe(tools, receipt),
    store: (store, verb) => watchStoreCall(tools, storeSpans, store, verb),
    open: (requests) => tools.gauges.record(requests, tools.instruments()),
    outside: (work) => context.with(ROOT_CONTEXT, work),
  };
}
