import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { OnceguardError } from "../../core/errors.ts";
import { problemWithName } from "../../core/request-id.ts";
import { type Principal, ROLES, type Role } from "../principal.ts";

/** A key as it is kept: its hash. Whoever steals the list cannot call with it. */
export interface ApiKey {
  /** Names the key in lists and logs; part of the key itself, and no secret. */
  readonly id: string;
  /** SHA-256 of the whole key, in hex. The key is 32 random bytes, so nothing slower is needed. */
  readonly sha256: string;
  readonly tenant: string;
  readonly name: string;
  readonly role: Role;
  /** ISO 8601. */
  readonly created_at?: string;
  readonly expires_at?: string;
}

/** Knows whom a key belongs to; null for any that is not good, and never why it is not. */
export type KeyReader = (key: string) => Principal | null | Promise<Principal | null>;

/** A new key and what is kept of it. The key itself is shown once, and nowhere kept. */
export function makeApiKey(
  given: Pick<ApiKey, "tenant" | "name" | "role"> & { readonly expires_at?: string },
  now: Date,
): { readonly key: string; readonly kept: ApiKey } {
  const id = randomBytes(6).toString("hex");
  const key = `og_${id}_${randomBytes(32).toString("base64url")}`;
  return { key, kept: checkedKey({ id, sha256: hashOf(key), ...given, created_at: now.toISOString() }) };
}

/**
 * Reads keys that are given as a list, as `onceguard keys` writes them.
 *
 * @throws OnceguardError `invalid_option`
 */
export function apiKeys(entries: unknown): KeyReader {
  const known = checkedKeys(entries).map((entry) => ({ ...entry, hash: Buffer.from(entry.sha256, "hex") }));
  return (key) => {
    const hash = createHash("sha256").update(key).digest();
    // Every entry is looked at, whichever fits: how long it takes says nothing about the list.
    let found: ApiKey | null = null;
    for (const entry of known) if (timingSafeEqual(entry.hash, hash)) found = entry;
    if (found === null || (found.expires_at !== undefined && Date.parse(found.expires_at) <= Date.now())) return null;
    return { tenant: found.tenant, name: found.name, roles: [found.role], keyId: found.id };
  };
}

/** @throws OnceguardError `invalid_option` */
export function checkedKeys(entries: unknown): readonly ApiKey[] {
  if (!Array.isArray(entries)) throw invalid("it must be a list");
  const keys = entries.map(checkedKey);
  const twice = keys.find(({ id }, n) => keys.findIndex((other) => other.id === id) !== n);
  if (twice) throw invalid(`the id ${twice.id} is there twice`);
  return keys;
}

function checkedKey(raw: unknown): ApiKey {
  const { id, sha256, tenant, name, role, created_at, expires_at } = (raw ?? {}) as Partial<ApiKey>;
  if (typeof id !== "string" || !/^[\w-]{1,64}$/.test(id)) throw invalid("each needs an `id` of letters and digits");
  if (!/^[0-9a-f]{64}$/.test(sha256 ?? "")) throw invalid(`key ${id} needs \`sha256\`, the key's hash in hex`);
  for (const [what, value] of Object.entries({ tenant, name })) {
    const problem = problemWithName(value);
    if (problem !== null) throw invalid(`the ${what} of key ${id} is ${problem}`);
  }
  if (!ROLES.includes(role as Role)) throw invalid(`the role of key ${id} must be one of ${ROLES.join(", ")}`);
  for (const time of [created_at, expires_at]) {
    if (time !== undefined && !(typeof time === "string" && Number.isFinite(Date.parse(time)))) {
      throw invalid(`a time of key ${id} cannot be read`);
    }
  }
  return raw as ApiKey;
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

function invalid(problem: string): OnceguardError {
  return new OnceguardError("invalid_option", `The list of keys cannot be used: ${problem}.`, { option: "keys" });
}
