import type { FinalityCase } from "../../core/finality.ts";
import { deepSnake } from "../../wire/wire.ts";
import type { AnyOperation, Operation } from "../operation.ts";
import { jsonResponse } from "../outcome-response.ts";
import { answered, NAME, REASON, ref, TEXT, taken } from "../schemas.ts";

interface SignalBody {
  readonly id: string;
  readonly source: string;
  readonly outcome: string;
  readonly confidence: number;
  readonly at?: string;
}

const signal: Operation<SignalBody> = {
  name: "signal",
  method: "POST",
  path: "/v1/cases/{id}/signals",
  tag: "Cases",
  summary: "Adds what a source says of how a case ended.",
  description: "Not for the key of an agent: whoever waits for a case must not be able to decide it.",
  roles: ["operator"],
  body: taken(
    {
      id: { ...NAME, description: "The signal's own id: a repetition changes nothing." },
      source: NAME,
      outcome: NAME,
      confidence: { type: "number", minimum: 0, maximum: 1 },
      at: {
        type: "string",
        format: "date-time",
        pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$",
        description: "When the source observed it. Default: now.",
      },
    },
    ["id", "source", "outcome", "confidence"],
  ),
  answers: { 200: answered({ verdict: TEXT, case: ref("Case") }, ["verdict", "case"]) },
  run: async ({ body, id, principal, service }) => {
    const { at, ...said } = body;
    const given = { ...said, at: at === undefined ? Date.now() : Date.parse(at) };
    const { verdict, case: value } = await service.guard.case(id, { tenant: principal.tenant }).signal(given);
    return jsonResponse({ verdict, case: caseOnWire(value) });
  },
};

const finalize: Operation<{ readonly outcome: string; readonly reason: string }> = {
  name: "finalize",
  method: "POST",
  path: "/v1/cases/{id}/finalize",
  tag: "Cases",
  summary: "A person chooses one of the signalled outcomes, for good.",
  roles: ["reviewer", "operator"],
  body: taken({ outcome: NAME, reason: REASON }, ["outcome", "reason"]),
  answers: { 200: ref("Case") },
  run: async ({ body, id, principal, service }) => {
    const choice = { outcome: body.outcome, reason: body.reason, actor: principal.name };
    return jsonResponse(caseOnWire(await service.guard.case(id, { tenant: principal.tenant }).finalize(choice)));
  },
};

const get: Operation = {
  name: "case",
  method: "GET",
  path: "/v1/cases/{id}",
  tag: "Cases",
  summary: "How a case stands. One that nobody has signalled is OPEN.",
  roles: ["caller", "reviewer", "operator", "auditor"],
  answers: { 200: ref("Case") },
  readOnly: true,
  run: async ({ id, principal, service }) =>
    jsonResponse(caseOnWire(await service.guard.case(id, { tenant: principal.tenant }).get())),
};

function caseOnWire(value: FinalityCase): unknown {
  return deepSnake(value);
}

/** Looked at for the list: the requests that have waited longest. */
const MOST_HELD = 500;

const list: Operation = {
  name: "cases",
  method: "GET",
  path: "/v1/cases",
  tag: "Cases",
  summary: "The cases that held requests wait for, longest waiting first.",
  roles: ["reviewer", "operator", "auditor"],
  answers: { 200: answered({ cases: { type: "array", items: ref("Case") } }, ["cases"]) },
  readOnly: true,
  run: async ({ principal: { tenant }, service: { guard } }) => {
    const held = await guard.receipts({ tenant, states: ["held"], order: "longest_due", limit: MOST_HELD });
    const waiting = Map.groupBy(
      held.filter(({ caseId }) => caseId !== null),
      ({ caseId }) => caseId as string,
    );
    const found = [];
    for (const [id, requests] of [...waiting].slice(0, 100)) {
      const value = caseOnWire(await guard.case(id, { tenant }).get()) as object;
      found.push({ ...value, waiting: requests.map(({ requestId }) => requestId) });
    }
    return jsonResponse({ cases: found });
  },
};

export const cases: readonly AnyOperation[] = [signal, finalize, get, list];
