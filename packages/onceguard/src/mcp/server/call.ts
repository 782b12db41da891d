import type { CallContext } from "../../core/action.ts";
import type { ToolCall } from "./tool.ts";

/** What `safe_execute`, `propose` and `claim` take. */
export interface CallArguments {
  readonly action: string;
  readonly payload?: unknown;
  readonly request_id?: string;
  readonly record_id?: string;
  readonly run_id?: string;
}

/** The caller as the guard is told of it. Nothing of it comes from the payload. */
export function contextOf({ arguments: given, runtime, host, leaves }: ToolCall<CallArguments>): CallContext {
  const { principal } = runtime;
  const requestId = given.request_id ?? host.idempotencyKey ?? undefined;
  const runId = given.run_id ?? host.runId ?? undefined;
  return {
    tenant: principal.tenant,
    actor: principal.name,
    ...(requestId === undefined ? {} : { requestId }),
    ...(runId === undefined ? {} : { runId }),
    ...(host.host && { host: host.host }),
    ...(host.traceId !== null && { traceId: host.traceId }),
    signal: leaves,
  };
}

/** An absent payload is an empty one: models leave out what has no fields. */
export function payloadOf({ payload = {} }: CallArguments): unknown {
  return payload;
}
