import { createHash } from "node:crypto";
import { canonicalJson } from "../../core/canonical-json.ts";
import { parseStrictJson } from "../../core/strict-json.ts";

/**
 * What stays the same when a client sends a request again: the value of a JSON body, whatever the order of its keys; the parts of
 * a form, whatever its boundary, which is new every time; and otherwise the bytes.
 */
export function requestDigest(contentType: string, body: Uint8Array): string {
  const type = /^\s*([^\s;]*)/.exec(contentType)?.[1]?.toLowerCase() ?? "";
  if (/[/+]json$/.test(type)) {
    const canonical = canonicalOf(body);
    if (canonical !== null) return digest("json", type, canonical);
  }
  const boundary = /^multipart\//.test(type) ? boundaryOf(contentType) : null;
  if (boundary !== null) {
    const bytes = Buffer.from(body).toString("latin1").replaceAll(boundary, "boundary");
    return digest("multipart", type, Buffer.from(bytes, "latin1"));
  }
  return digest("bytes", type, body);
}

function canonicalOf(body: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    return canonicalJson(parseStrictJson(text, { maxBytes: Number.MAX_SAFE_INTEGER, maxDepth: 64 }));
  } catch {
    return null; // for the handler to refuse; here it is so many bytes
  }
}

function boundaryOf(contentType: string): string | null {
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return found?.[1] ?? found?.[2] ?? null;
}

function digest(kind: string, type: string, content: string | Uint8Array): string {
  return createHash("sha256").update(`${kind}\n${type}\n`).update(content).digest("hex");
}
