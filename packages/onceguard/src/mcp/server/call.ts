import type { AnyAction, CallContext } from "../../core/action.ts";
import { OnceguardError } from "../../core/errors.ts";
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
    signal: leaves,
  };
}

/** An absent payload is an empty one: models leave out what has no fields. */
export function payloadOf({ payload = {} }: CallArguments): unknown {
  return payload;
}

/**
 * A record that the caller names is a check, and never an instruction: which record an action touches, the action says.
 *
 * @throws OnceguardError `invalid_context`
 */
export async function checkRecord(definition: AnyAction | undefined, given: CallArguments): Promise<void> {
  if (given.record_id === undefined || definition === undefined) return;
  const touched = await recordOf(definition, payloadOf(given));
  if (touched === undefined || touched === given.record_id) return;
  throw new OnceguardError(
    "invalid_context",
    touched === null
      ? `Action "${definition.name}" names no record, so record_id says nothing. Leave it out.`
      : `This payload is about record "${touched}", and record_id says "${given.record_id}". Correct the payload, or leave record_id out.`,
    { what: "record_id" },
  );
}

/** Undefined when the payload does not fit, which the guard itself will say better. */
async function recordOf(definition: AnyAction, payload: unknown): Promise<string | null | undefined> {
  if (definition.record === null) return null;
  const checked = definition.input ? await definition.input["~standard"].validate(payload) : { value: payload };
  if (checked.issues) return undefined;
  try {
    return String(definition.record(checked.value));
  } catch {
    return undefined;
  }
}
