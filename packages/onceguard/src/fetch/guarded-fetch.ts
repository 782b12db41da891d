import type { AnyAction, CallContext } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Outcome } from "../core/outcome.ts";
import { DEFAULT_TENANT } from "../pipeline/identify.ts";
import { unwrap } from "../pipeline/unwrap.ts";
import { bodyOf, type StoredAnswer } from "../wire/stored-answer.ts";
import { fetchAction } from "./fetch-action.ts";
import { type Flight, Flights, requestIdOf } from "./flights.ts";
import { isChanging, matcher } from "./match.ts";
import { take } from "./payload.ts";
import type { FetchPayload, GuardedFetchOptions } from "./rule.ts";

/** What `guardedFetch` gives: called like `fetch`. */
export type GuardedFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` for POST, PUT, PATCH and DELETE that does not do it twice: the same request gets the first answer again, in whatever
 * process it is made. All other methods go through.
 *
 * It resolves to the other side's own answer, a refusal included. What is uncertain, or waits, rejects with `outcome_not_success`:
 * the outcome is in `fields.outcome`. Calling it again is safe, whoever does so.
 *
 * @throws OnceguardError `invalid_option` | `invalid_action` | `unknown_provider`
 */
export function guardedFetch(options: GuardedFetchOptions): GuardedFetch {
  const perform = guardedRequests(options);
  const { fetch: send = (request: Request) => fetch(request) } = options;
  return async (input, init) => {
    const request = new Request(input, init);
    const handled = perform(request);
    return handled === null ? send(request) : handled;
  };
}

/** Performs what a rule fits; null for what is none of the guard's business. Throws for what no rule fits. */
export function guardedRequests(options: GuardedFetchOptions): (request: Request) => Promise<Response> | null {
  const { guard, rules, unmatched = "refuse", context } = options;
  const flights = new Flights();
  const known = rules.map((rule) => {
    if (rule.keyFields === undefined && rule.key === undefined) {
      throw new OnceguardError(
        "invalid_option",
        `The rule "${rule.name}" says nothing of what names its effect: give it \`keyFields\`, such as ["body.order_id"], or \`key\`.`,
        { option: "rules", rule: rule.name },
      );
    }
    const action = fetchAction(rule, options, flights);
    return { fits: matcher(rule), action, run: guard.wrap(action) };
  });
  return (request) => {
    const { method } = request;
    const url = new URL(request.url);
    const rule = known.find(({ fits }) => fits(method, url));
    if (!rule) {
      if (!isChanging(method) || unmatched === "pass") return null;
      throw new OnceguardError(
        "missing_identity",
        `No rule of guardedFetch fits ${method} ${url.origin}${url.pathname}, so nothing names the intended effect. Nothing was sent.`,
        { method, url: `${url.origin}${url.pathname}` },
      );
    }
    return perform(rule, flights, request, context?.(request) ?? {});
  };
}

interface KnownRule {
  readonly action: AnyAction;
  readonly run: (payload: FetchPayload, context?: CallContext) => Promise<Outcome<unknown>>;
}

async function perform(
  { action, run }: KnownRule,
  flights: Flights,
  request: Request,
  context: CallContext,
): Promise<Response> {
  const { signal } = request;
  signal.throwIfAborted();
  const { payload, live } = await take(request);
  const flight: Flight = { live, answer: null };
  const { tenant = DEFAULT_TENANT } = context;
  const requestId = requestIdOf(action, tenant, payload);
  const outcome = await flights.during(tenant, requestId, flight, () => run(payload, { ...context, signal }));
  // Whoever has left does not want an answer; what was sent goes on.
  signal.throwIfAborted();
  return responseFor(outcome, flight);
}

function responseFor(outcome: Outcome<unknown>, { answer }: Flight): Response {
  const { status, requestId } = outcome;
  const marks = {
    "onceguard-status": status,
    "onceguard-request-id": encodeURIComponent(requestId),
    ...(status === "replayed" && { "idempotent-replayed": "true" }),
  };
  if (status === "executed" && answer)
    return made(answer.response.status, [...answer.response.headers], answer.bytes, marks);
  if (status === "executed" || status === "replayed") {
    const stored = outcome.result as StoredAnswer | undefined;
    if (stored === undefined) return made(200, [], new Uint8Array(), { ...marks, "onceguard-result-omitted": "true" });
    const omitted = stored.omitted === undefined ? {} : { "onceguard-result-omitted": "true" };
    return made(stored.status, stored.headers, bodyOf(stored), { ...marks, ...omitted });
  }
  // A refusal of the other side's is its answer, and nothing happened: as it came, or as it is known.
  const failure = status === "failed" || status === "review" ? outcome.failure : null;
  const refused = failure?.certainty === "definite" ? /^http_(\d{3})$/.exec(failure.code)?.[1] : undefined;
  if (refused === undefined) return unwrap(outcome as Outcome<Response>);
  if (answer?.response.status === Number(refused)) {
    return made(answer.response.status, [...answer.response.headers], answer.bytes, marks);
  }
  const type = [["content-type", "application/json"]] as const;
  const known = Buffer.from(JSON.stringify({ error: failure?.message }));
  return made(Number(refused), type, known, { ...marks, "idempotent-replayed": "true" });
}

/** Of the connection, and undone by the time it is read. */
const NOT_HANDED_ON: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-length",
  "transfer-encoding",
  "connection",
]);

function made(
  status: number,
  headers: readonly (readonly [string, string])[],
  body: Uint8Array,
  marks: Readonly<Record<string, string>>,
): Response {
  const all = new Headers();
  for (const [name, value] of headers) if (!NOT_HANDED_ON.has(name.toLowerCase())) all.append(name, value);
  for (const [name, value] of Object.entries(marks)) all.set(name, value);
  const isBodiless = status === 204 || status === 205 || status === 304;
  return new Response(isBodiless ? null : (body as Uint8Array<ArrayBuffer>), { status, headers: all });
}
