import type { CallContext } from "../../core/action.ts";
import { OnceguardError } from "../../core/errors.ts";
import { traceIdOf } from "../../core/trace-parent.ts";
import { checkRecord } from "../../pipeline/check-record.ts";
import { readIdempotencyKey } from "../idempotency-key-header.ts";
import type { AnyOperation, Call, Operation } from "../operation.ts";
import { outcomeResponse } from "../outcome-response.ts";
import { problem } from "../problem.ts";
import { CALL_PROPERTIES, OUTCOME, taken } from "../schemas.ts";

/** What `execute`, `proposals` and `claims` take. */
export interface CallBody {
  readonly action: string;
  readonly payload?: unknown;
  readonly request_id?: string;
  readonly record_id?: string;
  readonly run_id?: string;
}

interface ExecuteBody extends CallBody {
  readonly wait_ms?: number;
  readonly expected?: Readonly<Record<string, string | number | boolean | null>>;
}

export const CALL_HEADERS = {
  "Idempotency-Key": { type: "string", description: "The request id; quoted or not." },
  traceparent: { type: "string", description: "W3C Trace Context: its trace is recorded with the request." },
} as const;

const operation: Operation<ExecuteBody> = {
  name: "execute",
  method: "POST",
  path: "/v1/execute",
  tag: "Execute",
  summary: "Makes the effect of an action happen once, and answers with what became of it.",
  description:
    "Safe to send again after any answer, and after none. A caller that leaves is detached: the effect goes on. With 202, 409 or 503 send the same request again later, or ask for the receipt.",
  roles: ["caller"],
  headers: CALL_HEADERS,
  body: taken(
    {
      ...CALL_PROPERTIES,
      wait_ms: {
        type: "integer",
        minimum: 0,
        maximum: 55_000,
        description:
          "Longest wait for another caller's execution, or for a retry. Its own execution is awaited as long as the server answers.",
      },
      expected: {
        type: "object",
        additionalProperties: { type: ["string", "number", "boolean", "null"] },
        description: "What the record is expected to be like; otherwise nothing is sent and it is a conflict.",
      },
    },
    ["action"],
  ),
  answers: { 200: OUTCOME, 202: OUTCOME },
  run: async (call) => {
    const { body, service } = call;
    const context = contextOf(call);
    if (context instanceof Response) return context;
    if (service.external.has(body.action)) return performedOutside(body.action);
    await checkRecord(service.actions.get(body.action), body);
    const due = AbortSignal.timeout(service.answerWithinMs);
    const outcome = await service.guard.execute(body.action as never, payloadOf(body) as never, {
      ...context,
      ...(body.wait_ms === undefined ? {} : { wait: body.wait_ms }),
      ...(body.expected === undefined ? {} : { expected: body.expected }),
      // Not the caller's leaving: what was sent completely is meant, and a broken connection must not take it back.
      signal: due,
    });
    // Its time was over before it could begin; the guard takes that for a caller who has left.
    if (outcome.status === "denied" && outcome.receipt === null && due.aborted) {
      return problem("too_busy", "It did not begin in time. Nothing was done.", {}, { "retry-after": "1" });
    }
    service.metrics.outcome(call.principal.tenant, body.action, outcome.status);
    return outcomeResponse(outcome);
  },
};

export const execute: AnyOperation = operation;

/** The caller as the guard is told of it. Nothing of it comes from the payload. */
export function contextOf({ body, request, principal }: Call<CallBody>): CallContext | Response {
  const header = readIdempotencyKey(request.headers.get("idempotency-key"));
  if (header && "problem" in header) return problem("invalid_idempotency_key", `Idempotency-Key: ${header.problem}.`);
  if (header && body.request_id !== undefined && body.request_id !== header.key) {
    return problem("invalid_request", "request_id and Idempotency-Key name two different requests. Send one of them.");
  }
  const requestId = body.request_id ?? header?.key;
  const traceId = traceIdOf(request.headers.get("traceparent"));
  return {
    tenant: principal.tenant,
    actor: principal.name,
    ...(requestId === undefined ? {} : { requestId }),
    ...(body.run_id === undefined ? {} : { runId: body.run_id }),
    ...(traceId === null ? {} : { traceId }),
  };
}

/** An absent payload is an empty one. */
export function payloadOf({ payload = {} }: CallBody): unknown {
  return payload;
}

function performedOutside(action: string): never {
  throw new OnceguardError("unknown_action", `"${action}" is done by whoever claims it: POST /v1/claims.`, { action });
}
