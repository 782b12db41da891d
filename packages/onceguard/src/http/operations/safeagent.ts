import { createHmac, timingSafeEqual } from "node:crypto";
import type { AnyAction } from "../../core/action.ts";
import { OnceguardError } from "../../core/errors.ts";
import { externalAction } from "../../core/external-action.ts";
import { type Receipt, resultOf, type State } from "../../core/receipt.ts";
import { lengthPrefixed } from "../../core/request-id.ts";
import type { ExternalClaims } from "../../pipeline/external-claim.ts";
import type { Guard } from "../../pipeline/guard.ts";
import type { AnyOperation, Call, Operation, Service } from "../operation.ts";
import { jsonResponse, outcomeResponse } from "../outcome-response.ts";
import { problem } from "../problem.ts";
import { answered, NAME, TEXT, taken } from "../schemas.ts";

// SafeAgent's routes, for its clients: its words on the wire, and our semantics behind them. What stays PENDING there until a
// sweeper makes it claimable again is a question here: it is never given out a second time.

/** Its default: how long a PENDING claim counts as one under way. */
const PENDING_TTL = "5m";

interface ClaimBody {
  readonly request_id: string;
  readonly action: string;
  readonly payload?: unknown;
}

const claimBody = taken(
  { request_id: NAME, action: NAME, payload: { description: "Ours: what the action is about, if it says so." } },
  ["request_id", "action"],
);

function claimAt(path: string, name: string): Operation<ClaimBody> {
  return {
    name,
    method: "POST",
    path,
    tag: "SafeAgent",
    summary: "SafeAgent's claim: PROCEED, SKIP with the existing result, or PENDING.",
    description:
      "PENDING never becomes PROCEED by the passing of time: whether it happened is found out, or a person decides.",
    roles: ["caller"],
    body: claimBody,
    answers: {
      200: answered(
        {
          status: { enum: ["PROCEED", "SKIP", "PENDING"] },
          request_id: TEXT,
          agent_id: { type: ["string", "null"] },
          existing: {},
          settlement_token: TEXT,
        },
        ["status", "request_id"],
      ),
    },
    run: claimed,
  };
}

async function claimed({ body, principal, service }: Call<ClaimBody>): Promise<Response> {
  const { request_id: requestId, action, payload = {} } = body;
  const { tenant, name: actor } = principal;
  const answer = await claimsFor(service, action).claim(action, payload, {
    requestId,
    tenant,
    actor,
    lease: PENDING_TTL,
  });
  service.metrics.outcome(tenant, service.external.has(action) ? action : "safeagent", answer.status);
  if (answer.status === "claimed") {
    const token = settlementToken(service, tenant, requestId, answer.fencingToken);
    return jsonResponse({ status: "PROCEED", request_id: requestId, agent_id: actor, settlement_token: token });
  }
  const { receipt } = answer;
  if (receipt === null || !(answer.status in WORDS)) return outcomeResponse(answer);
  const existing = WORDS[answer.status] === "SKIP" ? { existing: resultOf(receipt) ?? null } : { state: receipt.state };
  return jsonResponse({ status: WORDS[answer.status], request_id: requestId, agent_id: receipt.actor, ...existing });
}

/** Everything that must not be done now is PENDING there; what is refused is refused in our own words. */
const WORDS: Readonly<Record<string, "SKIP" | "PENDING">> = {
  replayed: "SKIP",
  in_progress: "PENDING",
  in_doubt: "PENDING",
  review: "PENDING",
  held: "PENDING",
  retry_later: "PENDING",
};

interface SettleBody {
  readonly result: Readonly<Record<string, unknown>>;
}

const settle: Operation<SettleBody> = {
  name: "safeagent_settle",
  method: "POST",
  path: "/settle/{id}",
  tag: "SafeAgent",
  summary: "SafeAgent's settlement: the claim's effect was done.",
  roles: ["caller"],
  headers: { "X-SafeAgent-Settlement-Token": { type: "string" } },
  body: taken({ result: { type: "object" } }, ["result"]),
  answers: { 200: answered({ status: { enum: ["committed", "already_committed"] }, request_id: TEXT }, ["status"]) },
  run: async ({ body, id, principal, request, service }) => {
    const { tenant } = principal;
    const receipt = await service.guard.receipt(id, { tenant });
    if (!receipt) {
      throw new OnceguardError("receipt_not_found", "request_id not found", { requestId: id });
    }
    const given = request.headers.get("x-safeagent-settlement-token");
    const fence = fenceOf(service, tenant, receipt, given);
    if (fence === null) return problem("forbidden", "settlement capability required");
    if (receipt.state === "succeeded") return jsonResponse({ status: "already_committed", request_id: id });
    const claims = claimsFor(service, receipt.action);
    await claims.complete(receipt.requestId, { fencingToken: fence, tenant, result: body.result });
    return jsonResponse({ status: "committed", request_id: id });
  },
};

