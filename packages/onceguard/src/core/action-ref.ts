import { canonicalJson } from "./canonical-json.ts";
import type { Sha256 } from "./digest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";

/**
 * SafeAgent's `action_ref` (draft-etcheverry-action-ref, argentum-core docs/spec/action-ref.md), for interop:
 *
 *     v1 = hex(SHA-256(JCS({agent_id, action_type, scope, timestamp})))
 *     v2 = "v2:" + hex(SHA-256("mycelium.action-ref:v2:" + JCS(the same four fields)))
 *
 * It contains a timestamp, so it is never a dedup key. Field names stay as on the wire.
 */
export type ActionRefVersion = "v1" | "v2";

export type ActionRefReason =
  | "not_an_object"
  | "missing"
  | "not_a_string"
  | "not_ascii"
  | "unexpected_field"
  | "empty"
  | "not_canonical_form"
  | "no_such_instant"
  | "unknown_version"
  | "recompute_mismatch";

/** A rejection is a value: `field` is what is at fault, `"action_ref"` for the reference itself. */
export type ActionRefResult =
  | { readonly ok: true; readonly actionRef: string }
  | { readonly ok: false; readonly field: string; readonly reason: ActionRefReason };

export interface ActionRefOptions {
  readonly sha256: Sha256;
  /**
   * `strict` (default): only what the specification's Domain paragraph admits, so that no two renderings of one action
   * get two references. `lenient`: whatever object SafeAgent itself would hash, with no check (its attestation gate
   * and trail code have none).
   */
  readonly mode?: "strict" | "lenient";
}

const FIELDS = ["agent_id", "action_type", "scope", "timestamp"] as const;
const V2_DOMAIN_TAG = "mycelium.action-ref:v2:";

/** Derives the reference. Default version: v1, the one that is out there. */
export function actionRef(
  preimage: JsonValue,
  options: ActionRefOptions & { readonly version?: ActionRefVersion },
): ActionRefResult {
  if (!isJsonObject(preimage)) return reject("preimage", "not_an_object");
  const outside = options.mode === "lenient" ? undefined : outsideDomain(preimage);
  if (outside) return outside;
  const canonical = canonicalJson(preimage);
  const ref = options.version === "v2" ? `v2:${options.sha256(V2_DOMAIN_TAG + canonical)}` : options.sha256(canonical);
  return { ok: true, actionRef: ref };
}

/** Which derivation made this reference: read from its own syntax, never from context. `undefined`: it is none. */
export function actionRefVersion(text: string): ActionRefVersion | undefined {
  if (/^[0-9a-f]{64}$/.test(text)) return "v1";
  return /^v2:[0-9a-f]{64}$/.test(text) ? "v2" : undefined;
}

/**
 * Recomputes once over the fields as they came and compares. Outside the domain it stops before any digest: it never
 * reorders, coerces or normalises to force a match.
 */
export function verifyActionRef(claimed: string, preimage: JsonValue, options: ActionRefOptions): ActionRefResult {
  const version = actionRefVersion(claimed);
  if (version === undefined) return reject("action_ref", "unknown_version");
  const computed = actionRef(preimage, { ...options, version });
  return computed.ok && computed.actionRef !== claimed ? reject("action_ref", "recompute_mismatch") : computed;
}

/** The Domain paragraph: exactly four fields, ASCII strings, scope not empty, timestamp in its one canonical form. */
function outsideDomain(preimage: JsonObject): ActionRefResult | undefined {
  for (const field of FIELDS) {
    if (!Object.hasOwn(preimage, field)) return reject(field, "missing");
    const value = preimage[field];
    if (typeof value !== "string") return reject(field, "not_a_string");
    if (field === "timestamp") {
      const reason = timestampFault(value);
      if (reason) return reject(field, reason);
    } else if (/\P{ASCII}/u.test(value)) return reject(field, "not_ascii");
    else if (field === "scope" && value === "") return reject(field, "empty");
  }
  const extra = Object.keys(preimage).find((key) => !(FIELDS as readonly string[]).includes(key));
  return extra === undefined ? undefined : reject(extra, "unexpected_field");
}

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.\d{3}Z$/;

/** RFC 3339, UTC, exactly three fractional digits, and an instant the calendar has (no 30 February, no leap second). */
function timestampFault(text: string): "not_canonical_form" | "no_such_instant" | undefined {
  const match = TIMESTAMP.exec(text);
  if (!match) return "not_canonical_form";
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  const exists = year >= 1 && day >= 1 && day <= days && hour <= 23 && minute <= 59 && second <= 59;
  return exists ? undefined : "no_such_instant";
}

function reject(field: string, reason: ActionRefReason): ActionRefResult {
  return { ok: false, field, reason };
}
