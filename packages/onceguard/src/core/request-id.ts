import { canonicalJson } from "./canonical-json.ts";
import type { Sha256 } from "./digest.ts";
import { OnceguardError } from "./errors.ts";
import { isJsonObject, type JsonValue, utf8Length } from "./json.ts";

/**
 * Where a request id came from, best first (the identity ladder of docs/concepts.md). `host_call` and `content` are lower
 * rungs: there another id may still be the same intent, so the loop filter watches them by default.
 */
export type KeySource = "business_key" | "explicit" | "host_call" | "content";

/** Longest request id a caller may give, in UTF-16 code units: what every provider and index takes. */
export const MAX_REQUEST_ID_LENGTH = 255;

const VERSION = "onceguard/request/v1";

/** `5:hello` per part. The byte length in front makes ("ab","c") and ("a","bc") different preimages. */
export function lengthPrefixed(parts: readonly string[]): string {
  let out = "";
  for (const part of parts) out += `${utf8Length(part)}:${part}`;
  return out;
}

/** SHA-256, in hex, over the length-prefixed parts. */
export function deriveRequestId(sha256: Sha256, tenant: string, action: string, parts: readonly string[]): string {
  return sha256(lengthPrefixed([VERSION, tenant, action, ...parts]));
}

/** @throws OnceguardError `invalid_request_id` */
export function checkRequestId(requestId: string): string {
  const problem = problemWithName(requestId);
  if (problem === null) return requestId;
  throw new OnceguardError("invalid_request_id", `The request id is ${problem}.`, { problem });
}

/** What keeps a text from being a name that every store, log and header can carry; null when nothing does. */
export function problemWithName(text: unknown): string | null {
  if (typeof text !== "string") return `a ${typeof text}`;
  if (text.length === 0) return "empty";
  if (text.length > MAX_REQUEST_ID_LENGTH) {
    return `${text.length} characters long; at most ${MAX_REQUEST_ID_LENGTH} are allowed`;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  const printable = text.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(text);
  return printable ? null : "not printable text (control characters or lone surrogates)";
}

/**
 * The values of `keyFields` in the validated payload, as parts of the request id. A path may go down (`customer.id`)
 * and across a list (`items[].sku`). Strings stand for themselves, everything else for its canonical
 * JSON, so that the order in which a model writes keys does not matter.
 *
 * @throws OnceguardError `missing_key_field`: an absent field is never hashed, or all calls that lack it would be one.
 */
export function keyParts(action: string, payload: JsonValue, keyFields: readonly string[]): string[] {
  return keyFields.map((path) => {
    const value = readPath(payload, path);
    if (value === undefined || !saysSomething(value)) {
      throw new OnceguardError(
        "missing_key_field",
        `Action "${action}" identifies its effect by "${path}", and the payload has no value there.`,
        { action, path },
      );
    }
    return keyPart(value);
  });
}

/** Empty values identify nothing: all calls without an order id would be one. */
function saysSomething(value: JsonValue): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(saysSomething);
  return value !== null && value !== "" && !(isJsonObject(value) && Object.keys(value).length === 0);
}

/** One part of a business key as text. */
export function keyPart(value: JsonValue): string {
  return typeof value === "string" ? value : canonicalJson(value);
}

/** Reads `a.b` or `items[].sku`; undefined when any step is absent. */
export function readPath(value: JsonValue, path: string): JsonValue | undefined {
  let current: JsonValue | undefined = value;
  const steps = path.split(".");
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] as string;
    const across = step.endsWith("[]");
    const name = across ? step.slice(0, -2) : step;
    if (!isJsonObject(current) || !Object.hasOwn(current, name)) return undefined;
    current = current[name];
    if (!across) continue;
    if (!Array.isArray(current)) return undefined;
    const rest = steps.slice(i + 1).join(".");
    if (rest === "") return current;
    const found: (JsonValue | undefined)[] = current.map((item: JsonValue) => readPath(item, rest));
    return found.some((item) => item === undefined) ? undefined : (found as JsonValue[]);
  }
  return current;
}
