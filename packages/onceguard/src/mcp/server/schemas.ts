import type { Tool } from "@modelcontextprotocol/server";

type JsonSchema = Record<string, unknown>;
type ObjectSchema = Tool["inputSchema"];

const TEXT = { type: "string" } as const;
const COUNT = { type: "integer", minimum: 0 } as const;
const OBJECT = { type: "object" } as const;
const NAME = { type: "string", minLength: 1, maxLength: 255 } as const;

export function object(properties: Record<string, JsonSchema>, required: string[]): ObjectSchema {
  return { type: "object", properties, required, additionalProperties: false } as ObjectSchema;
}

/** A result may gain fields: only what is named is promised. */
export function answer(properties: Record<string, JsonSchema>, required: string[]): ObjectSchema {
  return { type: "object", properties, required } as ObjectSchema;
}

export const REQUEST_ID: JsonSchema = {
  ...NAME,
  description: "The request id, as an earlier answer has it.",
};

/** What `safe_execute`, `propose` and `claim` take. */
export const CALL_PROPERTIES: Record<string, JsonSchema> = {
  action: { ...NAME, description: "The action's name, from list_actions." },
  payload: {
    description:
      "The action's input, as its input_schema in list_actions says. Repeat it exactly when you repeat the same intent.",
  },
  request_id: {
    ...NAME,
    description:
      "Names the intended effect, such as `refund:order-A1`. Not needed where the action has key_fields. The same intent must always get the same id, also after an error; another intent needs another id. Never a random id, a time or a counter of attempts.",
  },
  record_id: {
    ...NAME,
    description: "Only as a check: the business record you mean. Refused when the action touches another one.",
  },
  run_id: { ...NAME, description: "Your run or task, so that people can stop all of it at once." },
};

const FAILURE: JsonSchema = {
  type: "object",
  properties: { certainty: TEXT, tier: { type: ["string", "null"] }, code: TEXT, message: TEXT },
};

const REVIEW: JsonSchema = {
  type: "object",
  description: "What a person has to decide, and where.",
  properties: {
    waits_for: { enum: ["approval", "case"] },
    reasons: { type: "array", items: TEXT },
    reason: TEXT,
    route: { type: ["string", "null"] },
    url: TEXT,
  },
};

const STATUSES = [
  "executed",
  "replayed",
  "skipped",
  "in_doubt",
  "in_progress",
  "retry_later",
  "held",
  "review",
  "failed",
  "mismatch",
  "denied",
  "expired",
  "halted",
  "unavailable",
  "invalid",
] as const;

const ERROR: JsonSchema = { type: "object", properties: { code: TEXT, message: TEXT, docs: TEXT } };

/** What `safe_execute` and `get_receipt` answer, and others where they have nothing of their own to say. */
export const OUTCOME_PROPERTIES: Record<string, JsonSchema> = {
  status: {
    type: "string",
    enum: [...STATUSES, "not_found"],
    description: "Only `executed` and `replayed` mean that it is done.",
  },
  request_id: { type: ["string", "null"] },
  receipt: { ...OBJECT, description: "What is durably known of the request." },
  result: { description: "The effect's own result." },
  result_omitted: { ...TEXT, description: "Why the result was not kept; the effect did happen." },
  retry_after_ms: { ...COUNT, description: "How long to wait before you ask again." },
  review: REVIEW,
  failure: FAILURE,
  halt: OBJECT,
  reason: TEXT,
  error: ERROR,
  next: { ...TEXT, description: "What to do now. Follow it." },
};

export const OUTCOME: ObjectSchema = answer(OUTCOME_PROPERTIES, ["status", "request_id", "next"]);

export const PROPOSAL: ObjectSchema = answer(
  {
    ...OUTCOME_PROPERTIES,
    status: {
      type: "string",
      enum: ["proposed", "known", "held", "denied", "mismatch", "halted", "invalid", "unavailable", "in_doubt"],
    },
    verdict: { enum: ["allow", "deny", "review", "mismatch", "halted"] },
    reasons: { type: "array", items: TEXT },
  },
  ["status", "request_id", "next"],
);

export const ACTIONS: ObjectSchema = answer(
  {
    actions: {
      type: "array",
      items: {
        type: "object",
        properties: {
          name: TEXT,
          risk_tier: { enum: ["safe", "side_effecting", "irreversible"] },
          input_schema: { type: ["object", "null"] },
          key_fields: { type: "array", items: TEXT },
          needs_request_id: { type: "boolean" },
          performed_by: { enum: ["guard", "host"] },
          capability: TEXT,
          promise: { ...TEXT, description: "What is promised about doubles, and no more." },
        },
        required: ["name", "risk_tier", "needs_request_id", "performed_by", "promise"],
      },
    },
  },
  ["actions"],
);
