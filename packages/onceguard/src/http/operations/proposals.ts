import { OnceguardError } from "../../core/errors.ts";
import { type Outcome, outcomeOf } from "../../core/outcome.ts";
import type { Receipt } from "../../core/receipt.ts";
import { checkRecord } from "../../pipeline/check-record.ts";
import type { Proposed } from "../../pipeline/intake.ts";
import { shortReceiptOnWire } from "../../wire/outcome-wire.ts";
import type { AnyOperation, Operation } from "../operation.ts";
import { jsonResponse, nextWords, outcomeDocument } from "../outcome-response.ts";
import { OUTCOMES_URL, problemResponse } from "../problem.ts";
import { CALL_PROPERTIES, OUTCOME, REASON, ref, taken, VERSION } from "../schemas.ts";
import { CALL_HEADERS, type CallBody, contextOf, payloadOf } from "./execute.ts";

const propose: Operation<CallBody> = {
  name: "propose",
  method: "POST",
  path: "/v1/proposals",
  tag: "Proposals",
  summary: "Checks a call of /v1/execute without executing anything.",
  description: "What needs a person's approval is put before that person now: 202, `held`.",
  roles: ["caller"],
  headers: CALL_HEADERS,
  body: taken(CALL_PROPERTIES, ["action"]),
  answers: { 200: ref("Proposal"), 202: ref("Proposal") },
  run: async (call) => {
    const { body, service } = call;
    const context = contextOf(call);
    if (context instanceof Response) return context;
    if (service.external.has(body.action)) {
      throw new OnceguardError("unknown_action", `"${body.action}" is done by whoever claims it: POST /v1/claims.`);
    }
    await checkRecord(service.actions.get(body.action), body);
    return proposalResponse(await service.guard.propose(body.action as never, payloadOf(body) as never, context));
  },
};

const CODES: Readonly<Record<string, number>> = { held: 202, denied: 403, mismatch: 422, halted: 423 };

function proposalResponse(proposed: Proposed): Response {
  const { verdict, reasons, requestId, receipt } = proposed;
  const known = receipt === null ? null : outcomeOf(receipt);
  const status = statusOf(proposed, known);
  const members = {
    request_id: requestId,
    verdict,
    reasons,
    ...(status === "known" && known && { outcome: known.status }),
    ...(receipt && verdict !== "mismatch" && { receipt: shortReceiptOnWire(receipt) }),
    next: wordsOf(status, known),
  };
  const code = CODES[status] ?? 200;
  if (code < 400) return jsonResponse({ status, ...members }, code);
  const type = `${OUTCOMES_URL}#${status}`;
  const title = "It would not be executed";
  return problemResponse({ type, title, status: code, code: status, detail: reasons.join("; "), ...members });
}

function statusOf({ verdict }: Proposed, known: Outcome | null): string {
  if (verdict === "mismatch" || verdict === "halted") return verdict;
  if (known !== null) return known.status === "held" ? "held" : "known";
  return verdict === "deny" ? "denied" : "proposed";
}

function wordsOf(status: string, known: Outcome | null): string {
  switch (status) {
    case "proposed":
      return "Nothing was done. Send the same to /v1/execute to do it.";
    case "denied":
      return "Nothing was done, and it would be refused.";
    case "mismatch":
      return "This request id stands for another payload or action already. A new intent needs a new id.";
    case "halted":
      return "A person has stopped this, or a limit was reached.";
    default:
      return known === null ? "" : nextWords(known);
  }
}

interface DecisionBody {
  readonly reason: string;
  readonly expected_version?: number;
}

const decisionBody = taken({ reason: REASON, expected_version: VERSION }, ["reason"]);

const approve: Operation<DecisionBody & { readonly lasts_ms?: number }> = {
  name: "approve",
  method: "POST",
  path: "/v1/proposals/{id}/approve",
  tag: "Proposals",
  summary: "Consents to a held request: to its payload, once. It then runs by itself.",
  roles: ["reviewer", "operator"],
  body: taken(
    {
      reason: REASON,
      expected_version: VERSION,
      lasts_ms: { type: "integer", minimum: 1_000, maximum: 2_592_000_000, description: "How long the consent lasts." },
    },
    ["reason"],
  ),
  answers: { 200: OUTCOME },
  run: async ({ body, id, principal, service }) => {
    const lasts = body.lasts_ms === undefined ? {} : { lasts: body.lasts_ms };
    return decided(await service.guard.approve(id, { ...byOf(principal, body), ...lasts }));
  },
};

const deny: Operation<DecisionBody> = {
  name: "deny",
  method: "POST",
  path: "/v1/proposals/{id}/deny",
  tag: "Proposals",
  summary: "Ends a held request for good; nothing is sent.",
  roles: ["reviewer", "operator"],
  body: decisionBody,
  answers: { 200: OUTCOME },
  run: async ({ body, id, principal, service }) => decided(await service.guard.deny(id, byOf(principal, body))),
};

/** Who decides is whose key it is; a name in the body would be anybody's. */
export function byOf(
  principal: { readonly name: string; readonly tenant: string },
  { reason, expected_version: expectedVersion }: DecisionBody,
): { actor: string; reason: string; tenant: string; expectedVersion?: number } {
  return {
    actor: principal.name,
    tenant: principal.tenant,
    reason,
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
  };
}

/** How the record stands after a decision about it: 200, whatever that is. */
export function decided(receipt: Receipt): Response {
  return jsonResponse(outcomeDocument(outcomeOf(receipt)));
}

export const proposals: readonly AnyOperation[] = [propose, approve, deny];
