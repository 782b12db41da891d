import { OnceguardError } from "../core/errors.ts";

export interface WebhookAddress {
  /** What is called: without user and password, which `fetch` refuses in a URL. */
  readonly href: string;
  /** For people: without query either, where tokens live. */
  readonly display: string;
  /** The `authorization` header that user and password stand for. */
  readonly authorization: string | null;
}

/** @throws OnceguardError `invalid_option`, which does not repeat the URL: it may hold a password. */
export function webhookAddress(text: string | URL, allowHttp: boolean): WebhookAddress {
  const url = URL.canParse(String(text)) ? new URL(text) : null;
  if (url === null || !["https:", "http:"].includes(url.protocol)) throw invalidUrl("is not an https:// URL");
  if (url.protocol === "http:" && !allowHttp && !isLoopback(url.hostname)) {
    throw invalidUrl("is not https, so whoever is on the way can read it; allowHttp: true permits that");
  }
  const authorization = basicAuthorization(url);
  url.username = "";
  url.password = "";
  url.hash = "";
  return { href: url.href, display: `${url.origin}${url.pathname}`, authorization };
}

function isLoopback(hostname: string): boolean {
  // The URL parser has brought every spelling of an address into this form; 127.evil.example is none.
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function basicAuthorization(url: URL): string | null {
  if (url.username === "" && url.password === "") return null;
  try {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return `Basic ${Buffer.from(pair).toString("base64")}`;
  } catch {
    throw invalidUrl("has a user or password in which a % is not encoded as %25");
  }
}

function invalidUrl(problem: string): OnceguardError {
  return new OnceguardError("invalid_option", `url ${problem}.`, { option: "url" });
}
