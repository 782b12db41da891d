import { createHash, timingSafeEqual } from "node:crypto";
import type { AuthInfo } from "@modelcontextprotocol/server";
import { OnceguardError } from "../../../core/errors.ts";
import type { Principal } from "../principal.ts";

/** A bearer token that may call, as the operator's file has it: its hash, so that the file is no secret worth stealing. */
export interface TokenEntry {
  /** SHA-256 of the token, in hex. */
  readonly sha256: string;
  readonly tenant: string;
  /** For the action log. */
  readonly name: string;
  readonly role?: "caller" | "operator";
}

/** Knows who a token belongs to; null for one that is not its own. */
export type TokenReader = (token: string) => Promise<AuthInfo | null> | AuthInfo | null;

/** Verified again with every call, so it never gets old while it lasts. */
const FOR_NOW_S = 60;

/**
 * Reads tokens that are given as a list, as they stand in the config.
 *
 * @throws OnceguardError `invalid_option`
 */
export function staticTokens(entries: unknown): TokenReader {
  if (!Array.isArray(entries)) throw invalid("it must be a list");
  const known = entries.map(checked);
  return (token) => {
    const hash = createHash("sha256").update(token).digest();
    const entry = known.find(({ sha256 }) => timingSafeEqual(Buffer.from(sha256, "hex"), hash));
    if (!entry) return null;
    const { tenant, name, role } = entry;
    return authInfo({ tenant, name, operator: role === "operator" }, Date.now() / 1_000 + FOR_NOW_S);
  };
}

/** Without the token itself: it ends here, and nothing behind can hand it on. */
export function authInfo(principal: Principal, expiresAt: number): AuthInfo {
  return { token: "", clientId: principal.name, scopes: [], expiresAt: Math.floor(expiresAt), extra: { principal } };
}

function checked(raw: unknown): TokenEntry {
  const entry = raw as Partial<TokenEntry> | null;
  if (!/^[0-9a-f]{64}$/.test(entry?.sha256 ?? "")) throw invalid("each needs `sha256`, the token's hash in hex");
  if (!isText(entry?.tenant) || !isText(entry?.name)) throw invalid("each needs `tenant` and `name`");
  if (!["caller", "operator", undefined].includes(entry?.role)) throw invalid("`role` is caller or operator");
  return entry as TokenEntry;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "" && value.length <= 200;
}

function invalid(problem: string): OnceguardError {
  return new OnceguardError("invalid_option", `The list of tokens cannot be used: ${problem}.`, { option: "tokens" });
}
