import { OnceguardError } from "./errors.ts";
import { type JsonValue, utf8Length } from "./json.ts";

/** Limits of the gate; each is an option of `createGuard`. */
export interface JsonLimits {
  /** Largest payload, in bytes of its canonical form. Default 1 MiB. */
  readonly maxBytes: number;
  /** Deepest nesting of arrays and objects. Default 64. */
  readonly maxDepth: number;
}

export const DEFAULT_JSON_LIMITS: JsonLimits = { maxBytes: 1_048_576, maxDepth: 64 };

/**
 * The gate before hashing: what is hashed is what is executed, so anything that JSON would silently change or drop
 * is refused instead of being guarded under the wrong identity.
 *
 * Returns a deep copy that shares nothing with the caller's object. `undefined` object members are left out, as
 * JSON leaves them out; everything else that JSON cannot carry is an error.
 *
 * @throws OnceguardError `payload_not_json` | `payload_too_deep` | `payload_too_large`, naming the path.
 */
export function strictJson(value: unknown, limits: JsonLimits = DEFAULT_JSON_LIMITS): JsonValue {
  return copy(value, { limits, left: limits.maxBytes, trail: [] });
}

/** One walk through a payload. */
interface Walk {
  readonly limits: JsonLimits;
  /** Bytes left of the cap. */
  left: number;
  /** Where the walk is; made into a path only for an error. */
  readonly trail: (string | number)[];
}

function copy(value: unknown, walk: Walk): JsonValue {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) refuse(walk, "a string with a lone surrogate, which has no UTF-8 form");
      spend(walk, value.length + 2);
      return value;
    case "number":
      if (!Number.isFinite(value)) refuse(walk, `${value}, which JSON cannot carry`);
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        refuse(walk, "an integer beyond 2^53 - 1, which loses digits; send it as a string");
      }
      spend(walk, 1);
      return value === 0 ? 0 : value; // -0 and 0 are one JSON number
    case "boolean":
      spend(walk, 4);
      return value;
    case "object":
      if (value === null) return null;
      if (walk.trail.length >= walk.limits.maxDepth) {
        throw new OnceguardError(
          "payload_too_deep",
          `The payload is nested deeper than ${walk.limits.maxDepth} levels. Flatten it, or raise limits.maxDepth.`,
          { maxDepth: walk.limits.maxDepth },
        );
      }
      return Array.isArray(value) ? copyArray(value, walk) : copyObject(value, walk);
    default:
      return refuse(walk, value === undefined ? "undefined" : `a ${typeof value}`);
  }
}

function copyArray(value: readonly unknown[], walk: Walk): JsonValue {
  spend(walk, value.length + 1);
  // Array.prototype is an array itself, in every realm; the prototype of a subclass is not.
  if (!Array.isArray(Object.getPrototypeOf(value))) refuse(walk, "an instance of a class of arrays");
  const out: JsonValue[] = [];
  // Not `map`: it skips holes, and a hole is an undefined that JSON would turn into null.
  for (let i = 0; i < value.length; i++) out.push(copyMember(value[i], i, walk));
  if (Object.keys(value).length > value.length) refuse(walk, "an array with named members, which JSON drops");
  return out;
}

function copyObject(value: object, walk: Walk): JsonValue {
  const prototype = Object.getPrototypeOf(value) as object | null;
  // Only Object.prototype, of whichever realm, has isPrototypeOf of its own.
  if (prototype !== null && !Object.hasOwn(prototype, "isPrototypeOf")) {
    refuse(walk, `an instance of ${value.constructor?.name ?? "a class"}; convert it to plain JSON first`);
  }
  if (Object.getOwnPropertySymbols(value).length > 0) refuse(walk, "an object with symbol keys");
  const out: Record<string, JsonValue> = {};
  spend(walk, 2);
  for (const key of Object.keys(value)) {
    if (key === "__proto__") {
      walk.trail.push(key);
      refuse(walk, "the key __proto__, which changes the object instead of its content");
    }
    if (!key.isWellFormed()) refuse(walk, "a key with a lone surrogate, which has no UTF-8 form");
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    spend(walk, key.length + 3);
    out[key] = copyMember(member, key, walk);
  }
  return out;
}

