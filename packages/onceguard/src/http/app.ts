import { type Context, Hono } from "hono";
import { consolePages } from "./console.ts";
import { refusedAtTheDoor } from "./door.ts";
import { problemWith } from "./json-schema.ts";
import { Turnstile } from "./limits.ts";
import { openApi } from "./openapi.ts";
import type { AnyOperation, Call, Service } from "./operation.ts";
import { OPERATIONS } from "./operations/index.ts";
import { jsonResponse } from "./outcome-response.ts";
import type { Principal } from "./principal.ts";
import { problem, problemForError, retryAfter } from "./problem.ts";
import { readJson } from "./request-body.ts";
import type { ApiSetup } from "./setup.ts";

/** The API as a Hono app: what is asked of every request is asked here, in one order, and then its operation runs. */
export function createApp(setup: ApiSetup, service: Service): { readonly app: Hono; readonly turnstile: Turnstile } {
  const app = new Hono({ strict: true }).basePath(setup.basePath === "" ? "/" : setup.basePath);
  const turnstile = new Turnstile(setup.limits);
  const document = openApi(setup.version, setup.basePath);
  app.use(async (context, next) => {
    const refused = refusedAtTheDoor(context.req.raw, setup);
    if (refused) return refused;
    // Answered like a GET, it would open streams that nobody reads.
    if (context.req.method === "HEAD" && context.req.path.includes("/v1/")) return notAllowed("GET, POST");
    await next();
    return undefined;
  });
  for (const path of ["/healthz", "/health"]) app.get(path, () => jsonResponse({ status: "ok" }));
  app.get("/readyz", () => ready(setup, service));
  app.get("/openapi.json", () => jsonResponse(document, 200, { "cache-control": "max-age=60" }));
  for (const operation of OPERATIONS) {
    app.on(operation.method, routeOf(operation), (context) => handle(setup, service, turnstile, operation, context));
  }
  for (const path of new Set(OPERATIONS.map(routeOf))) {
    const methods = OPERATIONS.filter((operation) => routeOf(operation) === path).map(({ method }) => method);
    app.all(path, () => notAllowed(methods.join(", ")));
  }
  for (const path of ["/healthz", "/readyz", "/openapi.json"]) app.all(path, () => notAllowed("GET"));
  if (setup.console) serveConsole(app, setup);
  app.notFound(() => problem("not_found", "There is nothing at this path. /openapi.json says what there is."));
  app.onError((error) => problemForError(error, setup.report));
  return { app, turnstile };
}

/** Without a key: the pages hold nothing, and what they show comes from the API, for the key that is given to them. */
function serveConsole(app: Hono, { basePath }: ApiSetup): void {
  const pages = consolePages();
  const start = `${basePath}/console/`;
  for (const path of ["/", "/console"]) app.get(path, (context) => context.redirect(start, 302));
  app.get("/console/*", ({ req }) => {
    const answer = pages(req.path.slice(start.length), req.raw);
    return answer ?? problem("not_found", "There is no such page of the console; or it was not built: npm run build.");
  });
}

function routeOf({ path }: AnyOperation): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

function notAllowed(allow: string): Response {
  return problem("method_not_allowed", `There is ${allow} here.`, {}, { allow });
}

async function handle(
  setup: ApiSetup,
  service: Service,
  turnstile: Turnstile,
  operation: AnyOperation,
  context: Context,
): Promise<Response> {
  const started = performance.now();
  const principal = await authenticated(setup, context.req.raw);
  if (principal instanceof Response) return principal;
  const response = await admitted(setup, service, turnstile, operation, context, principal);
  const seconds = (performance.now() - started) / 1_000;
  service.metrics.request(principal.tenant, operation.name, response.status, seconds);
  const { tenant, name } = principal;
  const ms = Math.round(seconds * 1_000);
  setup.log?.(JSON.stringify({ op: operation.name, tenant, actor: name, status: response.status, ms }));
  return response;
}

const BEARER = { "www-authenticate": 'Bearer realm="onceguard"' };

/** The same words for a key that is wrong, expired or taken back: whoever has a good one need not know which. */
async function authenticated(setup: ApiSetup, request: Request): Promise<Principal | Response> {
  if (setup.principal === null) return setup.anonymous;
  const principal = await setup.principal(request);
  return (
    principal ??
    problem("unauthenticated", "Authorization: Bearer KEY is needed, with a key that is good here.", {}, BEARER)
  );
}

