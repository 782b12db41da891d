import { CommanderError } from "commander";
import { type ErrorCode, OnceguardError } from "../core/errors.ts";

/** What the command line exits with; `run` adds the codes of sysexits.h, since 0 to 125 belong to its command. */
export const EXIT = {
  ok: 0,
  /** The thing asked for did not hold. */
  not: 1,
  /** Bad usage or input. */
  usage: 2,
  mismatch: 65,
  unavailable: 69,
  unsettled: 75,
  refused: 77,
  cannotStart: 126,
  notFound: 127,
} as const;

/** Bad usage or input that commander could not see. Exit 2. */
export class UsageError extends Error {}

/** The thing asked for does not hold, said in one line. Exit 1. */
export class NotSo extends Error {}

/** Errors that say "ask differently". All others say "it is not so", or "not now". */
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
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
  "payload_not_json",
  "payload_too_large",
  "payload_too_deep",
  "payload_invalid",
  "missing_reason",
  "invalid_store_url",
]);

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof OnceguardError) return USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.not;
  return EXIT.not;
}
