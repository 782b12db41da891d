import { OnceguardError } from "../core/errors.ts";
import { parseStrictJson } from "../core/strict-json.ts";
import { type HttpLimits, jsonLimits } from "./limits.ts";
import { problem } from "./problem.ts";

/** The bytes of a body; null when there are more than the cap, and then the rest is not read. */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array | null> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (; reader !== undefined; ) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > maxBytes) {
      void reader.cancel().catch(() => undefined);
      return null;
    }
    chunks.push(value);
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, size);
}

/**
 * The body as strict JSON: no key twice, nothing that loses digits, no deeper than allowed. Two readers of a looser text
 * would guard one payload and execute another.
 */
export async function readJson(request: Request, limits: HttpLimits): Promise<{ readonly value: unknown } | Response> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
    return problem("unsupported_media_type", "Content-Type must be application/json, in UTF-8.");
  }
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    return problem("unsupported_media_type", "A compressed body is not taken.");
  }
  let bytes: Uint8Array | null;
  try {
    bytes = await readBytes(request, limits.maxBodyBytes);
  } catch {
    return problem("invalid_request", "The body did not arrive whole. Nothing was done.");
  }
  if (bytes === null) {
    const detail = `The body is larger than ${limits.maxBodyBytes} bytes. Nothing was done. Pass a reference to the large part.`;
    // The rest of it would otherwise be taken for the next request.
    return problem("request_too_large", detail, { max_bytes: limits.maxBodyBytes }, { connection: "close" });
  }
  return parsed(bytes, limits);
}

function parsed(bytes: Uint8Array, limits: HttpLimits): { readonly value: unknown } | Response {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return problem("invalid_request", "The body is not UTF-8. Nothing was done.");
  }
  try {
    return { value: parseStrictJson(text, jsonLimits(limits)) };
  } catch (error) {
    if (!(error instanceof OnceguardError)) throw error;
    return problem("invalid_request", `${error.message.replace("The payload", "The body")} Nothing was done.`);
  }
}
