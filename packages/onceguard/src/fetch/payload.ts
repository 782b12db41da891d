import { createHash } from "node:crypto";
import type { Schema } from "../core/action.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import { parseStrictJson } from "../core/strict-json.ts";
import type { FetchPayload } from "./rule.ts";

/** Headers that say what is sent. All others may be secret, or new with every attempt, and are sent without being recorded. */
const RECORDED: ReadonlySet<string> = new Set([
  "accept",
  "content-type",
  "content-language",
  "if-match",
  "prefer",
  "stripe-version",
  "stripe-account",
  "x-api-version",
  "x-github-api-version",
  "notion-version",
]);

/** Headers of a transport or a tool, whose absence changes nothing. */
const UNIMPORTANT: ReadonlySet<string> = new Set([
  "content-length",
  "host",
  "connection",
  "user-agent",
  "accept-encoding",
  "accept-language",
  "sec-fetch-mode",
  "traceparent",
  "tracestate",
  "baggage",
]);

/** A request taken apart: what is recorded, and what only this process knows. */
export interface Taken {
  readonly payload: FetchPayload;
  /** For the sends of this call: headers with secrets, and the body as it was. */
  readonly live: Live;
}

export interface Live {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  /** What those bytes say, canonically. */
  readonly says: string;
}

export async function take(request: Request): Promise<Taken> {
  const { method, url } = request;
  let bytes: Uint8Array = new Uint8Array(await request.arrayBuffer());
  let type = request.headers.get("content-type");
  const boundary = type === null ? null : /^multipart\/.*;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(type);
  if (type !== null && boundary) {
    // New with every attempt, which would be another request each time: made anew from what it separates.
    const old = (boundary[1] ?? boundary[2]) as string;
    const renamed = renameBoundary(bytes, old);
    bytes = renamed.bytes;
    type = type.replace(old, renamed.boundary);
  }
  const headers: Record<string, string> = {};
  const others: Record<string, string> = {};
  for (const [name, value] of request.headers) {
    if (RECORDED.has(name)) headers[name] = name === "content-type" && type !== null ? type : value;
    else others[name] = value;
  }
  const hidden = Object.keys(others).some((name) => !UNIMPORTANT.has(name));
  const content = bodyOf(bytes, type ?? "");
  return {
    payload: { method, url: withoutFragment(url), headers, ...content, ...(hidden && { credentials: true }) },
    live: { headers: others, body: bytes.length === 0 ? null : bytes, says: canonicalJson(content.body) },
  };
}

function bodyOf(bytes: Uint8Array, type: string): Pick<FetchPayload, "body" | "encoding"> {
  if (bytes.length === 0) return { body: null };
  const text = textOf(bytes);
  if (text === null) return { body: Buffer.from(bytes).toString("base64"), encoding: "base64" };
  if (/[/+]json\b/i.test(type))
    return { body: parseStrictJson(text, { maxBytes: Number.MAX_SAFE_INTEGER, maxDepth: 64 }) };
  return { body: text };
}

/** The bytes that are sent where nobody has those of the call itself. */
export function bytesOf({ body, encoding, headers }: FetchPayload): Uint8Array | null {
  if (body === null) return null;
  if (encoding === "base64") return Buffer.from(body as string, "base64");
  const isJson = /[/+]json\b/i.test(headers["content-type"] ?? "");
  return Buffer.from(isJson ? JSON.stringify(body) : String(body));
}

function renameBoundary(bytes: Uint8Array, old: string): { bytes: Uint8Array; boundary: string } {
  const text = Buffer.from(bytes).toString("latin1");
  const digest = createHash("sha256").update(text.replaceAll(old, ""), "latin1").digest("hex").slice(0, 40);
  const boundary = `onceguard-${digest}`;
  return { bytes: Buffer.from(text.replaceAll(old, boundary), "latin1"), boundary };
}

function textOf(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes("\u0000") ? null : text;
  } catch {
    return null;
  }
}

function withoutFragment(url: string): string {
  return url.replace(/#.*$/s, "");
}

/** What `take` has made; anything else would be a mistake of ours. */
export const FETCH_PAYLOAD: Schema<unknown, FetchPayload> = {
  "~standard": {
    version: 1,
    vendor: "onceguard",
    validate: (value: unknown) => {
      const { method, url, headers } = (value ?? {}) as Partial<FetchPayload>;
      const isGood = typeof method === "string" && typeof url === "string" && typeof headers === "object";
      return isGood
        ? { value: value as FetchPayload }
        : { issues: [{ message: "a request with method, url and headers is needed here" }] };
    },
  },
};
