import type { JsonObject, JsonValue } from "./json.ts";

/**
 * RFC 8785 (JSON Canonicalization Scheme): object keys in UTF-16 code unit order, no white space, numbers and strings
 * as ECMAScript writes them. Takes values that went through the strict gate, so nothing here can fail.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) {
    let out = "[";
    for (let i = 0; i < value.length; i++) {
      if (i > 0) out += ",";
      out += canonicalJson(value[i] as JsonValue);
    }
    return `${out}]`;
  }
  const object = value as JsonObject;
  const keys = Object.keys(object).sort(); // default order is by UTF-16 code unit, as section 3.2.3 asks
  let out = "{";
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    if (i > 0) out += ",";
    out += `${JSON.stringify(key)}:${canonicalJson(object[key] as JsonValue)}`;
  }
  return `${out}}`;
}
