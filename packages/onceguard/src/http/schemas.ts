import { STATES } from "../core/receipt.ts";
import type { JsonSchema } from "./json-schema.ts";

/** Texts, numbers and documents that several operations share. */
export const TEXT: JsonSchema = { type: "string" };
export const NAME: JsonSchema = { type: "string", minLength: 1, maxLength: 255, format: "name" };
export const REASON: JsonSchema = {
  type: "string",
  minLength: 1,
  maxLength: 4_000,
  pattern: "^[^\\u0000]*\\S[^\\u0000]*$",
  description: "Why, in words; kept in the log.",
};
export const VERSION: JsonSchema = {
  type: "integer",
  minimum: 1,
  description:
    "The receipt's `version` that the decision was made on. When it has moved since, the decision is refused.",
};
const TIME: JsonSchema = { type: "string", format: "date-time" };

export function ref(name: DocumentName): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

export function taken(properties: Record<string, JsonSchema>, required: readonly string[] = []): JsonSchema {
  return { type: "object", properties, required, additionalProperties: false };
}

/** Answers may gain members: only what is named is promised. */
export function answered(properties: Record<string, JsonSchema>, required: readonly string[] = []): JsonSchema {
  return { type: "object", properties, required };
}

/** What `execute`, `proposals` and `claims` take. */
export const CALL_PROPERTIES: Readonly<Record<string, JsonSchema>> = {
  action: { ...NAME, description: "The action's name, as in GET /v1/actions." },
  payload: { description: "The action's input. Default: an empty object. A repetition has exactly the same." },
  request_id: {
    ...NAME,
    description:
      "Names the intended effect, such as `refund:order-A1`; the header Idempotency-Key does the same. Not needed where the action has key_fields. Never a random id per attempt, and never a time.",
  },
  record_id: { ...NAME, description: "A check only: refused when the action touches another record." },
  run_id: { ...NAME, description: "Your run or task, so that people can stop all of it at once." },
};

const FAILURE = answered({
  certainty: { enum: ["definite", "indefinite"] },
  tier: { type: ["string", "null"] },
  code: TEXT,
  message: TEXT,
});

const RECEIPT = answered(
  {
    request_id: TEXT,
    action: TEXT,
    state: { enum: STATES },
    version: { type: "integer" },
    fencing_token: { type: "integer" },
    attempt_number: { type: "integer" },
    risk_tier: { enum: ["safe", "side_effecting", "irreversible"] },
    capability: TEXT,
    key_source: { enum: ["business_key", "explicit", "host_call", "content"] },
    record_id: TEXT,
    run_id: TEXT,
    actor: TEXT,
    evidence: TEXT,
    reason: TEXT,
    route: TEXT,
    conflict: { type: "boolean" },
    may_have_applied: { type: "boolean" },
    created_at: TIME,
    updated_at: TIME,
    due_at: TIME,
  },
  ["request_id", "action", "state", "version"],
);

const OUTCOME_MEMBERS: Readonly<Record<string, JsonSchema>> = {
  request_id: { type: ["string", "null"] },
  receipt: { $ref: "#/components/schemas/Receipt" },
  result: { description: "The effect's own result." },
  result_omitted: { ...TEXT, description: "Why the result was not kept; the effect did happen." },
  retry_after_ms: { type: "integer", minimum: 0 },
  failure: { $ref: "#/components/schemas/Failure" },
  waits_for: { enum: ["approval", "case"] },
  case_id: TEXT,
  reasons: { type: "array", items: TEXT },
  reason: TEXT,
  route: { type: ["string", "null"] },
  halt: { $ref: "#/components/schemas/Halt" },
  next: { ...TEXT, description: "What to do now." },
};

const STATUS: JsonSchema = {
  enum: [
    "executed",
    "replayed",
    "skipped",
    "in_doubt",
    "review",
    "held",
    "in_progress",
    "retry_later",
    "failed",
    "mismatch",
    "denied",
    "expired",
    "halted",
    "unavailable",
  ],
  description: "Only `executed` and `replayed` mean that it is done.",
};

