import { OnceguardError } from "./errors.ts";
import type { Failure } from "./failure.ts";
import { isJsonObject, type JsonValue } from "./json.ts";
import { withoutSecrets } from "./secret-shapes.ts";

/**
 * Which fields of an action are private, and whose. A field is named by its name (`iban`) or by the end of its path
 * (`customer.email`), and is private wherever it stands: in the payload, in the result, in what `before` and `after`
 * read, at any depth. Identities are not fields: what `record`, `key` and `keyFields` make of a payload is kept as it is,
 * or as a digest that can be guessed.
 */
export interface PrivacyOptions<Payload> {
  /**
   * Never written, nor answered: the effect has them while its caller is there, and nobody has them afterwards. With such
   * a field in its payload a request is carried on by its callers only, and never by a sweeper.
   */
  readonly redact?: readonly string[];
  /** Written as AES-256-GCM; `"all"`: whole documents. Needs the guard's `keys`. */
  readonly encrypt?: readonly string[] | "all";
  /**
   * Whose data it is, such as `customer:4711`: encrypted, and fingerprinted, under a key of that subject's own, which
   * `erase` destroys. Default: the tenant's key.
   */
  readonly subject?: (payload: Payload) => string;
}

/** The rules of an action, checked. */
export interface Privacy {
  readonly redact: readonly FieldName[];
  readonly encrypt: readonly FieldName[] | "all";
  // biome-ignore lint/suspicious/noExplicitAny: the payload of whatever action it is
  readonly subject: ((payload: any) => string) | null;
}

/** A field's path, the last name first. */
type FieldName = readonly string[];

/** What stands where a redacted value stood. */
export const REDACTED = "[redacted]";

/** @throws OnceguardError `invalid_action` */
export function checkPrivacy(options: PrivacyOptions<never> | undefined, action: string): Privacy | null {
  if (options === undefined) return null;
  const { redact = [], encrypt = [], subject = null, ...unknown } = options;
  const [misspelt] = Object.keys(unknown);
  if (misspelt !== undefined) throw invalid(action, `takes redact, encrypt and subject, and not "${misspelt}"`);
  const encrypted = encrypt === "all" ? encrypt : fieldNames(action, "encrypt", encrypt);
  if (encrypted.length === 0 && subject !== null) {
    throw invalid(action, "has a subject, and nothing that is encrypted under its key; name fields in encrypt");
  }
  return { redact: fieldNames(action, "redact", redact), encrypt: encrypted, subject: subject as Privacy["subject"] };
}

function fieldNames(action: string, option: string, given: unknown): readonly FieldName[] {
  const isName = (one: unknown): one is string => typeof one === "string" && /^[^.[\]]+(?:\.[^.[\]]+)*$/.test(one);
  if (Array.isArray(given) && given.every(isName)) return given.map((one) => one.split(".").reverse());
  throw invalid(action, `.${option} must be a list of field names, such as "iban" or "customer.email"`);
}

function invalid(action: string, problem: string): OnceguardError {
  const message = `Action ${JSON.stringify(action)}: privacy${problem.startsWith(".") ? "" : " "}${problem}.`;
  return new OnceguardError("invalid_action", message, { action, problem });
}

/** A document without its private fields. */
export function redacted(value: JsonValue, { redact }: Privacy): JsonValue {
  return redact.length === 0 ? value : replaceFields(value, redact, () => REDACTED);
}

/** The document with each private field replaced; the whole of a field, whatever is in it. */
export function replaceFields(
  value: JsonValue,
  names: readonly FieldName[] | "all",
  replace: (value: JsonValue, path: string) => JsonValue,
): JsonValue {
  return names === "all" ? replace(value, "") : walk(value, names, replace, []);
}

function walk(
  value: JsonValue,
  names: readonly FieldName[],
  replace: (value: JsonValue, path: string) => JsonValue,
  path: readonly string[],
): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => walk(item, names, replace, path));
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([name, member]): [string, JsonValue] => {
    const own = [...path, name];
    const isPrivate = names.some((field) => field.every((step, n) => own.at(-1 - n) === step));
    return [name, isPrivate ? replace(member, own.join(".")) : walk(member, names, replace, own)];
  });
  return Object.fromEntries(entries);
}

/** Shorter ones (a quantity, a flag, a country) stand in many texts that are not about them. */
const SHORTEST_TELLING = 4;

/** A failure without what it may repeat of the payload's private fields, and without what looks like a secret. */
export function withoutPrivate(failure: Failure, privacy: Privacy | null, payload: JsonValue): Failure {
  let message = withoutSecrets(failure.message);
  for (const text of privacy === null ? [] : privateTexts(payload, privacy))
    message = message.replaceAll(text, REDACTED);
  return message === failure.message ? failure : { ...failure, message };
}

/** The longest first: one may be a part of another. */
function privateTexts(payload: JsonValue, { redact, encrypt }: Privacy): string[] {
  const texts = new Set<string>();
  const gather = (value: JsonValue): JsonValue => {
    for (const text of scalars(value)) if (text.length >= SHORTEST_TELLING) texts.add(text);
    return value;
  };
  replaceFields(payload, redact, gather);
  replaceFields(payload, encrypt, gather);
  return [...texts].sort((a, b) => b.length - a.length);
}

function scalars(value: JsonValue): string[] {
  if (typeof value === "string") return [value];
  if (typeof value === "number") return [String(value)];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(scalars);
}
