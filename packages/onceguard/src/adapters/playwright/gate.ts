import {
  type ContextLike,
  type PageLike,
  pageOf,
  type RequestLike,
  type RouteHandler,
  type RouteLike,
  type UrlMatch,
} from "./page-like.ts";
import { CHANGING, Pass } from "./pass.ts";
import { type Sender, stop } from "./send.ts";

/** The request that makes the effect. Everything else that a page loads passes. */
export interface EffectRequest {
  /** As `page.route` takes it: a glob such as `"**\/api/orders"`, a RegExp, or a test. */
  readonly url: UrlMatch;
  /** Default: POST, PUT, PATCH and DELETE. */
  readonly method?: string | readonly string[];
  /** Where one address takes requests of all sorts: whether it is this one, such as a mutation among GraphQL's queries. */
  readonly when?: (request: RequestLike) => boolean;
}

/** Requests that a gate has decided on; what else is seen has gone past it. */
const met = new WeakSet<RequestLike>();

const gates = new WeakMap<ContextLike, Map<string, Gate>>();

/** One per browser context and action; it stands as long as the context does. */
export function gateOf(context: ContextLike, action: string): Gate {
  const known = gates.get(context) ?? new Map<string, Gate>();
  gates.set(context, known);
  const gate = known.get(action) ?? new Gate();
  known.set(action, gate);
  return gate;
}

/**
 * Lets the request that makes an effect out of the browser once per step, and never outside of one: not for a second click, not
 * for a reload, not late. That is also what makes "it was never sent" something that is known.
 */
export class Gate {
  readonly #passes = new Set<Pass>();
  readonly #routes = new WeakMap<PageLike | ContextLike, { readonly url: UrlMatch; readonly handler: RouteHandler }>();

  /** `signal`: when it fires the attempt is over for its guard, and nothing of it leaves any more. */
  async open(page: PageLike, effect: EffectRequest, send: Sender, signal: AbortSignal): Promise<Pass> {
    const { url } = effect;
    const makesIt = matcher(effect);
    // A page's own routes are asked before its context's, and the newest first.
    for (const target of [page.context(), page]) {
      const handler: RouteHandler = (route) => this.#meet(route, makesIt);
      const older = this.#routes.get(target);
      await target.route(url, handler);
      this.#routes.set(target, { url, handler });
      if (older) await target.unroute(older.url, older.handler);
    }
    const pass = new Pass(page, send, () => this.#passes.delete(pass), met);
    this.#passes.add(pass);
    signal.addEventListener("abort", () => pass.close(), { once: true });
    if (signal.aborted) pass.close();
    return pass;
  }

  async #meet(route: RouteLike, makesIt: (request: RequestLike) => boolean): Promise<void> {
    // An exception in here would be nobody's, and end the process.
    try {
      const request = route.request();
      // At its page it was let through, for the browser to send; here it is met again, at its context.
      if (met.has(request) || !makesIt(request)) return await route.fallback();
      met.add(request);
      const pass = await this.#passFor(request);
      // Not awaited: Playwright asks the next handler, such as a user's own, only after this one has returned.
      if (pass?.take(request)) void pass.send(route);
      else await stop(route);
    } catch {
      // The page or its browser is gone, and the request with it.
    }
  }

  /** By its page, or by the page that opened that one. A service worker and a new window have none: then by there being one step. */
  async #passFor(request: RequestLike): Promise<Pass | undefined> {
    const open = [...this.#passes];
    const page = pageOf(request);
    if (page === null) return open.length === 1 ? open[0] : undefined;
    const opener = open.some((pass) => pass.page === page) ? null : await page.opener();
    return open.find((pass) => pass.page === page || pass.page === opener);
  }
}

function matcher({ method = CHANGING, when }: EffectRequest): (request: RequestLike) => boolean {
  const methods = [method].flat().map((one) => one.toUpperCase());
  return (request) => {
    if (!methods.includes(request.method())) return false;
    try {
      return when?.(request) ?? true;
    } catch {
      return true; // what cannot be told from the effect does not leave as something else
    }
  };
}