function copyMember(member: unknown, at: string | number, walk: Walk): JsonValue {
  walk.trail.push(at);
  const copied = copy(member, walk);
  walk.trail.pop();
  return copied;
}

/** Stops a huge payload early, on a lower bound of its size; `checkSize` measures exactly. */
function spend(walk: Walk, atLeast: number): void {
  walk.left -= atLeast;
  if (walk.left < 0) tooLarge(walk.limits);
}

/** @throws OnceguardError `payload_too_large` when the canonical text is over the cap. */
export function checkSize(canonical: string, limits: JsonLimits): void {
  if (canonical.length > limits.maxBytes || utf8Length(canonical) > limits.maxBytes) tooLarge(limits);
}

function tooLarge(limits: JsonLimits): never {
  throw new OnceguardError(
    "payload_too_large",
    `The payload is larger than ${limits.maxBytes} bytes. Pass a reference to the large part, or raise limits.maxBytes.`,
    { maxBytes: limits.maxBytes },
  );
}

function refuse({ trail }: Walk, found: string): never {
  const path = trail.reduce<string>((at, step) => (typeof step === "number" ? `${at}[${step}]` : `${at}.${step}`), "$");
  throw new OnceguardError("payload_not_json", `The payload is not strict JSON: ${path} is ${found}.`, { path, found });
}

/**
 * `strictJson` for raw text, which can also repeat a key. `JSON.parse` keeps the last one silently, another reader may
 * keep the first: two readers would then execute different payloads under one identity.
 */
export function parseStrictJson(text: string, limits: JsonLimits = DEFAULT_JSON_LIMITS): JsonValue {
  if (text.length > limits.maxBytes) tooLarge(limits);
  scanKeysAndDepth(text, limits);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    // Not the parser's own words, and no cause: they quote the text, and a payload has no place in a log.
    const at = /at position \d+/.exec((error as Error).message)?.[0];
    throw new OnceguardError("payload_not_json", `The payload is not JSON${at ? ` (${at})` : ""}.`);
  }
  return strictJson(parsed, limits);
}

/** Walks the tokens once, without building anything, so that hostile depth never reaches a recursive reader. */
function scanKeysAndDepth(text: string, limits: JsonLimits): void {
  const open: (Set<string> | null)[] = []; // a set of keys for an object, null for an array
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{" || c === "[") {
      open.push(c === "{" ? new Set() : null);
      if (open.length > limits.maxDepth) {
        throw new OnceguardError("payload_too_deep", `The payload is nested deeper than ${limits.maxDepth} levels.`, {
          maxDepth: limits.maxDepth,
        });
      }
    } else if (c === "}" || c === "]") {
      open.pop();
    } else if (c === '"') {
      const start = i;
      i = closingQuote(text, start);
      if (i < 0) return; // unterminated: JSON.parse says so better
      const keys = open.at(-1);
      if (keys && /\s*:/y.test(sliceFrom(text, i + 1))) addKey(keys, text.slice(start, i + 1));
    }
  }
}

/** Not a regular expression: over a string of some 10 MB those run out of stack. */
function closingQuote(text: string, openingQuote: number): number {
  for (let i = openingQuote + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i;
  }
  return -1;
}

function sliceFrom(text: string, at: number): string {
  let end = at;
  while (end < text.length && /\s/.test(text[end] as string)) end++;
  return text.slice(at, end + 1);
}

function addKey(keys: Set<string>, token: string): void {
  let key: string;
  try {
    key = JSON.parse(token) as string; // "a" and "\u0061" are the same key
  } catch {
    return; // a bad escape: JSON.parse of the whole says so better
  }
  if (keys.has(key)) {
    throw new OnceguardError("payload_not_json", `The payload repeats the key ${JSON.stringify(key)}.`, { key });
  }
  keys.add(key);
}
