import { type Attribution, attributionOf } from "./attribution.ts";
import type { ClaimRequest } from "./claim.ts";
import type { Halt } from "./halt.ts";
import { firstEvent, type Transition } from "./lifecycle.ts";
import type { NewLogEntry } from "./ports.ts";
import type { Receipt } from "./receipt.ts";

/** An entry about a record as it stands. */
export function lineOf(
  receipt: Receipt,
  event: string,
  more: Partial<NewLogEntry> = {},
  by: Attribution = attributionOf(receipt, null),
): NewLogEntry {
  const { tenant, requestId, action, recordId, state, version, fencingToken, attemptNumber } = receipt;
  return {
    tenant,
    requestId,
    event,
    action,
    recordId,
    ...by,
    state,
    version,
    fencingToken,
    attemptNumber,
    before: null,
    after: null,
    detail: null,
    ...more,
  };
}

/** What the making of a record is logged as. */
export function firstLine({ start }: Pick<ClaimRequest, "start">, receipt: Receipt): NewLogEntry {
  return lineOf(receipt, firstEvent(start), {}, attributionOf(receipt, start.state === "running" ? "first" : null));
}

/** What a transition is logged as, with the record that it has made. */
export function transitionLine({ event, by, before, after, detail }: Transition, receipt: Receipt): NewLogEntry {
  return lineOf(receipt, event, { before, after, detail }, by);
}

/** An entry about a request that has no record: skipped, refused, proposed. */
export function lineWithoutRecord(
  request: Attribution & Pick<NewLogEntry, "tenant" | "requestId" | "action" | "recordId">,
  event: string,
  detail: string | null,
): NewLogEntry {
  const { tenant, requestId, action, recordId, runId, actor, hostScope, hostCallId, traceId, cause } = request;
  return {
    tenant,
    requestId,
    event,
    action,
    recordId,
    runId,
    actor,
    hostScope,
    hostCallId,
    traceId,
    cause,
    state: null,
    version: 0,
    fencingToken: 0,
    attemptNumber: 0,
    before: null,
    after: null,
    detail,
  };
}

/** A halt, or its end: about no request, and found under its run or its action. */
export function haltLine({ tenant, scope, id, reason, actor }: HaltLine, event: "halted" | "resumed"): NewLogEntry {
  const nobody = { hostScope: null, hostCallId: null, traceId: null, cause: null };
  const about = { tenant, requestId: null, action: scope === "action" ? id : null, recordId: null };
  const runId = scope === "run" ? id : null;
  return lineWithoutRecord({ ...about, ...nobody, runId, actor }, event, JSON.stringify({ scope, id, reason }));
}

type HaltLine = Pick<Halt, "tenant" | "scope" | "id" | "reason" | "actor">;
