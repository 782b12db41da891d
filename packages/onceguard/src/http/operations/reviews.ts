import type { AnyOperation, Operation } from "../operation.ts";
import { jsonResponse } from "../outcome-response.ts";
import { answered, NAME, OUTCOME, REASON, TEXT, taken, VERSION } from "../schemas.ts";
import { byOf, decided } from "./proposals.ts";
import { ofTenant } from "./receipts.ts";

const LONGEST = 500;

const reviews: Operation = {
  name: "reviews",
  method: "GET",
  path: "/v1/reviews",
  tag: "Reviews",
  summary: "What waits for a person: to be decided, or to be approved. Longest waiting first.",
  roles: ["reviewer", "operator", "auditor"],
  answers: {
    200: answered({ reviews: { type: "array", items: { type: "object" } }, has_more: { type: "boolean" } }, [
      "reviews",
      "has_more",
    ]),
  },
  readOnly: true,
  run: async ({ principal: { tenant }, service: { guard } }) => {
    const open = await guard.reviews({ tenant, limit: LONGEST + 1 });
    const held = await guard.receipts({ tenant, states: ["held"], order: "longest_due", limit: LONGEST + 1 });
    const approvals = held.filter(({ hold }) => hold?.waitsFor === "approval" && hold.approval === null);
    return jsonResponse({
      reviews: [...open.slice(0, LONGEST), ...approvals.slice(0, LONGEST)].map(ofTenant),
      has_more: open.length > LONGEST || held.length > LONGEST,
    });
  },
};

interface ResolveBody {
  readonly decision: "happened" | "did_not_happen" | "retry";
  readonly reason: string;
  readonly expected_version?: number;
  readonly result?: unknown;
}

const resolve: Operation<ResolveBody> = {
  name: "resolve",
  method: "POST",
  path: "/v1/reviews/{id}/resolve",
  tag: "Reviews",
  summary: "A person's decision about a request in review or in doubt.",
  description: "`retry` says that it did not happen, and has it executed again.",
  roles: ["reviewer", "operator"],
  body: taken(
    {
      decision: { enum: ["happened", "did_not_happen", "retry"] },
      reason: REASON,
      expected_version: VERSION,
      result: { description: "With `happened`: what replays answer." },
    },
    ["decision", "reason"],
  ),
  answers: { 200: OUTCOME },
  run: async ({ body, id, principal, service }) => {
    const { decision, result } = body;
    return decided(await service.guard.resolve(id, { ...byOf(principal, body), decision, result }));
  },
};

const reopen: Operation<{ readonly reason: string; readonly expected_version?: number }> = {
  name: "reopen",
  method: "POST",
  path: "/v1/reviews/{id}/reopen",
  tag: "Reviews",
  summary: "Has a failed request tried again, under a new downstream key.",
  roles: ["reviewer", "operator"],
  body: taken({ reason: REASON, expected_version: VERSION }, ["reason"]),
  answers: { 200: OUTCOME },
  run: async ({ body, id, principal, service }) => decided(await service.guard.reopen(id, byOf(principal, body))),
};

interface EvidenceBody {
  readonly answer: "happened" | "did_not_happen";
  readonly source: string;
  readonly result?: unknown;
  readonly idempotency_key?: string;
}

const evidence: Operation<EvidenceBody> = {
  name: "evidence",
  method: "POST",
  path: "/v1/evidence/{id}",
  tag: "Reviews",
  summary: "What the outside world says of a request: a provider's webhook, a reconciliation file.",
  description:
    "Settles what is open, and marks a contradiction to what is settled. Not for the key of an agent: whoever acts must not be able to settle its own doubts.",
  roles: ["operator"],
  body: taken(
    {
      answer: { enum: ["happened", "did_not_happen"] },
      source: { ...NAME, description: "Who says so: `stripe webhook evt_1`." },
      result: { description: "With `happened`: what replays answer." },
      idempotency_key: { ...TEXT, minLength: 1, maxLength: 255, description: "The key the provider names." },
    },
    ["answer", "source"],
  ),
  answers: { 200: OUTCOME },
  run: async ({ body, id, principal, service }) => {
    const { answer, source, result, idempotency_key: key } = body;
    const given = { answer, source, result, tenant: principal.tenant };
    return decided(
      await service.guard.evidence(id, { ...given, ...(key === undefined ? {} : { idempotencyKey: key }) }),
    );
  },
};

export const deciding: readonly AnyOperation[] = [reviews, resolve, reopen, evidence];
