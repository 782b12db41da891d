import { canonicalJson } from "./canonical-json.ts";
import type { Hmac } from "./digest.ts";
import { isJsonObject, type JsonValue } from "./json.ts";
import { lengthPrefixed } from "./request-id.ts";

/**
 * Identity of the payload (the IETF draft's term): HMAC-SHA-256, under the tenant's key, of the action name and the
 * canonical payload without its volatile fields. Keyed, so that a leaked receipt cannot be matched against guesses of
 * what was paid to whom.
 *
 * @param canonical the canonical text of the whole payload, where the caller has it already.
 */
export function fingerprint(
  hmac: Hmac,
  action: string,
  payload: JsonValue,
  volatile: readonly string[],
  canonical: string = canonicalJson(payload),
): string {
  const identifying = volatile.length === 0 ? canonical : canonicalJson(withoutFields(payload, volatile));
  return hmac(lengthPrefixed(["onceguard/fingerprint/v1", action, identifying]));
}

/** The payload without the fields that hold prose: a model writes those anew on every attempt. */
export function withoutFields(payload: JsonValue, paths: readonly string[]): JsonValue {
  return paths.reduce(withoutField, payload);
}

function withoutField(value: JsonValue, path: string): JsonValue {
  if (!isJsonObject(value)) return value;
  const dot = path.indexOf(".");
  const step = dot < 0 ? path : path.slice(0, dot);
  const rest = dot < 0 ? null : path.slice(dot + 1);
  const across = step.endsWith("[]");
  const name = across ? step.slice(0, -2) : step;
  if (!Object.hasOwn(value, name)) return value;
  if (rest === null) {
    const { [name]: _dropped, ...kept } = value;
    return kept;
  }
  const member = value[name] as JsonValue;
  const inner =
    across && Array.isArray(member)
      ? member.map((item: JsonValue) => withoutField(item, rest))
      : withoutField(member, rest);
  return { ...value, [name]: inner };
}
