import { OnceguardError } from "../core/errors.ts";
import { isJsonObject, type JsonValue } from "../core/json.ts";
import { readPath } from "../core/request-id.ts";
import { parseStrictJson } from "../core/strict-json.ts";

/** A body as JSON. @throws OnceguardError `payload_not_json` | `payload_too_large` | `payload_too_deep` */
export function jsonOf(body: Uint8Array): JsonValue {
  return parseStrictJson(textOf(body));
}

/** @throws OnceguardError `payload_not_json` */
export function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new OnceguardError("payload_not_json", "The body of the webhook is not UTF-8.");
  }
}

/** A text at a path; a number as text. */
export function textAt(data: JsonValue, path: string): string | null {
  const value = readPath(data, path);
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : null;
}

/** A time at a path, in ms since 1970: seconds, milliseconds, or ISO 8601. */
export function timeAt(data: JsonValue, path: string): number | null {
  const value = readPath(data, path);
  if (typeof value === "number" && value > 0) return Math.round(value < 100_000_000_000 ? value * 1_000 : value);
  if (typeof value !== "string") return null;
  if (/^\d+(?:\.\d+)?$/.test(value)) return Math.round(Number(value) * 1_000);
  const at = Date.parse(value);
  return Number.isFinite(at) ? at : null;
}

/** A member that is an object. */
export function objectAt(data: JsonValue, name: string): JsonValue | null {
  const member = isJsonObject(data) ? data[name] : undefined;
  return member !== undefined && isJsonObject(member) ? member : null;
}

/** Headers as the libraries of the field take them. */
export function plainHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries(headers);
}

/** @throws OnceguardError `invalid_option` */
export function secretsOf(source: string, secret: string | readonly string[]): readonly string[] {
  const secrets = typeof secret === "string" ? [secret] : secret;
  if (Array.isArray(secrets) && secrets.length > 0 && secrets.every((one) => typeof one === "string" && one !== "")) {
    return secrets;
  }
  throw new OnceguardError("invalid_option", `${source} needs its signing secret, or a list of them.`, {
    option: "secret",
  });
}
