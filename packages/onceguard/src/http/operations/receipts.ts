import { docsUrl } from "../../core/errors.ts";
import { outcomeOf } from "../../core/outcome.ts";
import { type Receipt, STATES, type State } from "../../core/receipt.ts";
import { actionOnWire } from "../../wire/action-wire.ts";
import { logEntryOnWire, receiptOnWire } from "../../wire/wire.ts";
import type { AnyOperation, Operation } from "../operation.ts";
import { jsonResponse, outcomeDocument } from "../outcome-response.ts";
import type { Principal } from "../principal.ts";
import { problem, problemResponse } from "../problem.ts";
import { answered, NAME, OUTCOME, ref, TEXT } from "../schemas.ts";
import { exported } from "./checkpoints.ts";

const receipt: Operation = {
  name: "receipt",
  method: "GET",
  path: "/v1/receipts/{id}",
  tag: "Receipts",
  summary: "What is known of a request. Never executes anything.",
  roles: ["caller", "reviewer", "operator", "auditor"],
  description:
    "With `export` it answers with a signed bundle, which an outsider can verify offline: without payload and result, for every role the same.",
  query: { export: { enum: ["", "true"], description: "A signed bundle, as `onceguard verify` takes it." } },
  answers: { 200: { anyOf: [OUTCOME, ref("Bundle")] } },
  readOnly: true,
  run: async ({ id, principal, query, service }) => {
    const { tenant } = principal;
    if (query.export !== undefined) return exported(service, () => service.guard.receipt(id, { tenant }), notFound);
    const found = await service.guard.receipt(id, { tenant });
    if (!found) return notFound();
    const log = isOnlyCaller(principal) ? [] : await service.guard.log(found.requestId, { tenant });
    const more = isOnlyCaller(principal) ? {} : { record: ofTenant(found), log: log.map(logEntryOnWire) };
    return jsonResponse(outcomeDocument(outcomeOf(found), more));
  },
};

/** The same words for an id of somebody else as for one that nobody has. */
function notFound(): Response {
  const detail = "There is no receipt with this request id. Actions of tier `safe` leave none.";
  const [type, title] = [docsUrl("receipt_not_found"), "Receipt not found"];
  return problemResponse({ type, title, status: 404, code: "receipt_not_found", detail });
}

/** Payloads are for those who decide or look into it; a caller knows its own. */
function isOnlyCaller({ roles }: Principal): boolean {
  return roles.every((role) => role === "caller");
}

/** All of it, with the payload. */
export function ofTenant(found: Receipt): Record<string, unknown> {
  const { tenant: _tenant, ...rest } = receiptOnWire(found);
  return rest;
}

const LONGEST = 500;

const receipts: Operation = {
  name: "receipts",
  method: "GET",
  path: "/v1/receipts",
  tag: "Receipts",
  summary: "Receipts, the newest first.",
  roles: ["reviewer", "operator", "auditor"],
  query: {
    state: { enum: STATES },
    action: NAME,
    record_id: NAME,
    run_id: NAME,
    case_id: NAME,
    conflict: { enum: ["true"], description: "Only those that evidence contradicts." },
    limit: { type: "string", pattern: "^[1-9]\\d{0,2}$", description: `At most ${LONGEST}; default 100.` },
    after: { ...TEXT, maxLength: 1_000, description: "`next` of the page before." },
  },
  answers: {
    200: answered({ receipts: { type: "array", items: { type: "object" } }, next: { type: ["string", "null"] } }, [
      "receipts",
      "next",
    ]),
  },
  readOnly: true,
  run: async ({ principal, query, service }) => {
    const limit = Math.min(Number(query.limit ?? 100), LONGEST);
    const after = query.after === undefined ? undefined : readCursor(query.after);
    if (after === null) return problem("invalid_request", '"after" must be the `next` of the page before.');
    const found = await service.guard.receipts({
      tenant: principal.tenant,
      limit: limit + 1,
      ...(query.state === undefined ? {} : { states: [query.state as State] }),
      ...(query.action === undefined ? {} : { action: query.action }),
      ...(query.record_id === undefined ? {} : { recordId: query.record_id }),
      ...(query.run_id === undefined ? {} : { runId: query.run_id }),
      ...(query.case_id === undefined ? {} : { caseId: query.case_id }),
      ...(query.conflict === undefined ? {} : { conflict: true as const }),
      ...(after === undefined ? {} : { after: { ...after, tenant: principal.tenant } }),
    });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return jsonResponse({
      receipts: page.map(ofTenant),
      next: last && found.length > limit ? cursorOf(last) : null,
    });
  },
};

/** Where a page ended. Names nothing that its reader has not just been shown. */
function cursorOf({ createdAt, requestId }: Receipt): string {
  return Buffer.from(JSON.stringify([createdAt, requestId])).toString("base64url");
}

function readCursor(text: string): { createdAt: number; requestId: string } | null {
  try {
    const [createdAt, requestId] = JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as unknown[];
    const isGood = Number.isSafeInteger(createdAt) && typeof requestId === "string" && !requestId.includes("\u0000");
    return isGood ? { createdAt: createdAt as number, requestId } : null;
  } catch {
    return null;
  }
}

const actions: Operation = {
  name: "actions",
  method: "GET",
  path: "/v1/actions",
  tag: "Execute",
  summary: "What can be executed, and what can be claimed.",
  roles: ["caller", "reviewer", "operator", "auditor"],
  answers: { 200: answered({ actions: { type: "array", items: ref("Action") } }, ["actions"]) },
  readOnly: true,
  run: async ({ service }) =>
    jsonResponse({
      actions: [
        ...[...service.actions.values()].map((action) => actionOnWire(action, "guard")),
        ...[...service.external.values()].map((action) => actionOnWire(action, "caller")),
      ],
    }),
};

export const reading: readonly AnyOperation[] = [actions, receipts, receipt];
