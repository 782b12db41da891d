import type { AnyAction } from "../core/action.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import { OnceguardError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { checkSize, type JsonLimits, strictJson } from "../core/strict-json.ts";

/** A payload that is strict JSON and fits the action's schema, with its canonical text. */
export interface ValidPayload {
  readonly payload: JsonValue;
  readonly canonical: string;
}

/**
 * Propose: the gate, then the schema, then the gate again on what the schema made of it. Nothing is stored or sent.
 *
 * @throws OnceguardError `payload_not_json` | `payload_too_deep` | `payload_too_large` | `payload_invalid`
 */
export async function propose(definition: AnyAction, input: unknown, limits: JsonLimits): Promise<ValidPayload> {
  const gated = strictJson(input, limits);
  const payload = definition.input ? strictJson(await validate(definition, gated), limits) : gated;
  const canonical = canonicalJson(payload);
  checkSize(canonical, limits);
  return { payload, canonical };
}

async function validate(definition: AnyAction, payload: JsonValue): Promise<unknown> {
  const schema = definition.input;
  if (!schema) return payload;
  const pending = schema["~standard"].validate(payload);
  const checked = pending instanceof Promise ? await pending : pending;
  if (!checked.issues) return checked.value;
  const issues = checked.issues.map((issue) => ({
    path: (issue.path ?? []).map((step) => String(typeof step === "object" ? step.key : step)).join("."),
    message: issue.message,
  }));
  const first = issues[0];
  throw new OnceguardError(
    "payload_invalid",
    `The payload does not fit action "${definition.name}"${first ? `: ${first.path || "$"}: ${first.message}` : ""}. Nothing was sent.`,
    { action: definition.name, issues },
  );
}
