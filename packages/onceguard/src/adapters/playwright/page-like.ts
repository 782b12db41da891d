/**
 * The parts of Playwright that a step needs. `Page` of `playwright`, `playwright-core` and `@playwright/test` fits; none of them
 * is loaded from here.
 */
export interface PageLike {
  url(): string;
  title(): Promise<string>;
  isClosed(): boolean;
  close(): Promise<void>;
  opener(): Promise<PageLike | null>;
  context(): ContextLike;
  route(url: UrlMatch, handler: RouteHandler): Promise<unknown>;
  unroute(url: UrlMatch, handler: RouteHandler): Promise<unknown>;
  on(event: "close", listener: () => void): unknown;
  on(event: "crash", listener: () => void): unknown;
  off(event: "close", listener: () => void): unknown;
  off(event: "crash", listener: () => void): unknown;
  waitForEvent(event: "framenavigated", options: { readonly timeout: number }): Promise<unknown>;
  screenshot(options: { readonly timeout: number }): Promise<Uint8Array>;
  waitForLoadState(state: "load", options: { readonly timeout: number }): Promise<void>;
}

export interface ContextLike {
  pages(): PageLike[];
  newPage(): Promise<PageLike>;
  route(url: UrlMatch, handler: RouteHandler): Promise<unknown>;
  unroute(url: UrlMatch, handler: RouteHandler): Promise<unknown>;
  on(event: "request", listener: (request: RequestLike) => void): unknown;
  off(event: "request", listener: (request: RequestLike) => void): unknown;
}

/** As `page.route` takes it: a glob such as `"**\/api/orders"`, or a test. */
export type UrlMatch = string | RegExp | ((url: URL) => boolean);

export type RouteHandler = (route: RouteLike) => Promise<void>;

export interface RouteLike {
  request(): RequestLike;
  fetch(options: {
    readonly url?: string;
    readonly maxRedirects: number;
    readonly maxRetries: number;
    readonly timeout: number;
  }): Promise<FetchedLike>;
  // biome-ignore lint/suspicious/noExplicitAny: what `fetch` gave; Playwright takes only an answer of its own
  fulfill(options: { readonly response: any }): Promise<void>;
  fallback(): Promise<void>;
  abort(errorCode: string): Promise<void>;
}

export interface RequestLike {
  url(): string;
  method(): string;
  headers(): Readonly<Record<string, string>>;
  postDataBuffer(): Uint8Array | null;
  // biome-ignore lint/suspicious/noExplicitAny: as Playwright types it
  postDataJSON(): any;
  isNavigationRequest(): boolean;
  frame(): { page(): PageLike };
  response(): Promise<FetchedLike | null>;
  failure(): { readonly errorText: string } | null;
}

export interface FetchedLike {
  url(): string;
  status(): number;
  headers(): Readonly<Record<string, string>>;
  text(): Promise<string>;
}

/** Null where it has none: a service worker's request, and the first one of a window that is just being opened. */
export function pageOf(request: RequestLike): PageLike | null {
  try {
    return request.frame().page();
  } catch {
    return null;
  }
}

/** What is after the `?` may be a secret. */
export function withoutQuery(address: string): string {
  return address.replace(/[?#][\s\S]*$/, "");
}
