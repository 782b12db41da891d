import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";

/** Meant for one connection only, or made anew for the next one. */
const HOP_BY_HOP = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export type Headers = Readonly<Record<string, string | readonly string[]>>;

/** What is passed on of a message's headers. */
export function forwarded(headers: IncomingHttpHeaders): Headers {
  const named = String(headers.connection ?? "")
    .toLowerCase()
    .split(/\s*,\s*/);
  return Object.fromEntries(
    Object.entries(headers).filter(
      (header): header is [string, string | string[]] =>
        header[1] !== undefined && !HOP_BY_HOP.has(header[0]) && !named.includes(header[0]),
    ),
  );
}

const http = new HttpAgent({ keepAlive: true });
const https = new HttpsAgent({ keepAlive: true });

/**
 * One request to the upstream. No time limit of its own: a tool may take as long as its caller waits.
 *
 * @throws the connection's own error, by which it is classified
 */
export function askUpstream(
  url: URL,
  options: {
    readonly method: string;
    readonly headers: Headers;
    readonly body?: string | Buffer;
    readonly signal?: AbortSignal;
  },
): Promise<IncomingMessage> {
  const { method, headers, body, signal } = options;
  const isTls = url.protocol === "https:";
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const outgoing = (isTls ? httpsRequest : httpRequest)(
      url,
      { method, headers: { ...headers, ...length } as never, agent: isTls ? https : http, ...(signal && { signal }) },
      resolve,
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

/** Everything of a body that is no stream. */
export async function wholeBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

export function isEventStream(message: IncomingMessage): boolean {
  return /^text\/event-stream\b/i.test(message.headers["content-type"] ?? "");
}
