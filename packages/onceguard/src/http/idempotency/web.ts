import { readBytes } from "../request-body.ts";
import { collect, type HeaderList } from "./collect.ts";
import { createGate, type Entered, type Gate, type GateAnswer, type Run } from "./gate.ts";
import type { IdempotencyOptions } from "./options.ts";

/** What a handler is told besides its request. */
export interface GuardedRequest {
  /** Fires when the handler is taken for lost, or the process ends. Not when the caller leaves: the effect goes on. */
  readonly signal: AbortSignal;
  /** The guard's id of this request, for `guard.receipt`. */
  readonly requestId: string;
}

/** `context` is undefined where the request is not guarded. */
export type WebHandler = (request: Request, context?: GuardedRequest) => Response | Promise<Response>;

/**
 * Makes a handler of the web platform honour `Idempotency-Key`: what is sent again under the same key gets the first answer again.
 *
 * @throws OnceguardError `invalid_option`
 */
export function idempotent(
  options: IdempotencyOptions<Request>,
): (handler: WebHandler) => (request: Request) => Promise<Response> {
  const gate = createGate(options);
  return (handler) => async (request) => {
    const key = request.headers.get("idempotency-key");
    if (!gate.guards(request.method, key)) return handler(request);
    const [entered, body] = await enterWeb(gate, request, request);
    if (entered.kind === "answer") return responseOf(entered.answer);
    const { method, headers, url } = request;
    const again = new Request(url, { method, headers, ...(body && { body }) });
    if (entered.kind === "pass") return handler(again);
    const { run } = entered;
    let response: Response;
    try {
      response = await handler(again, { signal: run.signal, requestId: run.requestId });
    } catch (error) {
      await run.threw(error);
      throw error;
    }
    return recorded(gate, run, response);
  };
}

/** A body that does not arrive whole throws here, before anything is claimed. */
export async function enterWeb<Source>(
  gate: Gate<Source>,
  source: Source,
  request: Request,
): Promise<[Entered, Uint8Array<ArrayBuffer> | null]> {
  const bytes = (await readBytes(request, gate.rules.maxBodyBytes)) as Uint8Array<ArrayBuffer> | null;
  const { pathname, search } = new URL(request.url);
  const entered = await gate.enter(source, {
    method: request.method,
    path: pathname + search,
    key: request.headers.get("idempotency-key"),
    contentType: request.headers.get("content-type") ?? "",
    body: bytes,
  });
  return [entered, bytes];
}

/** The handler's answer, once it is recorded; or as it comes, if it is too large to be kept. */
export async function recorded<Source>(gate: Gate<Source>, run: Run, response: Response): Promise<Response> {
  const { status, statusText, headers } = response;
  const list: HeaderList = [...headers];
  const source = (response.body ?? none()) as AsyncIterable<Uint8Array>;
  const collected = await collect(run, gate.rules, { status, headers: list, body: source });
  if (collected.kind === "whole") {
    const body = isBodiless(status) ? null : (collected.body as Uint8Array<ArrayBuffer>);
    return new Response(body, { status, statusText, headers });
  }
  const { body } = collected;
  const stream = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await body.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => void (await body.return()),
  });
  return new Response(stream, { status, statusText, headers });
}

async function* none(): AsyncGenerator<Uint8Array> {}

export function responseOf({ status, headers, body }: GateAnswer): Response {
  const made = new Headers();
  for (const [name, value] of headers) made.append(name, value);
  return new Response(isBodiless(status) ? null : (body as Uint8Array<ArrayBuffer>), { status, headers: made });
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}