async function admitted(
  setup: ApiSetup,
  service: Service,
  turnstile: Turnstile,
  operation: AnyOperation,
  context: Context,
  principal: Principal,
): Promise<Response> {
  if (!principal.roles.some((role) => operation.roles.includes(role))) {
    return problem("forbidden", `This needs a key of role ${operation.roles.join(" or ")}.`, {
      roles: operation.roles,
    });
  }
  if (service.isRefusing() && operation.readOnly !== true) {
    return problem(
      "draining",
      "Nothing was done. Send the same request again: another process takes it.",
      {},
      { "retry-after": "1", connection: "close" },
    );
  }
  const isStream = operation.path === "/v1/events";
  const place = turnstile.enter(`${principal.tenant}\u0000${principal.keyId ?? principal.name}`, isStream);
  if ("refused" in place) {
    service.metrics.refused(principal.tenant, place.refused);
    return problem(
      place.refused,
      "Nothing was done. Send the same request again later.",
      {},
      { "retry-after": retryAfter(place.againInMs) },
    );
  }
  try {
    const call = await checked(setup, service, operation, context, principal);
    if (call instanceof Response) return call;
    const response = await operation.run(call as never);
    return isStream ? leavingAtEnd(response, place.leave) : response;
  } catch (error) {
    return problemForError(error, setup.report);
  } finally {
    if (!isStream) place.leave();
  }
}

/** A stream has its place for as long as it is read. */
function leavingAtEnd(response: Response, leave: () => void): Response {
  if (response.body === null) {
    leave();
    return response;
  }
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await reader.read();
      if (!done) return controller.enqueue(value);
      leave();
      controller.close();
    },
    cancel: async (reason) => {
      leave();
      await reader.cancel(reason);
    },
  });
  return new Response(body, response);
}

async function checked(
  setup: ApiSetup,
  service: Service,
  operation: AnyOperation,
  context: Context,
  principal: Principal,
): Promise<Call<unknown> | Response> {
  const query = queryOf(operation, new URL(context.req.url).searchParams);
  if (query instanceof Response) return query;
  let body: unknown;
  if (operation.body) {
    const read = await readJson(context.req.raw, setup.limits);
    if (read instanceof Response) return read;
    body = read.value;
    const wrong = problemWith(operation.body, body);
    if (wrong !== null) return problem("invalid_request", `${capital(wrong)}. Nothing was done.`);
  }
  const id = (context.req.param() as { id?: string }).id ?? "";
  const request = context.req.raw;
  return { body, id, query, request, principal, service, left: request.signal };
}

function queryOf(operation: AnyOperation, given: URLSearchParams): Record<string, string | undefined> | Response {
  const known = operation.query ?? {};
  const query: Record<string, string | undefined> = {};
  for (const [name, value] of given) {
    const schema = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!schema)
      return problem("invalid_request", `There is no query parameter ${JSON.stringify(name.slice(0, 100))} here.`);
    if (query[name] !== undefined) return problem("invalid_request", `Query parameter "${name}" is there twice.`);
    const wrong = problemWith(schema, value, name);
    if (wrong !== null) return problem("invalid_request", `${capital(wrong)}.`);
    query[name] = value;
  }
  return query;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** One look at the store serves everybody who asks within a second: a probe must not be a load. */
async function ready(setup: ApiSetup, service: Service): Promise<Response> {
  if (service.isDraining()) return notReady("draining");
  const now = performance.now();
  if (setup.lastLook === null || now - setup.lastLook.at > 1_000) {
    const answers = service.guard.receipts({ limit: 1 }).then(
      () => true,
      () => false,
    );
    const late = new Promise<false>((resolve) => setTimeout(resolve, 3_000, false).unref());
    setup.lastLook = { at: now, ok: Promise.race([answers, late]) };
  }
  return (await setup.lastLook.ok) ? jsonResponse({ status: "ready" }) : notReady("store");
}

function notReady(reason: string): Response {
  return jsonResponse({ status: "not_ready", reason }, 503, { "retry-after": "1" });
}
