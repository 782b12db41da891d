/** Could the effect have happened? Only an observed rejection, or a call that was never sent, is `definite`. */
export type Certainty = "definite" | "indefinite";

/** Who can fix it (semantics.md section 6). */
export type FailureTier = "transient" | "validation" | "conflict" | "security";

/** Which person a request in review is for. */
export type Route = "data_owner" | "domain_expert" | "operator" | "security";

/** One failed attempt, as data: what is stored, shown and replayed. */
export interface Failure {
  readonly certainty: Certainty;
  /** null: nobody has to fix anything, the answer is simply no (a declined card). */
  readonly tier: FailureTier | null;
  /** Short and stable: `http_409`, `ECONNREFUSED`, `timeout`, `lease_expired`, `unclassified`. */
  readonly code: string;
  readonly message: string;
  /** Least time before the next attempt, in ms, where the other side gave one. */
  readonly retryAfterMs?: number;
}

/** An action's own classifier; answer undefined to leave it to the built-in one. */
export type Classify = (error: unknown) => Failure | undefined;

/** Longest error message kept, in UTF-16 code units. */
const MAX_MESSAGE = 1_000;

/**
 * HTTP statuses by which a server says "I did not do it" (semantics.md section 1). Not among them: 408 and 425, which
 * say nothing about the effect, and every 5xx, because a gateway answers 502 to 504 for an upstream that has done it.
 */
const REJECTIONS: Readonly<Record<number, FailureTier | null>> = {
  400: "validation",
  401: "security",
  402: null,
  403: "security",
  404: null,
  405: null,
  409: "conflict",
  410: null,
  412: "conflict",
  413: null,
  415: null,
  422: "validation",
  429: "transient",
};

/** Error codes of Node and undici that can only arise before the first byte of a request is sent. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "ERR_INVALID_URL",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/**
 * Classifies what an effect threw. Conservative by design: whatever is not known to be definite is indefinite, and an
 * unknown error is never `failed`.
 *
 * @param noEffectOn HTTP statuses that this action declares as "not done", beyond the defaults.
 */
export function classifyFailure(error: unknown, noEffectOn: readonly number[] = [], classify?: Classify): Failure {
  return (
    readable(() => classify?.(error)) ??
    readable(() => declared(error) ?? byStatus(error, noEffectOn) ?? byNetworkCode(error)) ??
    unknown(error)
  );
}

/** What was thrown can be anything, and to fail here would lose the outcome: what cannot be read says nothing. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const DECLARED = Symbol.for("onceguard.failure");

/**
 * An error to throw from `execute` when the effect itself knows what happened, for example
 * `throw effectError({ certainty: "definite", tier: "conflict", code: "already_shipped", message: "..." })`.
 */
export function effectError(failure: Failure, options: { cause?: unknown } = {}): Error {
  return Object.assign(new Error(failure.message, options), { [DECLARED]: failure });
}

function declared(error: unknown): Failure | undefined {
  return isObject(error) ? (error as { [DECLARED]?: Failure })[DECLARED] : undefined;
}

function byStatus(error: unknown, noEffectOn: readonly number[]): Failure | undefined {
  const status = httpStatus(error);
  if (status === undefined) return undefined;
  const rejection = REJECTIONS[status];
  const tier = rejection === undefined ? (status >= 500 ? "transient" : null) : rejection;
  const certain = rejection !== undefined || noEffectOn.includes(status);
  return withRetryAfter(
    { certainty: certain ? "definite" : "indefinite", tier, code: `http_${status}`, message: messageOf(error) },
    error,
  );
}

/** The status of an HTTP error in the shapes clients give it: fetch wrappers, axios, got, the AWS SDK. */
function httpStatus(error: unknown): number | undefined {
  if (!isObject(error)) return undefined;
  const response = error.response;
  const metadata = error.$metadata;
  for (const status of [
    error.status,
    error.statusCode,
    isObject(response) ? (response.status ?? response.statusCode) : undefined,
    isObject(metadata) ? metadata.httpStatusCode : undefined,
  ]) {
    if (typeof status === "number" && Number.isInteger(status) && status >= 400 && status <= 599) return status;
  }
  return undefined;
}

function withRetryAfter(failure: Failure, error: unknown): Failure {
  const given = isObject(error) ? error.retryAfterMs : undefined;
  return typeof given === "number" && given >= 0 ? { ...failure, retryAfterMs: given } : failure;
}

function byNetworkCode(error: unknown): Failure | undefined {
  const code = neverSentCode(error, 0);
  return code === undefined ? undefined : { certainty: "definite", tier: "transient", code, message: messageOf(error) };
}

/** Follows `cause`; of an AggregateError (one per address tried) every member must be never-sent. */
function neverSentCode(error: unknown, depth: number): string | undefined {
  if (!isObject(error) || depth > 8) return undefined;
  if (Array.isArray(error.errors) && error.errors.length > 0) {
    const codes = error.errors.map((inner: unknown) => neverSentCode(inner, depth + 1));
    return codes.every((code) => code !== undefined) ? codes[0] : undefined;
  }
  if (typeof error.code === "string") return NEVER_SENT.has(error.code) ? error.code : undefined;
  return neverSentCode(error.cause, depth + 1);
}

function unknown(error: unknown): Failure {
  const given = readable(() => (isObject(error) ? error.code : undefined));
  const code = typeof given === "string" ? given : "unclassified";
  return { certainty: "indefinite", tier: "transient", code, message: messageOf(error) };
}

export function messageOf(error: unknown): string {
  const text =
    readable(() => (isObject(error) && typeof error.message === "string" ? error.message : String(error))) ??
    "an error that has no text";
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
}

/** The person a definite failure goes to when it is not retried; null when it is simply `failed`. */
export function routeOf(tier: FailureTier | null): Route | null {
  return tier === null ? null : ROUTES[tier];
}

const ROUTES: Readonly<Record<FailureTier, Route>> = {
  transient: "operator",
  validation: "data_owner",
  conflict: "domain_expert",
  security: "security",
};

/** Why a request is `failed` whose attempts were all uncertain: somebody who knows says it did not happen. */
export function didNotHappen(message: string): Failure {
  return { certainty: "definite", tier: null, code: "did_not_happen", message };
}

type AnyObject = Record<string, unknown>;
function isObject(value: unknown): value is AnyObject {
  return typeof value === "object" && value !== null;
}
