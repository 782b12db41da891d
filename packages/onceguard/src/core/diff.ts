import { isJsonObject, type JsonValue } from "./json.ts";

/** One difference between two states: where, and what stood there. Undefined: nothing did. */
export interface Difference {
  /** `priority`, `address.city`, `items[2]`; empty for the whole. */
  readonly path: string;
  readonly from: JsonValue | undefined;
  readonly to: JsonValue | undefined;
}

/** What differs, field by field, down to values that are no objects or lists of equal length. */
export function diff(from: JsonValue | undefined, to: JsonValue | undefined, path = ""): Difference[] {
  if (isJsonObject(from) && isJsonObject(to)) {
    const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
    return names.flatMap((name) => diff(from[name], to[name], path === "" ? name : `${path}.${name}`));
  }
  if (Array.isArray(from) && Array.isArray(to) && from.length === to.length) {
    return from.flatMap((item: JsonValue, n) => diff(item, to[n] as JsonValue, `${path}[${n}]`));
  }
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from, to }];
}
