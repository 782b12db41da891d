import type { CorrectionPlan } from "../../core/blast-radius.ts";
import type { LogQuery } from "../../core/ports.ts";
import { blastRadiusOnWire, differenceOnWire, planFromWire, planOnWire } from "../../wire/blast-radius.ts";
import { logLineOnWire, snakeKeys } from "../../wire/wire.ts";
import type { JsonSchema } from "../json-schema.ts";
import type { AnyOperation, Operation } from "../operation.ts";
import { jsonResponse } from "../outcome-response.ts";
import { problem } from "../problem.ts";
import { answered, NAME, REASON, TEXT, taken } from "../schemas.ts";

const TIME: JsonSchema = {
  type: "string",
  format: "date-time",
  pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$",
};

const ABOUT = {
  action: NAME,
  record_id: NAME,
  run_id: NAME,
  actor: NAME,
  host_scope: NAME,
  trace_id: NAME,
  since: TIME,
  until: TIME,
} as const satisfies Record<string, JsonSchema>;

type Query = Readonly<Record<string, string | undefined>>;

function aboutOf(query: Query, tenant: string): Partial<LogQuery> & { readonly tenant: string } {
  const { action, record_id, run_id, actor, host_scope, trace_id, since, until } = query;
  return {
    tenant,
    action,
    recordId: record_id,
    runId: run_id,
    actor,
    hostScope: host_scope,
    traceId: trace_id,
    since: since === undefined ? undefined : Date.parse(since),
    until: until === undefined ? undefined : Date.parse(until),
  };
}

const LONGEST = 1_000;

const log: Operation = {
  name: "log",
  method: "GET",
  path: "/v1/log",
  tag: "Action log",
  summary: "The action log: what was done, by whom, between which states of the record, and why it was done again.",
  roles: ["reviewer", "operator", "auditor"],
  query: {
    ...ABOUT,
    request_id: NAME,
    event: NAME,
    order: { enum: ["newest", "oldest"] },
    limit: { type: "string", pattern: "^[1-9]\\d{0,3}$", description: `At most ${LONGEST}; default 100.` },
    after: { type: "string", pattern: "^\\d{1,15}$", description: "`next` of the page before." },
  },
  answers: {
    200: answered({ entries: { type: "array", items: { type: "object" } }, next: { type: ["string", "null"] } }, [
      "entries",
      "next",
    ]),
  },
  readOnly: true,
  run: async ({ principal, query, service }) => {
    const limit = Math.min(Number(query.limit ?? 100), LONGEST);
    const found = await service.guard.log({
      ...aboutOf(query, principal.tenant),
      requestId: query.request_id,
      events: query.event === undefined ? undefined : [query.event],
      order: query.order === "oldest" ? "oldest" : "newest",
      after: query.after === undefined ? undefined : Number(query.after),
      limit: limit + 1,
    });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return jsonResponse({
      entries: page.map(logLineOnWire),
      next: last && found.length > limit ? String(last.seq) : null,
    });
  },
};

const blastRadius: Operation = {
  name: "blast_radius",
  method: "GET",
  path: "/v1/blast-radius",
  tag: "Action log",
  summary:
    "Exactly the requests whose effect happened, or may have, with the record before and after; and the plan to undo them.",
  roles: ["reviewer", "operator", "auditor"],
  query: {
    ...ABOUT,
    where: { ...TEXT, maxLength: 4_000, description: 'Fields and what they must be, as JSON: {"priority":"high"}.' },
  },
  answers: {
    200: answered({ token: TEXT, rows: { type: "array" }, plan: { type: "object" } }, ["token", "rows", "plan"]),
  },
  readOnly: true,
  run: async ({ principal, query, service }) => {
    if (Object.values(query).every((value) => value === undefined)) {
      return problem("invalid_request", "Say what went wrong: run_id, action, record_id, actor, since, where, ...");
    }
    const where = whereOf(query.where);
    if (where === null) return problem("invalid_request", "`where` must be a JSON object of plain values.");
    const radius = await service.guard.blastRadius({ ...aboutOf(query, principal.tenant), ...(where && { where }) });
    return jsonResponse({ ...blastRadiusOnWire(radius), plan: planOnWire(radius.plan) });
  },
};

type Where = Readonly<Record<string, string | number | boolean | null>>;

function whereOf(text: string | undefined): Where | undefined | null {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    return Object.values(value).every((one) => typeof one !== "object" || one === null) ? (value as Where) : null;
  } catch {
    return null;
  }
}

interface CorrectionBody {
  readonly plan: unknown;
  readonly reason: string;
  readonly dry_run?: boolean;
  readonly unchecked?: boolean;
}

const correct: Operation<CorrectionBody> = {
  name: "correct",
  method: "POST",
  path: "/v1/corrections",
  tag: "Action log",
  summary: "Undoes the effects of a plan, once each, and never over the changes of somebody else.",
  description: "May be cut off at any point and sent again: it goes on where it was. `dry_run` says what it would do.",
  roles: ["operator"],
  body: taken(
    {
      plan: { type: "object", description: "`plan` of /v1/blast-radius, as it was: one that was changed is refused." },
      reason: REASON,
      dry_run: { type: "boolean" },
      unchecked: { type: "boolean", description: "Also what cannot be checked for the changes of others." },
    },
    ["plan", "reason"],
  ),
  answers: { 200: answered({ token: TEXT, rows: { type: "array" } }, ["token", "rows"]) },
  run: async ({ body, principal, service }) => {
    const plan = planFromWire(body.plan);
    if (plan === null) return problem("invalid_request", "`plan` is none: send that of /v1/blast-radius.");
    if (!isOf(plan, principal.tenant)) return problem("forbidden", "This plan is not about your tenant.");
    const unchecked = body.unchecked === true;
    if (body.dry_run) {
      const { token, rows } = await service.guard.previewCorrection(plan, { unchecked });
      const shown = rows.map(({ changes, ...row }) => ({ ...snakeKeys(row), changes: changes.map(differenceOnWire) }));
      return jsonResponse({ dry_run: true, token, rows: shown });
    }
    const by = { token: plan.token, actor: principal.name, reason: body.reason, unchecked };
    const { token, runId, rows, complete } = await service.guard.correct(plan, by);
    return jsonResponse({ token, run_id: runId, complete, rows: rows.map((row) => snakeKeys({ ...row })) });
  },
};

/** A plan names its requests with their tenant: whoever sends one must not reach beyond their own. */
function isOf({ query, rows }: CorrectionPlan, tenant: string): boolean {
  return query.tenant === tenant && rows.every((row) => row.tenant === tenant);
}

export const logging: readonly AnyOperation[] = [log, blastRadius, correct];
