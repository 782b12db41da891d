import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { frameError } from "../frame.ts";

/** Without the token: nothing behind this line needs it, and what is not there cannot be handed on. */
export function webRequest(incoming: IncomingMessage, url: string, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined && name !== "authorization")
      headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return new Request(new URL(incoming.url ?? "/", url), { method: incoming.method ?? "GET", headers, signal });
}

export async function send(response: ServerResponse, answered: Response, withoutBody = false): Promise<void> {
  const headers: Record<string, string> = Object.fromEntries(answered.headers);
  // The rest of a body that was not read would otherwise be taken for the next request.
  if (answered.status === 413) headers.connection = "close";
  response.writeHead(answered.status, headers);
  if (answered.body === null || withoutBody) {
    response.end();
    return;
  }
  response.flushHeaders();
  try {
    await pipeline(Readable.fromWeb(answered.body as never), response);
  } catch {
    // the caller has left
  }
}

/** A JSON-RPC error without a call that it could belong to. */
export function refusal(status: number, code: number, message: string): Response {
  return Response.json(frameError(null, code, message), { status });
}
