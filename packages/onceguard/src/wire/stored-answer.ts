/** An answer as it is kept: status, headers, and the body as text where it is text. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly text?: string;
  readonly base64?: string;
  /** Why the body is not here: it was larger than what is kept, or a stream. */
  readonly omitted?: "too_large" | "stream";
}

/**
 * Of one connection and one moment, or for one caller's browser: not for whoever repeats the request later. The length is
 * counted anew.
 */
const NOT_KEPT: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "trailer",
  "upgrade",
  "te",
  "content-length",
  "date",
  "set-cookie",
]);

export function storedAnswer(
  status: number,
  headers: Iterable<readonly [string, string]>,
  body: Uint8Array | "too_large" | "stream",
): StoredAnswer {
  const kept = [...headers].filter(([name]) => !NOT_KEPT.has(name.toLowerCase()));
  if (typeof body === "string") return { status, headers: kept, omitted: body };
  if (body.length === 0) return { status, headers: kept };
  const text = textOf(body);
  const content = text === null ? { base64: Buffer.from(body).toString("base64") } : { text };
  return { status, headers: kept, ...content };
}

export function bodyOf({ text, base64 }: StoredAnswer): Uint8Array {
  if (text !== undefined) return Buffer.from(text, "utf8");
  return base64 === undefined ? new Uint8Array() : Buffer.from(base64, "base64");
}

/** Null for bytes that are no UTF-8, or would not be the same bytes again. */
function textOf(body: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    // The store keeps text without NUL.
    return text.includes("\u0000") ? null : text;
  } catch {
    return null;
  }
}
