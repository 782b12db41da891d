import { AsyncLocalStorage } from "node:async_hooks";
import { guardedRequests } from "./guarded-fetch.ts";
import type { GuardedFetchOptions } from "./rule.ts";

// undici's shapes, as far as they are needed: it is an optional dependency, and two versions of it may be there at once.

export interface DispatchOptions {
  readonly origin?: string | URL | undefined;
  readonly path: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly query?: unknown;
}

export interface DispatchHandler {
  onRequestStart?(controller: DispatchController, context: unknown): void;
  onResponseStart?(
    controller: DispatchController,
    status: number,
    headers: Record<string, string | string[]>,
    message?: string,
  ): void;
  onResponseData?(controller: DispatchController, chunk: Buffer): void;
  onResponseEnd?(controller: DispatchController, trailers: Record<string, string | string[]>): void;
  onResponseError?(controller: DispatchController, error: Error): void;
}

export interface DispatchController {
  readonly aborted: boolean;
  readonly paused: boolean;
  readonly reason: Error | null;
  abort(reason: Error): void;
  pause(): void;
  resume(): void;
}

// biome-ignore lint/suspicious/noExplicitAny: undici's own option and handler types, which differ between its versions
export type Dispatch = (options: any, handler: any) => boolean;

/**
 * An interceptor for undici: `new Agent().compose(guardedDispatch({ guard, rules }))`. The same as `guardedFetch`, for everything
 * that goes through that dispatcher: `request`, `fetch`, and libraries that take one.
 *
 * @throws OnceguardError `invalid_option` | `invalid_action` | `unknown_provider`
 */
export function guardedDispatch(options: Omit<GuardedFetchOptions, "fetch">): (dispatch: Dispatch) => Dispatch {
  // Of the call itself; a sweeper's send goes through the first that was composed.
  const ofCall = new AsyncLocalStorage<Dispatch>();
  let first: Dispatch | null = null;
  const perform = guardedRequests({
    ...options,
    fetch: (request) => {
      const dispatch = ofCall.getStore() ?? first;
      if (dispatch === null) throw new Error("there is no dispatcher yet");
      return sendBy(dispatch, request);
    },
  });
  return (dispatch) => {
    first ??= dispatch;
    return function guarded(given: DispatchOptions, handler: DispatchHandler): boolean {
      const begun = begin(given);
      if (begun === null) return dispatch(given, handler);
      void ofCall.run(dispatch, () => answer(perform, begun, given, handler, dispatch));
      return true;
    };
  };
}

/** Null for what changes nothing: it goes through without being touched. */
function begin({ method, origin, path, query }: DispatchOptions): URL | null {
  if (!["POST", "PUT", "PATCH", "DELETE"].includes(method.toUpperCase())) return null;
  const url = new URL(path, origin);
  for (const [name, value] of Object.entries((query as Record<string, unknown> | undefined) ?? {})) {
    for (const one of [value].flat()) url.searchParams.append(name, String(one));
  }
  return url;
}

async function answer(
  perform: (request: Request) => Promise<Response> | null,
  url: URL,
  given: DispatchOptions,
  handler: DispatchHandler,
  dispatch: Dispatch,
): Promise<void> {
  const control = new Control();
  try {
    const request = new Request(url, {
      method: given.method.toUpperCase(),
      headers: headersOf(given.headers),
      signal: control.signal,
      ...bodyOf(given.body),
    });
    const handled = perform(request);
    if (handled === null) {
      const { query: _query, ...rest } = given;
      const body = request.body === null ? null : Buffer.from(await request.arrayBuffer());
      dispatch({ ...rest, path: url.pathname + url.search, body }, handler);
      return;
    }
    handler.onRequestStart?.(control, {});
    const response = await handled;
    control.rawHeaders = [...response.headers].flat().map((text) => Buffer.from(text, "latin1"));
    handler.onResponseStart?.(control, response.status, plain(response.headers), response.statusText);
    const bytes = Buffer.from(await response.arrayBuffer());
    await control.running();
    control.signal.throwIfAborted();
    if (bytes.length > 0) handler.onResponseData?.(control, bytes);
    await control.running();
    handler.onResponseEnd?.(control, {});
  } catch (error) {
    handler.onResponseError?.(control, error as Error);
  }
}

