import { docsUrl, type ErrorCode, OnceguardError } from "../core/errors.ts";
import { deepSnake } from "../wire/wire.ts";

/** What is wrong with a request as such, before the guard has been asked anything. */
export type ProblemCode =
  | "invalid_request"
  | "invalid_idempotency_key"
  | "missing_idempotency_key"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "no_checkpoint"
  | "method_not_allowed"
  | "not_sealed"
  | "unsupported_media_type"
  | "request_too_large"
  | "wrong_host"
  | "wrong_origin"
  | "rate_limited"
  | "too_busy"
  | "draining"
  | "internal"
  | "no_configuration"
  | "no_sealed_log";

/** Titles and statuses; a test holds the codes and their explanation in docs/http.md together. */
export const TITLES: Readonly<Record<ProblemCode, readonly [status: number, title: string]>> = {
  invalid_request: [400, "The request does not fit the API"],
  invalid_idempotency_key: [400, "The Idempotency-Key cannot be used"],
  missing_idempotency_key: [400, "An Idempotency-Key is needed"],
  unauthenticated: [401, "A key is needed"],
  forbidden: [403, "This key may not do that"],
  wrong_origin: [403, "Not from a web page"],
  not_found: [404, "There is nothing here"],
  no_checkpoint: [404, "There is no such checkpoint"],
  method_not_allowed: [405, "Not with this method"],
  not_sealed: [409, "It is not sealed yet"],
  request_too_large: [413, "The body is too large"],
  unsupported_media_type: [415, "The body must be JSON"],
  wrong_host: [421, "Not under this name"],
  rate_limited: [429, "Too many requests"],
  internal: [500, "Something went wrong here"],
  no_configuration: [501, "The configuration is not known here"],
  no_sealed_log: [501, "There is no sealed log here"],
  too_busy: [503, "Too many requests at the same time"],
  draining: [503, "This process is stopping"],
};

/** HTTP statuses of the guard's own errors. What is not here is nobody's mistake but ours. */
const ERROR_STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  unknown_action: 404,
  missing_identity: 400,
  missing_key_field: 400,
  invalid_request_id: 400,
  invalid_context: 400,
  payload_not_json: 400,
  payload_too_large: 413,
  payload_too_deep: 400,
  payload_invalid: 400,
  invalid_option: 400,
  receipt_not_found: 404,
  version_conflict: 409,
  not_resolvable: 409,
  missing_reason: 400,
  approver_is_proposer: 403,
  case_refused: 409,
  plan_changed: 409,
  store_unavailable: 503,
  store_unusable: 503,
  schema_too_new: 503,
};

const DOCS = docsUrl("invalid_option").replace(/errors\/[^/]*$/, "");

/** Where HTTP's own problems are explained. */
export function problemUrl(code: ProblemCode): string {
  return `${DOCS}http.md#${code.replaceAll("_", "-")}`;
}

/** Where an outcome is explained. */
export const OUTCOMES_URL: string = `${DOCS}outcomes.md`;

/** RFC 9457. `code` is what a program switches on; `detail` is for people. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly [member: string]: unknown;
}

export function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
  });
}

export function problem(
  code: ProblemCode,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Response {
  const [status, title] = TITLES[code];
  return problemResponse({ type: problemUrl(code), title, status, code, detail, ...members }, headers);
}

/** What was thrown, as an answer. Nothing of what is not ours gets out: it may quote a payload, or say where things lie. */
export function problemForError(error: unknown, report: (error: unknown) => void): Response {
  const status = error instanceof OnceguardError ? ERROR_STATUS[error.code] : undefined;
  if (!(error instanceof OnceguardError) || status === undefined) {
    report(error);
    return problem("internal", "Ask for the receipt before you send it again: what had begun may have happened.");
  }
  const { code, message, docs, fields } = error;
  const { tenant: _tenant, ...shown } = fields;
  if (status === 503) {
    report(error);
    const detail = "The guard's store cannot be used now. Nothing was sent by this request.";
    const title = "The store cannot be used";
    return problemResponse({ type: docs, title, status, code, detail }, { "retry-after": "2" });
  }
  const title = code.charAt(0).toUpperCase() + code.slice(1).replaceAll("_", " ");
  return problemResponse({ type: docs, title, status, code, detail: message, fields: deepSnake(shown) });
}

/** `Retry-After` has whole seconds; zero would be an invitation to a busy loop. */
export function retryAfter(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1_000)));
}
