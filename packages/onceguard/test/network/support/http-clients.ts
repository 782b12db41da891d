import http from "node:http";
import https from "node:https";
import type tls from "node:tls";
import { fetch as undiciFetch, request as undiciRequest } from "undici";

/** Sends one POST with a body, reads the whole answer, and throws what the client throws. */
export type Send = (url: string, signal?: AbortSignal) => Promise<unknown>;

export const BODY = "one effect, please";

/** The clients that Node programs use, each with a new connection. */
export const CLIENTS: readonly (readonly [name: string, send: Send])[] = [
  ["node:http", (url, signal) => nodeRequest(url, signal ? { signal } : {})],
  ["fetch", async (url, signal) => (await fetch(url, { method: "POST", body: BODY, signal: signal ?? null })).text()],
  [
    "undici.fetch",
    async (url, signal) => (await undiciFetch(url, { method: "POST", body: BODY, signal: signal ?? null })).text(),
  ],
  [
    "undici.request",
    async (url, signal) =>
      (await undiciRequest(url, { method: "POST", body: BODY, signal: signal ?? null })).body.text(),
  ],
];

export type NodeOptions = https.RequestOptions & Pick<tls.ConnectionOptions, "ALPNProtocols">;

export function nodeRequest(url: string, options: NodeOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith("https:") ? https : http;
    const sent = request(url, { method: "POST", agent: false, ...options }, (answer) => {
      let body = "";
      answer.on("data", (chunk) => {
        body += chunk;
      });
      answer.on("end", () => resolve(body));
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(BODY);
  });
}

/** What the promise is rejected with; fails if it is not. */
export async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  const answer = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("value" in answer) throw new Error(`it did not fail: ${JSON.stringify(answer.value)}`);
  return answer.error;
}