const HALT = answered(
  {
    scope: { enum: ["run", "action", "tenant"] },
    id: TEXT,
    reason: TEXT,
    actor: { type: ["string", "null"] },
    halted_at: TIME,
    resumed_at: { type: ["string", "null"] },
    resumed_by: { type: ["string", "null"] },
    resume_reason: { type: ["string", "null"] },
  },
  ["scope", "id", "reason", "halted_at"],
);

const CASE = answered(
  {
    id: TEXT,
    state: { enum: ["OPEN", "RESOLVED_PROVISIONAL", "IN_RECONCILIATION", "FINAL", "SETTLED"] },
    signals: { type: "array", items: { type: "object" } },
    late: { type: "array", items: { type: "object" } },
    leading: { type: ["object", "null"] },
    final: { type: ["object", "null"] },
    taken_by: { type: ["string", "null"] },
    settled_by: { type: ["string", "null"] },
  },
  ["id", "state", "signals", "final"],
);

export type DocumentName =
  | "Failure"
  | "Receipt"
  | "Halt"
  | "Case"
  | "Outcome"
  | "Claim"
  | "Proposal"
  | "Action"
  | "Bundle"
  | "Problem";

/** The documents that answers are made of, as OpenAPI names them. */
export const DOCUMENTS: Readonly<Record<DocumentName, JsonSchema>> = {
  Failure: FAILURE,
  Receipt: RECEIPT,
  Halt: HALT,
  Case: CASE,
  Outcome: answered({ status: STATUS, ...OUTCOME_MEMBERS }, ["status", "request_id", "next"]),
  Claim: answered(
    {
      ...OUTCOME_MEMBERS,
      status: { ...TEXT, description: "Only `claimed` means: do it now, once. Any other: do not do it." },
      fencing_token: { type: "integer", minimum: 1 },
      idempotency_key: { ...TEXT, description: "Send it wherever the other side takes one." },
      lease_ms: { type: "integer", minimum: 0 },
      lease_expires_at: TIME,
    },
    ["status", "request_id", "next"],
  ),
  Proposal: answered(
    {
      ...OUTCOME_MEMBERS,
      status: { enum: ["proposed", "known", "held", "denied", "mismatch", "halted"] },
      verdict: { enum: ["allow", "deny", "review", "mismatch", "halted"] },
      outcome: { ...TEXT, description: "With `known`: the status of the earlier request." },
    },
    ["status", "request_id", "verdict", "reasons", "next"],
  ),
  Action: answered(
    {
      name: TEXT,
      risk_tier: TEXT,
      input_schema: { type: ["object", "null"] },
      key_fields: { type: "array", items: TEXT },
      needs_request_id: { type: "boolean" },
      performed_by: { enum: ["guard", "caller"] },
      capability: TEXT,
      promise: { ...TEXT, description: "What is promised about doubles, and no more." },
    },
    ["name", "risk_tier", "needs_request_id", "performed_by", "promise"],
  ),
  Bundle: answered(
    {
      v: { type: "integer" },
      receipt: { ...TEXT, description: "The receipt, as a JWS (EdDSA)." },
      leaves: { type: "array", items: { type: "object" } },
      checkpoint: TEXT,
      anchor: { type: ["object", "null"] },
    },
    ["v", "receipt", "leaves", "checkpoint", "anchor"],
  ),
  Problem: answered(
    {
      type: { ...TEXT, format: "uri", description: "Where it is explained." },
      title: TEXT,
      status: { type: "integer", description: "The HTTP status." },
      code: { ...TEXT, description: "What it is: an outcome's status, or the code of an error." },
      detail: TEXT,
      ...OUTCOME_MEMBERS,
    },
    ["type", "title", "status", "code"],
  ),
};

export const OUTCOME: JsonSchema = ref("Outcome");
