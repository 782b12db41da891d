import { type AnyAction, defineAction, type EffectContext, type ProbeAnswer } from "../core/action.ts";
import { statusesOf } from "../core/classify/http-status.ts";
import { effectError } from "../core/failure.ts";
import type { JsonValue } from "../core/json.ts";
import { checkKeys, describedOptions, invalid } from "./described.ts";
import type { HttpEntry, HttpProbeEntry } from "./entries.ts";
import { happenedWhen, isAnswerPath } from "./happened-when.ts";
import { HttpError, type HttpResult, httpCall } from "./http-call.ts";
import { fieldsInTemplate, fieldsInText, filled, mentionsKey } from "./template.ts";
import { checkUrl, urlOf } from "./url-template.ts";

const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const WITHOUT_BODY: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE"]);
const OWN = ["method", "url", "headers", "body", "idempotencyHeader", "noEffectOn", "maxResponseBytes", "probe"];
const MAX_RESPONSE = 1_048_576;

/**
 * An action of kind `http`.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `unknown_provider`
 */
export function httpAction(entry: HttpEntry): AnyAction {
  const { name, method = "POST", headers = {}, probe, noEffectOn, maxResponseBytes = MAX_RESPONSE } = entry;
  checkKeys(entry, OWN);
  if (!METHODS.includes(method)) throw invalid(name, `\`method\` must be one of ${METHODS.join(", ")}`);
  const url = checkUrl(name, entry.url);
  const keyHeader = checkHeaders(name, headers, entry.idempotencyHeader);
  if (probe) checkProbe(name, probe);
  if (entry.downstreamKey && !keyHeader && !mentionsKey([url, entry.body ?? null])) {
    throw invalid(name, "it has a downstreamKey and sends no key: name `idempotencyHeader`, or use {idempotencyKey}");
  }
  const bodies = [fieldsInTemplate(entry.body ?? null), fieldsInTemplate(probe?.body ?? null)];
  const needs = {
    text: [...fieldsInText(url), ...fieldsInText(probe?.url ?? ""), ...bodies.flatMap(({ text }) => text)],
    whole: bodies.flatMap(({ whole }) => whole),
  };
  return defineAction<string, HttpResult, unknown, JsonValue>({
    ...describedOptions(entry, needs),
    ...(noEffectOn && { noEffectOn }),
    ...(probe && { probe: (payload, context) => ask(entry, probe, payload, context) }),
    execute: (payload, context) =>
      send(payload, context, {
        method,
        url,
        headers: { ...headers, ...(keyHeader && { [keyHeader]: context.idempotencyKey }) },
        body: entry.body === undefined ? (WITHOUT_BODY.has(method) ? undefined : payload) : entry.body,
        isTemplate: entry.body !== undefined,
        maxBytes: maxResponseBytes,
      }),
  });
}

interface Sending {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonValue | undefined;
  readonly isTemplate: boolean;
  readonly maxBytes: number;
}

async function send(payload: JsonValue, context: EffectContext, sending: Sending): Promise<HttpResult> {
  const { method, headers, maxBytes, isTemplate } = sending;
  const url = urlOf(sending.url, payload, context);
  const body = isTemplate ? filled(sending.body ?? null, payload, context) : sending.body;
  try {
    return await httpCall({ method, url, headers, body, maxBytes, signal: context.signal });
  } catch (error) {
    // Neither done nor refused: whoever sent it elsewhere may have done it before.
    if (error instanceof HttpError && statusesOf(error).length === 0) throw redirected(error);
    throw error;
  }
}

function redirected({ status }: HttpError): Error {
  const message = `The server answered ${status} and points elsewhere; redirects are not followed. Whether it did something is not known.`;
  return effectError({ certainty: "indefinite", tier: "transient", code: `http_${status}`, message });
}

/** Only an answer counts, and only what it says: anything unexpected leaves the question open. */
async function ask(
  entry: HttpEntry,
  probe: HttpProbeEntry,
  payload: JsonValue,
  context: EffectContext,
): Promise<ProbeAnswer<HttpResult>> {
  try {
    const result = await send(payload, context, {
      method: probe.method ?? "GET",
      url: probe.url,
      headers: probe.headers ?? entry.headers ?? {},
      body: probe.body,
      isTemplate: probe.body !== undefined,
      maxBytes: entry.maxResponseBytes ?? MAX_RESPONSE,
    });
    if (result.body === undefined) return { answer: "cannot_tell" };
    const answer = happenedWhen(result.body, probe.happenedWhen);
    return answer === "happened" ? { answer, result } : { answer };
  } catch (error) {
    const isNo = error instanceof HttpError && (probe.didNotHappenOn ?? []).includes(error.status);
    return { answer: isNo ? "did_not_happen" : "cannot_tell" };
  }
}

function checkProbe(name: string, { method = "GET", url, happenedWhen: path, ...rest }: HttpProbeEntry): void {
  if (!["GET", "HEAD", "POST"].includes(method))
    throw invalid(name, "the probe's `method` must be GET, HEAD or POST: it only asks");
  checkUrl(name, url);
  if (!isAnswerPath(path)) throw invalid(name, 'the probe needs `happenedWhen`, a path such as "items[0].id"');
  const unknown = Object.keys(rest).find((key) => !["headers", "body", "didNotHappenOn"].includes(key));
  if (unknown !== undefined) throw invalid(name, `"${unknown}" is no option of its probe`);
}

/** @returns the header for the key, if any */
function checkHeaders(name: string, headers: unknown, keyHeader: unknown): string | null {
  if (typeof headers !== "object" || headers === null) throw invalid(name, "`headers` must be an object");
  for (const [header, value] of Object.entries(headers)) {
    if (!isHeader(header) || typeof value !== "string") throw invalid(name, `its header "${header}" is none`);
  }
  if (keyHeader === undefined) return null;
  if (typeof keyHeader !== "string" || !isHeader(keyHeader))
    throw invalid(name, "`idempotencyHeader` must name a header");
  return keyHeader;
}

function isHeader(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
}
