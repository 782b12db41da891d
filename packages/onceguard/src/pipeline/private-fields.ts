import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import type { Hmac } from "../core/digest.ts";
import { isJsonObject, type JsonValue } from "../core/json.ts";
import type { DataKey } from "../core/key-ring.ts";
import { type Privacy, replaceFields } from "../core/privacy.ts";

/** What stands where an encrypted value stood: `{"$encrypted":"v1.<nonce>.<ciphertext and tag>"}`, base64url. */
const MARK = "$encrypted";
const MARK_IN_TEXT = `"${MARK}"`;

/** What a ciphertext is bound to: moved to another request, or to another field, it does not open. */
interface Place {
  readonly tenant: string;
  readonly requestId: string;
}

/** JSON text with its private fields encrypted, each on its own. */
export function encrypted(text: string, rules: Privacy["encrypt"], key: DataKey, place: Place): string {
  const value = JSON.parse(text) as JsonValue;
  return JSON.stringify(replaceFields(value, rules, (field, path) => ({ [MARK]: seal(field, path, key, place) })));
}

/** The text as it was; null where something in it does not open under this key. */
export function decrypted(text: string, key: DataKey, place: Place): string | null {
  if (!text.includes(MARK_IN_TEXT)) return text;
  try {
    return JSON.stringify(open(JSON.parse(text) as JsonValue, [], key, place));
  } catch {
    return null;
  }
}

function seal(value: JsonValue, path: string, key: DataKey, place: Place): string {
  // 96 random bits per field: a key is one subject's or one tenant's, and stays far from 2^32 of them.
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key.bytes, nonce).setAAD(boundTo(path, key, place));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(value), "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `v1.${nonce.toString("base64url")}.${sealed.toString("base64url")}`;
}

function open(value: JsonValue, path: readonly string[], key: DataKey, place: Place): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => open(item, path, key, place));
  if (!isJsonObject(value)) return value;
  const sealed = value[MARK];
  if (typeof sealed === "string" && Object.keys(value).length === 1) return unseal(sealed, path.join("."), key, place);
  const entries = Object.entries(value).map(([name, member]) => [name, open(member, [...path, name], key, place)]);
  return Object.fromEntries(entries) as JsonValue;
}

/** @throws when it was sealed under another key or for another place, or was tampered with */
function unseal(text: string, path: string, key: DataKey, place: Place): JsonValue {
  const [, nonce = "", rest = ""] = text.split(".");
  const sealed = Buffer.from(rest, "base64url");
  const opener = createDecipheriv("aes-256-gcm", key.bytes, Buffer.from(nonce, "base64url"))
    .setAAD(boundTo(path, key, place))
    .setAuthTag(sealed.subarray(-16));
  return JSON.parse(Buffer.concat([opener.update(sealed.subarray(0, -16)), opener.final()]).toString("utf8"));
}

function boundTo(path: string, key: DataKey, { tenant, requestId }: Place): Buffer {
  return Buffer.from(JSON.stringify([key.id, tenant, requestId, path]), "utf8");
}

/** For the fingerprint of a private payload: without the key, no guess at what was paid to whom can be tried. */
export function hmacUnder(key: DataKey): Hmac {
  const salt = Buffer.from(hkdfSync("sha256", key.bytes, "", "onceguard/fingerprint/v1", 32));
  return (text) => createHmac("sha256", salt).update(text).digest("hex");
}
