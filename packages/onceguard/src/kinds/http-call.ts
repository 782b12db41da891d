import type { JsonValue } from "../core/json.ts";

export interface HttpCall {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonValue | undefined;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface HttpResult {
  readonly status: number;
  readonly body?: JsonValue;
  /** `too_large` or `not_text`: it was answered, and the answer is not kept. */
  readonly body_omitted?: string;
}

/** An HTTP status that is no success, in the shape that the classifier reads. */
export class HttpError extends Error {
  override readonly name: string = "HttpError";
  readonly status: number;
  readonly response: { readonly status: number; readonly headers: Headers };

  constructor(status: number, headers: Headers, text: string) {
    super(`HTTP ${status}${text === "" ? "" : `: ${text.slice(0, 300)}`}`);
    this.status = status;
    this.response = { status, headers };
  }
}

/**
 * One request and its answer. Redirects are not followed: a POST would be sent a second time, and a header with a secret
 * to another host.
 *
 * @throws HttpError for any status but 2xx; whatever fetch throws when there was no answer
 */
export async function httpCall(call: HttpCall): Promise<HttpResult> {
  const hasBody = call.body !== undefined;
  const response = await fetch(call.url, {
    method: call.method,
    headers: { accept: "application/json", ...(hasBody && { "content-type": "application/json" }), ...call.headers },
    ...(hasBody && { body: JSON.stringify(call.body) }),
    redirect: "manual",
    signal: call.signal,
  });
  const bytes = await readUpTo(response, call.maxBytes);
  if (!response.ok) {
    throw new HttpError(response.status, response.headers, bytes === null ? "" : oneLine(textOf(bytes) ?? ""));
  }
  return { status: response.status, ...kept(bytes, response.headers.get("content-type") ?? "") };
}

/** Null when there is more than the cap; the rest is not waited for. */
async function readUpTo(response: Response, maxBytes: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (; reader !== undefined; ) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel().catch(() => undefined);
      return null;
    }
    chunks.push(value);
  }
  return Buffer.concat(chunks);
}

function kept(bytes: Uint8Array | null, type: string): Pick<HttpResult, "body" | "body_omitted"> {
  if (bytes === null) return { body_omitted: "too_large" };
  if (bytes.length === 0) return {};
  const text = textOf(bytes);
  if (text === null) return { body_omitted: "not_text" };
  if (!/[/+]json\b/i.test(type)) return { body: text };
  try {
    return { body: JSON.parse(text) as JsonValue };
  } catch {
    return { body: text }; // it says it is JSON and is not; it did answer, all the same
  }
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