class Control implements DispatchController {
  /** undici's own fetch reads headers here. */
  rawHeaders: Buffer[] = [];
  readonly rawTrailers: Buffer[] = [];
  readonly #abort = new AbortController();
  #resume: PromiseWithResolvers<void> | null = null;

  get signal(): AbortSignal {
    return this.#abort.signal;
  }
  get aborted(): boolean {
    return this.#abort.signal.aborted;
  }
  get paused(): boolean {
    return this.#resume !== null;
  }
  get reason(): Error | null {
    return (this.#abort.signal.reason as Error | undefined) ?? null;
  }
  abort(reason: Error): void {
    this.#abort.abort(reason);
    this.resume();
  }
  pause(): void {
    this.#resume ??= Promise.withResolvers<void>();
  }
  resume(): void {
    this.#resume?.resolve();
    this.#resume = null;
  }
  running(): Promise<void> | undefined {
    return this.#resume?.promise;
  }
}

/** The real send, through the dispatcher that was composed: its pool, its proxy, its certificates. */
function sendBy(dispatch: Dispatch, request: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let head: { status: number; headers: Headers } | null = null;
    const url = new URL(request.url);
    const { signal } = request;
    const handler: DispatchHandler = {
      onRequestStart: (controller) => {
        const stop = (): void => controller.abort((signal.reason as Error | undefined) ?? new Error("aborted"));
        if (signal.aborted) stop();
        else signal.addEventListener("abort", stop, { once: true });
      },
      onResponseStart: (_controller, status, headers) => {
        if (status < 200) return;
        const list = Object.entries(headers).flatMap(([name, value]) =>
          [value].flat().map((one) => [name, one] as const),
        );
        const made = new Headers();
        for (const [name, value] of list) made.append(name, String(value));
        head = { status, headers: made };
      },
      onResponseData: (_controller, chunk) => void chunks.push(chunk),
      onResponseEnd: () => {
        const { status, headers } = head as { status: number; headers: Headers };
        const isBodiless = status === 204 || status === 205 || status === 304;
        resolve(
          new Response(isBodiless ? null : (Buffer.concat(chunks) as Uint8Array<ArrayBuffer>), { status, headers }),
        );
      },
      onResponseError: (_controller, error) => reject(error),
    };
    void request
      .arrayBuffer()
      .then((bytes) => {
        const headers = Object.fromEntries(request.headers);
        const body = bytes.byteLength === 0 ? null : Buffer.from(bytes);
        dispatch(
          { origin: url.origin, path: url.pathname + url.search, method: request.method, headers, body },
          handler,
        );
      })
      .catch(reject);
  });
}

function headersOf(given: unknown): Headers {
  const headers = new Headers();
  if (Array.isArray(given)) {
    for (let i = 0; i + 1 < given.length; i += 2) headers.append(String(given[i]), String(given[i + 1]));
    return headers;
  }
  const entries =
    given !== null && typeof given === "object" && Symbol.iterator in given
      ? [...(given as Iterable<[string, string]>)]
      : Object.entries((given ?? {}) as Record<string, string | string[] | undefined>);
  for (const [name, value] of entries) {
    for (const one of [value].flat()) if (one !== undefined) headers.append(name, String(one));
  }
  return headers;
}

type RequestBody = NonNullable<RequestInit["body"]>;

function bodyOf(body: unknown): { body?: RequestBody; duplex?: "half" } {
  if (body === null || body === undefined) return {};
  if (
    typeof body === "string" ||
    body instanceof Uint8Array ||
    body instanceof ArrayBuffer ||
    body instanceof FormData
  ) {
    return { body: body as RequestBody };
  }
  // Streams and generators.
  return { body: ReadableStream.from(body as AsyncIterable<Uint8Array>) as unknown as RequestBody, duplex: "half" };
}

function plain(headers: Headers): Record<string, string | string[]> {
  const made: Record<string, string | string[]> = {};
  for (const [name, value] of headers) made[name] = name === "set-cookie" ? headers.getSetCookie() : value;
  return made;
}
