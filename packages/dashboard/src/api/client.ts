import { keyOf } from "./session.ts";

/** The API is served one level above the console, wherever both are mounted. */
const ROOT = new URL("../", document.baseURI);

/** What the API answers when it does not do what was asked: RFC 9457. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly docs: string | null;

  constructor(status: number, code: string, title: string, detail: string | null, docs: string | null) {
    super(detail ?? title);
    this.name = title;
    this.status = status;
    this.code = code;
    this.docs = docs;
  }
}

export type Query = Readonly<Record<string, string | number | undefined | null>>;

export function apiUrl(path: string, query: Query = {}): URL {
  const url = new URL(path.replace(/^\//, ""), ROOT);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, String(value));
  }
  return url;
}

export function headers(): Record<string, string> {
  const key = keyOf();
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

export async function get<Answer>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
  return answerOf(await send(apiUrl(path, query), { headers: headers(), ...(signal && { signal }) }));
}

export async function post<Answer>(path: string, body: unknown): Promise<Answer> {
  return answerOf(
    await send(apiUrl(path), {
      method: "POST",
      headers: { ...headers(), "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
}

/** The key goes along in a header, and nowhere else: no cookies, no addresses. */
async function send(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new Problem(
      0,
      "unreachable",
      "The service cannot be reached",
      "Is onceguard serve running? Nothing was sent on, as far as this page knows; it asks again by itself.",
      null,
    );
  }
}

const refusals = new EventTarget();

/** Told when a key that was good no longer is: it has expired, or was taken back. */
export function onRefusedKey(told: () => void): () => void {
  refusals.addEventListener("refused", told);
  return () => refusals.removeEventListener("refused", told);
}

async function answerOf<Answer>(response: Response): Promise<Answer> {
  const body = (await response.json().catch(() => null)) as Record<string, unknown> | null;
  if (response.ok && body !== null) return body as Answer;
  const text = (name: string): string | null => (typeof body?.[name] === "string" ? (body[name] as string) : null);
  const code = text("code") ?? "internal";
  if (response.status === 401) refusals.dispatchEvent(new Event("refused"));
  throw new Problem(response.status, code, text("title") ?? "Something went wrong", text("detail"), text("type"));
}

/** An id as a part of a path. */
export function part(id: string): string {
  return encodeURIComponent(id);
}
