import { createHmac } from "node:crypto";
import { OnceguardError } from "../core/errors.ts";

/** What Standard Webhooks allows, in bytes: less can be guessed, more adds nothing. */
const SHORTEST_KEY = 24;
const LONGEST_KEY = 64;

const PREFIX = "whsec_";

/** The keys of one or several secrets. @throws OnceguardError `invalid_option`, which does not repeat the secret. */
export function signingKeys(secrets: string | readonly string[]): readonly Buffer[] {
  const list = typeof secrets === "string" ? [secrets] : secrets;
  if (!Array.isArray(list) || list.length === 0) throw invalidSecret("is missing");
  return list.map(signingKey);
}

function signingKey(secret: unknown): Buffer {
  if (typeof secret !== "string") throw invalidSecret("is not a string");
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret;
  const key = Buffer.from(text, "base64");
  // Buffer skips what is not base64; the receiver's library does not, and would verify by another key.
  if (key.toString("base64") !== text) throw invalidSecret("is not base64 (with its padding, without white space)");
  if (key.length < SHORTEST_KEY || key.length > LONGEST_KEY) throw invalidSecret(`has ${key.length} bytes`);
  return key;
}

function invalidSecret(problem: string): OnceguardError {
  return new OnceguardError(
    "invalid_option",
    `secret ${problem}; expected "whsec_" and the base64 of ${SHORTEST_KEY} to ${LONGEST_KEY} random bytes, or a list of such secrets.`,
    { option: "secret" },
  );
}

/**
 * The `webhook-id` header: the notification's id, percent-encoded where it has to be. Request ids come from agents and
 * can hold any text: a header takes only ASCII, and a full stop in it would let `id.timestamp.body` be read in two ways.
 */
export function webhookId(id: string): string {
  return id.replace(/[^!-~]|[.%]/gu, (char) => (char === "." ? "%2E" : encodeURIComponent(char.toWellFormed())));
}

/** The `webhook-signature` header of Standard Webhooks: one signature per key, so that secrets can be changed. */
export function signatures(keys: readonly Buffer[], id: string, timestamp: number, body: string): string {
  return keys
    .map((key) => `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`)
    .join(" ");
}
