/** `Idempotency-Key` for Express: `onceguard/express`. The guide is docs/idempotency-key.md. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createGate, type Gate, type GateAnswer } from "./gate.ts";
import { holdBack } from "./held-response.ts";
import { peekBody } from "./node-body.ts";
import type { IdempotencyOptions } from "./options.ts";

export type { IdempotencyOptions, Settled } from "./options.ts";
export { settledBy } from "./options.ts";

/** What Express and its relatives hand to a middleware. */
export interface ExpressRequest extends IncomingMessage {
  readonly originalUrl?: string;
  /** Once a parser has read it. */
  readonly body?: unknown;
}

/** A middleware as Express calls it. */
export type ExpressMiddleware<Request> = (
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * A middleware for the routes it is used on, after whatever finds out who calls. It may stand before or behind body parsers.
 *
 * @throws OnceguardError `invalid_option`
 */
export function idempotency<Request extends IncomingMessage = ExpressRequest>(
  options: IdempotencyOptions<Request>,
): ExpressMiddleware<Request> {
  const gate = createGate(options);
  return (request, response, next) => {
    void guarded(gate, request, response, next).catch(next);
  };
}

async function guarded<Request extends IncomingMessage>(
  gate: Gate<Request>,
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
): Promise<void> {
  const { method = "GET", headers } = request;
  const key = headers["idempotency-key"];
  const given = Array.isArray(key) ? key.join(", ") : key;
  if (!gate.guards(method, given)) return next();
  let body: Uint8Array | null;
  try {
    const parsed = parsedBody(request);
    if (parsed === undefined) body = await peekBody(request, gate.rules.maxBodyBytes);
    else body = parsed.length > gate.rules.maxBodyBytes ? null : parsed;
  } catch {
    // Nobody is there to be answered, and nothing was claimed.
    response.destroy();
    return;
  }
  const entered = await gate.enter(request, {
    method,
    path: (request as ExpressRequest).originalUrl ?? request.url ?? "/",
    key: given,
    contentType: headers["content-type"] ?? "",
    body,
  });
  if (entered.kind === "answer") return answer(request, response, entered.answer);
  if (entered.kind === "run") holdBack(response, gate.rules, entered.run);
  next();
}

/** What a parser has made of the body; undefined where none was there yet. */
function parsedBody(request: IncomingMessage): Uint8Array | undefined {
  const { body, rawBody } = request as { body?: unknown; rawBody?: unknown };
  if (rawBody instanceof Uint8Array) return rawBody;
  if (!request.readableEnded) return undefined;
  if (body instanceof Uint8Array) return body;
  if (body === undefined) return new Uint8Array();
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

function answer(request: IncomingMessage, response: ServerResponse, { status, headers, body }: GateAnswer): void {
  response.statusCode = status;
  for (const [name, value] of headers) response.appendHeader(name, value);
  if (!request.complete) response.setHeader("connection", "close");
  if (status !== 204 && status !== 304) response.setHeader("content-length", body.length);
  response.end(body);
}
