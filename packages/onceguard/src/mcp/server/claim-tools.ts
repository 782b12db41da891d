import type { CallToolResult } from "@modelcontextprotocol/server";
import type { Outcome } from "../../core/outcome.ts";
import { checkRecord } from "../../pipeline/check-record.ts";
import type { ExternalClaim, ExternalClaims } from "../../pipeline/external-claim.ts";
import { shortReceiptOnWire } from "../../wire/outcome-wire.ts";
import { timeOnWire } from "../../wire/wire.ts";
import { answerOf, resultOf } from "./answer.ts";
import { type CallArguments, contextOf, payloadOf } from "./call.ts";
import type { ToolRuntime } from "./options.ts";
import { answer, CALL_PROPERTIES, OUTCOME_PROPERTIES, object, REQUEST_ID } from "./schemas.ts";
import type { GuardTool, ToolCall } from "./tool.ts";

const FENCE = { type: "integer", minimum: 1, description: "The fencing_token that claim answered with." };
const LEASE = {
  type: "integer",
  minimum: 1_000,
  maximum: 86_400_000,
  description: "How long you need for it. Default 5 minutes; renew before it is over.",
};

const CLAIM = answer(
  {
    ...OUTCOME_PROPERTIES,
    status: { type: "string", description: "Only `claimed` means: do it now, once. Any other: do not do it." },
    fencing_token: { type: "integer" },
    idempotency_key: { type: "string", description: "Send it wherever the other side takes one." },
    lease_expires_at: { type: "string" },
  },
  ["status", "request_id", "next"],
);

type Claiming = CallArguments & { readonly claim_token?: string; readonly lease_ms?: number };
type Holding = { readonly request_id: string; readonly fencing_token: number };

const claim: GuardTool = {
  tool: {
    name: "claim",
    title: "The right to do it yourself",
    description:
      "For effects that you perform yourself, with another tool. Claim first; only with status `claimed` do it, once, and then call complete, or fail. " +
      "If you cannot tell whether it worked, call fail with certainty `indefinite`; never do it again.",
    inputSchema: object(
      {
        ...CALL_PROPERTIES,
        claim_token: {
          type: "string",
          description: "Any unguessable text of yours. If the answer gets lost, claim again with the same one.",
        },
        lease_ms: LEASE,
      },
      ["action"],
    ),
    outputSchema: CLAIM,
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  },
  run: async (call: ToolCall<Claiming>) => {
    const { arguments: given, runtime } = call;
    await checkRecord(runtime.external.get(given.action), given);
    const { signal: _signal, ...context } = contextOf(call);
    const answered = await claimsOf(runtime).claim(given.action, payloadOf(given), {
      ...context,
      ...(given.claim_token === undefined ? {} : { claimToken: given.claim_token }),
      ...(given.lease_ms === undefined ? {} : { lease: given.lease_ms }),
    });
    return claimAnswer(runtime, answered, "It is yours: do it now, once, then call complete with this fencing_token.");
  },
};

const renew: GuardTool = {
  tool: {
    name: "renew",
    title: "Keep a claim",
    description:
      "Extends a claim, before its lease is over. With any status but `claimed` it is lost: stop if you can.",
    inputSchema: object({ request_id: REQUEST_ID, fencing_token: FENCE, lease_ms: LEASE }, [
      "request_id",
      "fencing_token",
    ]),
    outputSchema: CLAIM,
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  run: async ({ arguments: given, runtime }: ToolCall<Holding & { readonly lease_ms?: number }>) => {
    const { lease_ms: lease } = given;
    const held = { ...heldBy(runtime, given), ...(lease === undefined ? {} : { lease }) };
    const answered = await claimsOf(runtime).renew(given.request_id, held);
    return claimAnswer(runtime, answered, "It is still yours. Call complete or fail when it is over.");
  },
};

const complete: GuardTool = {
  tool: {
    name: "complete",
    title: "It is done",
    description: "Records that a claimed effect was done, with its result. Safe to repeat when the answer gets lost.",
    inputSchema: object(
      { request_id: REQUEST_ID, fencing_token: FENCE, result: { description: "What came of it; later calls get it." } },
      ["request_id", "fencing_token"],
    ),
    outputSchema: CLAIM,
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  run: async ({ arguments: given, runtime }: ToolCall<Holding & { readonly result?: unknown }>) => {
    const { result } = given;
    return answerOf(runtime, await claimsOf(runtime).complete(given.request_id, { ...heldBy(runtime, given), result }));
  },
};

interface FailArguments extends Holding {
  readonly certainty: "definite" | "indefinite";
  readonly code: string;
  readonly message: string;
  readonly may_try_again?: boolean;
}

const fail: GuardTool = {
  tool: {
    name: "fail",
    title: "It is not done, or nobody knows",
    description:
      "Records that a claimed effect did not happen (`definite`: it was refused, or never sent), or may have (`indefinite`: a timeout, a lost connection, anything you are not sure of).",
    inputSchema: object(
      {
        request_id: REQUEST_ID,
        fencing_token: FENCE,
        certainty: { enum: ["definite", "indefinite"], description: "`definite` only if it certainly did not happen." },
        code: { type: "string", description: "A short name, such as `timeout` or `card_declined`." },
        message: { type: "string", description: "What was seen." },
        may_try_again: { type: "boolean", description: "With `definite`: a later claim may try it again." },
      },
      ["request_id", "fencing_token", "certainty", "code", "message"],
    ),
    outputSchema: CLAIM,
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  run: async ({ arguments: given, runtime }: ToolCall<FailArguments>) => {
    const { certainty, code, message, may_try_again: again } = given;
    const failure = { certainty, code, message, tier: again ? ("transient" as const) : null };
    return answerOf(runtime, await claimsOf(runtime).fail(given.request_id, { ...heldBy(runtime, given), failure }));
  },
};

function heldBy({ principal }: ToolRuntime, { fencing_token: fencingToken }: Holding) {
  return { fencingToken, tenant: principal.tenant };
}

function claimsOf({ claims }: ToolRuntime): ExternalClaims {
  if (claims === null) throw new Error("these tools are offered only where something can be claimed");
  return claims;
}

function claimAnswer(runtime: ToolRuntime, answered: ExternalClaim | Outcome, next: string): CallToolResult {
  if (answered.status !== "claimed") return answerOf(runtime, answered);
  const { status, requestId, fencingToken, idempotencyKey, receipt } = answered;
  return resultOf({
    status,
    request_id: requestId,
    fencing_token: fencingToken,
    idempotency_key: idempotencyKey,
    lease_expires_at: timeOnWire(receipt.dueAt),
    receipt: shortReceiptOnWire(receipt),
    next,
  });
}

/** For effects that the host performs itself. */
export const claimTools: readonly GuardTool[] = [claim, renew, complete, fail];
