import type { JsonValue } from "../core/json.ts";
import { type Privacy, redacted } from "../core/privacy.ts";
import type { StoredResult } from "../core/receipt.ts";

/** A result as JSON carries it; what JSON cannot carry is left out with the reason, and the success still counts. */
export function storedResult(value: unknown, maxBytes: number, privacy: Privacy | null): StoredResult | null {
  if (value === undefined) return null;
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch {
    json = undefined;
  }
  if (json === undefined) return { omitted: "not_json" };
  if (Buffer.byteLength(json) > maxBytes) return { omitted: "too_large" };
  if (privacy === null || privacy.redact.length === 0) return { json };
  return { json: JSON.stringify(redacted(JSON.parse(json) as JsonValue, privacy)) };
}
