import { type AnyAction, defineAction, type EffectContext, type ProbeAnswer } from "../core/action.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import { effectError } from "../core/failure.ts";
import { happenedWhen, isAnswerPath } from "../kinds/happened-when.ts";
import { type StoredAnswer, storedAnswer } from "../wire/stored-answer.ts";
import type { Flight, Flights } from "./flights.ts";
import { type KeyPlace, keyPlaceOf } from "./key-place.ts";
import { bytesOf, FETCH_PAYLOAD } from "./payload.ts";
import type { FetchPayload, FetchRule, GuardedFetchOptions } from "./rule.ts";

type Send = (request: Request) => Promise<Response>;

/** The rule's options that are an action's, too. */
const SHARED = [
  "riskTier",
  "version",
  "record",
  "serialize",
  "dedupWindow",
  "amount",
  "keyFields",
  "key",
  "volatile",
  "settleDelay",
  "timeout",
  "retry",
  "noEffectOn",
] as const satisfies readonly (keyof FetchRule)[];

/** @throws OnceguardError `invalid_action` | `invalid_option` | `unknown_provider` */
export function fetchAction(rule: FetchRule, options: GuardedFetchOptions, flights: Flights): AnyAction {
  const send: Send = options.fetch ?? ((request) => fetch(request));
  const key = keyPlaceOf(rule);
  const maxBytes = options.maxAnswerBytes ?? 512 * 1_024;
  const { probe } = rule;
  const shared = Object.fromEntries(SHARED.filter((one) => rule[one] !== undefined).map((one) => [one, rule[one]]));
  return defineAction<string, StoredAnswer, unknown, FetchPayload>({
    name: rule.name,
    input: FETCH_PAYLOAD,
    ...shared,
    // Tools add headers of their own, and tokens change: what is meant stands in method, address and body.
    volatile: ["headers", "credentials", ...(rule.volatile ?? [])],
    ...(key.downstreamKey && { downstreamKey: key.downstreamKey }),
    execute: async (payload, context) => {
      const flight = flights.of(context);
      const request = await requestOf(rule, key, payload, context, flight);
      const response = await send(request);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (flight) flight.answer = { response, bytes };
      if (!response.ok) throw statusError(response, bytes);
      return storedAnswer(response.status, response.headers, bytes.length > maxBytes ? "too_large" : bytes);
    },
    ...(probe && { probe: (payload, context) => ask(rule, probe, send, payload, context, flights.of(context)) }),
  });
}

/** The request as it goes out: with the key, and with what is not recorded, from the call or from the rule. */
async function requestOf(
  rule: FetchRule,
  { place }: KeyPlace,
  payload: FetchPayload,
  { idempotencyKey, signal }: EffectContext,
  flight: Flight | null,
): Promise<Request> {
  const added = await rule.headers?.();
  if (payload.credentials && flight === null && added === undefined) {
    const message =
      "It was called with headers that are not recorded, and the rule has no `headers` of its own; nothing was sent.";
    throw effectError({ certainty: "definite", tier: "transient", code: "no_credentials", message });
  }
  const headers = new Headers({ ...payload.headers, ...flight?.live.headers, ...added });
  for (const name of ["content-length", "host", "connection", "transfer-encoding"]) headers.delete(name);
  if (place && "header" in place) headers.set(place.header, idempotencyKey);
  // As the caller has spelt it; but what was recorded first is what is meant, where the prose differs.
  const isSame = flight !== null && flight.live.says === canonicalJson(payload.body);
  let body = isSame ? flight.live.body : bytesOf(payload);
  if (place && "field" in place) {
    const { body: value } = payload;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      const message = `The key goes into the field ${place.field} of a JSON body, and there is none; nothing was sent.`;
      throw effectError({ certainty: "definite", tier: "validation", code: "no_json_body", message });
    }
    body = Buffer.from(JSON.stringify({ ...value, [place.field]: idempotencyKey }));
  }
  // Not followed: a POST would be sent a second time, and a header with a secret to another host.
  const { method, url } = payload;
  return new Request(url, {
    method,
    headers,
    redirect: "manual",
    signal,
    ...(body && { body: body as Uint8Array<ArrayBuffer> }),
  });
}

/** An answer that is no success, in the shape that the classifier reads. */
function statusError(response: Response, bytes: Uint8Array): Error {
  const { status, headers } = response;
  if (status < 400) {
    const message = `The server answered ${status} and points elsewhere; redirects are not followed. Whether it did something is not known.`;
    return effectError({ certainty: "indefinite", tier: "transient", code: `http_${status}`, message });
  }
  const words = Buffer.from(bytes.subarray(0, 300)).toString("utf8").replace(/\s+/g, " ").trim();
  const error = new Error(`HTTP ${status}${words === "" ? "" : `: ${words.replaceAll("\ufffd", "")}`}`);
  return Object.assign(error, { status, response: { status, headers } });
}

/** Only an answer counts, and only what it says: anything unexpected leaves the question open. */
async function ask(
  rule: FetchRule,
  probe: NonNullable<FetchRule["probe"]>,
  send: Send,
  payload: FetchPayload,
  { idempotencyKey, requestId, signal }: EffectContext,
  flight: Flight | null,
): Promise<ProbeAnswer<StoredAnswer>> {
  const { url, headers, happenedWhen: path, didNotHappenOn = [] } = probe(payload, { idempotencyKey, requestId });
  if (!isAnswerPath(path)) return { answer: "cannot_tell" };
  const added = await rule.headers?.();
  const live = flight?.live.headers;
  try {
    const request = new Request(url, { headers: { ...live, ...added, ...headers }, redirect: "manual", signal });
    for (const name of ["content-length", "host", "connection"]) request.headers.delete(name);
    const response = await send(request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (didNotHappenOn.includes(response.status)) return { answer: "did_not_happen" };
    if (!response.ok) return { answer: "cannot_tell" };
    const answer = happenedWhen(JSON.parse(Buffer.from(bytes).toString("utf8")), path);
    return answer === "happened"
      ? { answer, result: storedAnswer(response.status, response.headers, bytes) }
      : { answer };
  } catch {
    return { answer: "cannot_tell" };
  }
}