/** Which claim it settles, and whether it may: null where a capability is needed and this is none. */
function fenceOf(service: Service, tenant: string, receipt: Receipt, given: string | null): number | null {
  if (service.settlementSecret === null) {
    // SafeAgent's clients from before there were tokens know no more than the id.
    const fence = Number(/^(\d{1,9})\./.exec(given ?? "")?.[1] ?? receipt.fencingToken);
    return fence >= 1 && fence <= receipt.fencingToken ? fence : null;
  }
  const fence = Number(/^(\d{1,9})\.[0-9a-f]{64}$/.exec(given ?? "")?.[1] ?? Number.NaN);
  if (given === null || !Number.isSafeInteger(fence)) return null;
  const expected = Buffer.from(settlementToken(service, tenant, receipt.explicitId ?? receipt.requestId, fence));
  const token = Buffer.from(given);
  return token.length === expected.length && timingSafeEqual(token, expected) ? fence : null;
}

/** Says which claim, and proves that whoever has it was told PROCEED. */
function settlementToken({ settlementSecret }: Service, tenant: string, requestId: string, fence: number): string {
  const text = lengthPrefixed(["onceguard/settle/v1", tenant, requestId, String(fence)]);
  return `${fence}.${createHmac("sha256", settlementSecret ?? "")
    .update(text)
    .digest("hex")}`;
}

const audit: Operation = {
  name: "safeagent_audit",
  method: "GET",
  path: "/audit",
  tag: "SafeAgent",
  summary: "SafeAgent's claim history, newest first.",
  roles: ["reviewer", "operator", "auditor"],
  query: {
    agent_id: NAME,
    action: NAME,
    status: { enum: ["PENDING", "COMMITTED"] },
    from_ts: { type: "string", pattern: "^\\d{1,12}(\\.\\d+)?$" },
    to_ts: { type: "string", pattern: "^\\d{1,12}(\\.\\d+)?$" },
    limit: { type: "string", pattern: "^[1-9]\\d{0,3}$" },
    offset: { type: "string", pattern: "^\\d{1,6}$" },
  },
  answers: { 200: answered({ rows: { type: "array", items: { type: "object" } } }, ["rows"]) },
  readOnly: true,
  run: async ({ principal, query, service }) => {
    const [limit, offset] = [Math.min(Number(query.limit ?? 100), 1_000), Number(query.offset ?? 0)];
    if (limit + offset > MOST_LOOKED_AT) return problem("invalid_request", "So far back, use GET /v1/receipts?after=.");
    const found = await service.guard.receipts({
      tenant: principal.tenant,
      limit: MOST_LOOKED_AT,
      ...(query.action === undefined ? {} : { action: query.action }),
      ...(query.status === undefined ? {} : { states: query.status === "COMMITTED" ? COMMITTED : PENDING }),
    });
    const [from, to] = [Number(query.from_ts ?? 0) * 1_000, Number(query.to_ts ?? Number.MAX_SAFE_INTEGER) * 1_000];
    const rows = found.filter(({ createdAt, actor }) => {
      return createdAt >= from && createdAt <= to && (query.agent_id === undefined || actor === query.agent_id);
    });
    return jsonResponse({ rows: rows.slice(offset, offset + limit).map(rowOf), limit, offset });
  },
};

const MOST_LOOKED_AT = 10_000;
const COMMITTED: readonly State[] = ["succeeded", "compensating", "compensated"];
const PENDING: readonly State[] = ["running", "in_doubt", "review", "held", "retry_wait"];

function rowOf(receipt: Receipt): Record<string, unknown> {
  const { requestId, explicitId, action, actor, createdAt, updatedAt, state } = receipt;
  const isDone = COMMITTED.includes(state);
  return {
    request_id: explicitId ?? requestId,
    action,
    status: isDone ? "COMMITTED" : "PENDING",
    state,
    agent_id: actor,
    result: resultOf(receipt) ?? null,
    claimed_at: createdAt / 1_000,
    committed_at: isDone ? updatedAt / 1_000 : null,
  };
}

const sweep: Operation = {
  name: "safeagent_sweep",
  method: "POST",
  path: "/sweep",
  tag: "SafeAgent",
  summary: "Answers that nothing was swept: nothing is made claimable again because it is old.",
  roles: ["operator"],
  answers: { 200: answered({ swept: { type: "integer" } }, ["swept"]) },
  run: async () => jsonResponse({ swept: 0 }),
};

/**
 * SafeAgent's actions need no definition: whatever a claim names is one that its caller performs. One of the guard's own
 * cannot be claimed.
 */
export function claimsFor(
  service: Pick<Service, "guard" | "actions" | "external" | "claims">,
  action: string,
): ExternalClaims {
  if (service.external.has(action) || service.actions.has(action)) return service.claims;
  const known = byGuard.get(service.guard) ?? new Map<string, ExternalClaims>();
  byGuard.set(service.guard, known);
  const made = known.get(action) ?? service.guard.external([definitionOf(action)]);
  // The names are the callers': they must not fill the memory. Making one again costs next to nothing.
  if (known.size >= MOST_NAMES) known.clear();
  known.set(action, made);
  return made;
}

const MOST_NAMES = 1_000;
const byGuard = new WeakMap<Guard, Map<string, ExternalClaims>>();

function definitionOf(action: string): AnyAction {
  return externalAction({ name: action, riskTier: "side_effecting" });
}

export const safeagent: readonly AnyOperation[] = [
  claimAt("/claim", "safeagent_claim"),
  claimAt("/claim/test", "safeagent_claim_test"),
  settle,
  audit,
  sweep,
];
