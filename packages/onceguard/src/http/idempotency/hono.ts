/** `Idempotency-Key` for Hono: `onceguard/hono`. The guide is docs/idempotency-key.md. */
import type { Context, MiddlewareHandler } from "hono";
import { createGate } from "./gate.ts";
import type { IdempotencyOptions } from "./options.ts";
import { enterWeb, recorded, responseOf } from "./web.ts";

export type { IdempotencyOptions, Settled } from "./options.ts";
export { settledBy } from "./options.ts";

/**
 * A middleware for the routes it is used on, after whatever finds out who calls.
 *
 * @throws OnceguardError `invalid_option`
 */
export function idempotency(options: IdempotencyOptions<Context>): MiddlewareHandler {
  const gate = createGate(options);
  return async (context, next) => {
    const { method, raw } = context.req;
    if (!gate.guards(method, raw.headers.get("idempotency-key"))) return next();
    const [entered, body] = await enterWeb(gate, context, raw);
    if (entered.kind === "answer") return responseOf(entered.answer);
    // For whoever reads the body behind us.
    const { url, headers } = raw;
    context.req.raw = new Request(url, { method, headers, ...(body && { body }) });
    if (entered.kind === "pass") return next();
    const { run } = entered;
    try {
      await next();
    } catch (error) {
      await run.threw(error);
      throw error;
    }
    // What was thrown on purpose, with a response of its own, is an answer; what was not is none.
    if (context.error !== undefined && !("getResponse" in context.error)) {
      await run.threw(context.error);
      return undefined;
    }
    const response = await recorded(gate, run, context.res);
    // Set anew: otherwise the headers of the first would be merged into it.
    context.res = undefined;
    context.res = response;
    return undefined;
  };
}
