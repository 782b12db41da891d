/**
 * Every error Onceguard throws. An uncertain outcome is never one of them: it is a value (see outcome.ts),
 * because generic retry code must not be able to swallow it.
 *
 * Adding a code: add it here and write `docs/errors/<slug>.md` (`_` becomes `-`); a test holds the two together.
 */
export const ERROR_CODES = [
  // what was asked for does not fit the API
  "invalid_action",
  "duplicate_action",
  "unknown_action",
  "unknown_provider",
  "invalid_option",
  "invalid_config",
  "missing_identity",
  "missing_key_field",
  "invalid_request_id",
  "invalid_context",
  "schema_required",
  // the payload
  "payload_not_json",
  "payload_too_large",
  "payload_too_deep",
  "payload_invalid",
  // a person's decision
  "receipt_not_found",
  "version_conflict",
  "not_resolvable",
  "missing_reason",
  "approver_is_proposer",
  "case_refused",
  "plan_changed",
  // the guard and its store
  "store_unavailable",
  "store_unusable",
  "key_unavailable",
  "subject_in_use",
  "schema_too_new",
  "invalid_store_url",
  "transaction_unsupported",
  "effect_failed",
  "notification_failed",
  // adapters
  "no_effect_running",
  // `unwrap` for those who want exceptions
  "outcome_not_success",
] as const;

/** The code of an `OnceguardError`. Each has a page in `docs/errors`. */
export type ErrorCode = (typeof ERROR_CODES)[number];

const DOCS_BASE = "https://github.com/onceguard/onceguard/blob/main/docs/errors";

/** The page that explains an error code: what it means, how it comes about, what to do. */
export function docsUrl(code: ErrorCode): string {
  return `${DOCS_BASE}/${code.replaceAll("_", "-")}.md`;
}

/**
 * The one error class. Tell errors apart by `code`, read the particulars from `fields`; the message is for people.
 */
export class OnceguardError extends Error {
  override readonly name: string = "OnceguardError";
  readonly code: ErrorCode;
  /** What was wrong and where, as data. Never the payload itself. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly docs: string;

  constructor(
    code: ErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
    this.code = code;
    this.fields = fields;
    this.docs = docsUrl(code);
  }

  toJSON(): { code: ErrorCode; message: string; docs: string; fields: Readonly<Record<string, unknown>> } {
    return { code: this.code, message: this.message, docs: this.docs, fields: this.fields };
  }
}
