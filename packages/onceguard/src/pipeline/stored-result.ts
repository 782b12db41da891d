import type { StoredResult } from "../core/receipt.ts";

/** A result as JSON carries it; what JSON cannot carry is left out with the reason, and the success still counts. */
export function storedResult(value: unknown, maxBytes: number): StoredResult | null {
  if (value === undefined) return null;
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch {
    json = undefined;
  }
  if (json === undefined) return { omitted: "not_json" };
  return Buffer.byteLength(json) > maxBytes ? { omitted: "too_large" } : { json };
}
