import { MAX_REQUEST_ID_LENGTH } from "../core/request-id.ts";

/** A key, or what keeps the header from being one. */
export type HeaderKey = { readonly key: string } | { readonly problem: string };

/**
 * The value of `Idempotency-Key`: by the draft a String of RFC 8941, in quotes; most clients send it without, which is
 * the same key. Null where there is no header.
 */
export function readIdempotencyKey(value: string | null | undefined): HeaderKey | null {
  if (value === null || value === undefined) return null;
  const text = value.replace(/^[ \t]+|[ \t]+$/g, "");
  const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(text);
  // Without quotes no space: two headers are joined by ", ", and none of the two is meant.
  const key = quoted ? (quoted[1] as string).replace(/\\(.)/g, "$1") : /^[\x21\x23-\x7e]+$/.exec(text)?.[0];
  if (text === "" || key === "") return { problem: "it is empty" };
  if (key === undefined) {
    return { problem: 'it must be one text of printable ASCII, such as "8e03978e-40d5-43dd-bc93-6894a57f9324"' };
  }
  if (key.length > MAX_REQUEST_ID_LENGTH) return { problem: `it is longer than ${MAX_REQUEST_ID_LENGTH} characters` };
  return { key };
}
