import type { Outcome } from "../../core/outcome.ts";
import { checkRecord } from "../../pipeline/check-record.ts";
import type { ExternalClaim } from "../../pipeline/external-claim.ts";
import { shortReceiptOnWire } from "../../wire/outcome-wire.ts";
import { timeOnWire } from "../../wire/wire.ts";
import type { JsonSchema } from "../json-schema.ts";
import type { AnyOperation, Call, Operation } from "../operation.ts";
import { jsonResponse, outcomeDocument, outcomeResponse } from "../outcome-response.ts";
import { OUTCOMES_URL, problemResponse } from "../problem.ts";
import { CALL_PROPERTIES, OUTCOME, ref, TEXT, taken } from "../schemas.ts";
import { CALL_HEADERS, type CallBody, contextOf, payloadOf } from "./execute.ts";

const FENCE: JsonSchema = { type: "integer", minimum: 1, description: "The fencing_token of the claim." };
const LEASE: JsonSchema = {
  type: "integer",
  minimum: 1_000,
  maximum: 86_400_000,
  description: "How long the claim lasts without renewal. Default 5 minutes.",
};

interface ClaimBody extends CallBody {
  readonly claim_token?: string;
  readonly lease_ms?: number;
}

const claim: Operation<ClaimBody> = {
  name: "claim",
  method: "POST",
  path: "/v1/claims",
  tag: "Claims",
  summary: "The right to make an effect yourself, once.",
  description:
    "Only with status `claimed` do it, once, and then complete it; if it certainly did not happen, or nobody knows, fail it. With any other status do not do it.",
  roles: ["caller"],
  headers: CALL_HEADERS,
  body: taken(
    {
      ...CALL_PROPERTIES,
      claim_token: {
        ...TEXT,
        minLength: 1,
        maxLength: 255,
        description:
          "Any unguessable text of yours. When the answer got lost, claim again with the same: you get the same claim.",
      },
      lease_ms: LEASE,
    },
    ["action"],
  ),
  answers: { 200: ref("Claim"), 202: OUTCOME },
  run: async (call) => {
    const { body, service } = call;
    const context = contextOf(call);
    if (context instanceof Response) return context;
    await checkRecord(service.external.get(body.action), body);
    const answer = await service.claims.claim(body.action, payloadOf(body), {
      ...context,
      ...(body.claim_token === undefined ? {} : { claimToken: body.claim_token }),
      ...(body.lease_ms === undefined ? {} : { lease: body.lease_ms }),
    });
    service.metrics.outcome(call.principal.tenant, body.action, answer.status);
    return answer.status === "claimed" ? claimed(answer, "It is yours: do it now, once.") : outcomeResponse(answer);
  },
};

interface HoldingBody {
  readonly fencing_token: number;
}

const renew: Operation<HoldingBody & { readonly lease_ms?: number }> = {
  name: "renew",
  method: "POST",
  path: "/v1/claims/{id}/renew",
  tag: "Claims",
  summary: "Keeps a claim. 409: it is lost; stop, if that is still possible.",
  roles: ["caller"],
  body: taken({ fencing_token: FENCE, lease_ms: LEASE }, ["fencing_token"]),
  answers: { 200: ref("Claim") },
  run: async (call) => {
    const { lease_ms: lease } = call.body;
    const held = { ...heldBy(call), ...(lease === undefined ? {} : { lease }) };
    const answer = await call.service.claims.renew(call.id, held);
    return answer.status === "claimed" ? claimed(answer, "It is still yours.") : lost(answer);
  },
};

const complete: Operation<HoldingBody & { readonly result?: unknown }> = {
  name: "complete",
  method: "POST",
  path: "/v1/claims/{id}/complete",
  tag: "Claims",
  summary: "It was done. Safe to send again; a claim that was lost meanwhile makes it late evidence.",
  roles: ["caller"],
  body: taken({ fencing_token: FENCE, result: { description: "What came of it; later callers get it." } }, [
    "fencing_token",
  ]),
  answers: { 200: OUTCOME },
  run: async (call) => {
    const { result } = call.body;
    return recorded(await call.service.claims.complete(call.id, { ...heldBy(call), result }));
  },
};

interface FailBody extends HoldingBody {
  readonly certainty: "definite" | "indefinite";
  readonly code: string;
  readonly message: string;
  readonly may_try_again?: boolean;
}

const fail: Operation<FailBody> = {
  name: "fail",
  method: "POST",
  path: "/v1/claims/{id}/fail",
  tag: "Claims",
  summary: "It certainly did not happen (`definite`), or nobody knows (`indefinite`).",
  roles: ["caller"],
  body: taken(
    {
      fencing_token: FENCE,
      certainty: {
        enum: ["definite", "indefinite"],
        description: "`definite` only if it was never sent, or was refused. A timeout is `indefinite`.",
      },
      code: { ...TEXT, minLength: 1, maxLength: 128, description: "Such as `timeout` or `card_declined`." },
      message: { ...TEXT, minLength: 1, maxLength: 4_000 },
      may_try_again: { type: "boolean", description: "With `definite`: a later claim may try it again." },
    },
    ["fencing_token", "certainty", "code", "message"],
  ),
  answers: { 200: OUTCOME },
  run: async (call) => {
    const { certainty, code, message, may_try_again: again } = call.body;
    const failure = { certainty, code, message, tier: again ? ("transient" as const) : null };
    return recorded(await call.service.claims.fail(call.id, { ...heldBy(call), failure }));
  },
};

function heldBy({ body, principal }: Call<HoldingBody>): { fencingToken: number; tenant: string } {
  return { fencingToken: body.fencing_token, tenant: principal.tenant };
}

function claimed({ status, requestId, fencingToken, idempotencyKey, leaseMs, receipt }: ExternalClaim, next: string) {
  return jsonResponse({
    status,
    request_id: requestId,
    fencing_token: fencingToken,
    idempotency_key: idempotencyKey,
    lease_ms: leaseMs,
    lease_expires_at: timeOnWire(receipt.dueAt),
    receipt: shortReceiptOnWire(receipt),
    next,
  });
}

/** What was said is recorded, whatever it means for the request: 200. */
function recorded(outcome: Outcome): Response {
  return jsonResponse(outcomeDocument(outcome));
}

/** Never with 200: a loop that renews must notice. */
function lost(outcome: Outcome): Response {
  const { status, ...members } = outcomeDocument(outcome);
  return problemResponse({
    type: `${OUTCOMES_URL}#${String(status).replaceAll("_", "-")}`,
    title: "The claim is lost",
    status: 409,
    code: String(status),
    detail: "Stop, if that is still possible. What you find out about it still counts: send complete or fail.",
    ...members,
  });
}

export const claims: readonly AnyOperation[] = [claim, renew, complete, fail];
