import type { CallToolResult } from "@modelcontextprotocol/server";
import { OnceguardError } from "../../core/errors.ts";
import { messageOf } from "../../core/failure.ts";
import type { Outcome, Status } from "../../core/outcome.ts";
import type { Receipt } from "../../core/receipt.ts";
import { deepSnake, failureOnWire, haltOnWire, receiptSummary } from "../../wire/wire.ts";
import type { ToolRuntime } from "./options.ts";
import { nextWords } from "./words.ts";

type Structured = Record<string, unknown>;

/** The answers after which nothing has happened and nothing more will: the model may tell its user, or correct itself. */
const CLOSED: ReadonlySet<Status> = new Set(["failed", "mismatch", "denied", "halted", "expired", "unavailable"]);

/**
 * An outcome as a tool result. What is open or uncertain is a plain result and not an error: hosts and models take
 * errors for an invitation to try again.
 */
export function answerOf(
  runtime: Pick<ToolRuntime, "reviewUrl">,
  outcome: Outcome,
  extra: Structured = {},
  next: string = nextWords(outcome),
): CallToolResult {
  const { status, requestId, receipt } = outcome;
  const structured: Structured = {
    status,
    request_id: requestId,
    ...(receipt && { receipt: shortReceipt(receipt) }),
    ...particulars(runtime, outcome),
    ...extra,
    next,
  };
  return resultOf(structured, CLOSED.has(status));
}

function particulars(runtime: Pick<ToolRuntime, "reviewUrl">, outcome: Outcome): Structured {
  switch (outcome.status) {
    case "executed":
    case "replayed":
      return {
        ...(outcome.result === undefined ? {} : { result: outcome.result }),
        ...(outcome.omitted === undefined ? {} : { result_omitted: outcome.omitted }),
      };
    case "in_doubt":
      return {
        retry_after_ms: outcome.retryAfterMs,
        ...(outcome.failure && { failure: failureOnWire(outcome.failure) }),
        ...(outcome.result === undefined ? {} : { result: outcome.result }),
      };
    case "in_progress":
    case "retry_later":
      return { retry_after_ms: outcome.retryAfterMs };
    case "held":
      return {
        retry_after_ms: outcome.retryAfterMs,
        review: { waits_for: outcome.waitsFor, reasons: outcome.reasons, ...reviewLink(runtime, outcome.requestId) },
      };
    case "review":
      return {
        review: { reason: outcome.reason, route: outcome.route, ...reviewLink(runtime, outcome.requestId) },
        ...(outcome.failure && { failure: failureOnWire(outcome.failure) }),
      };
    case "failed":
      return { failure: failureOnWire(outcome.failure) };
    case "halted":
      return { reason: outcome.reason, halt: haltOnWire(outcome.halt) };
    case "unavailable":
      return { reason: outcome.reason, retry_after_ms: outcome.retryAfterMs };
    default:
      return { reason: outcome.reason };
  }
}

function reviewLink({ reviewUrl }: Pick<ToolRuntime, "reviewUrl">, requestId: string): Structured {
  return reviewUrl === null ? {} : { url: reviewUrl.replaceAll("{request_id}", encodeURIComponent(requestId)) };
}

/** Without what is empty, and without what the answer says anyway: a model pays for every field. */
export function shortReceipt(receipt: Receipt): Structured {
  const { failure: _failure, hold: _hold, tenant: _tenant, serialized: _serialized, ...rest } = receiptSummary(receipt);
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== false));
}

/** The call does not fit: nothing was sent, and only another call can help. */
export function invalid(message: string, code: string, fields: Structured = {}): CallToolResult {
  return resultOf(
    {
      status: "invalid",
      request_id: null,
      error: { code, message, ...fields },
      next: "Nothing was sent. Correct the arguments as the message says, then call again.",
    },
    true,
  );
}

/** What a tool threw, as an answer. An error of ours says what is wrong with the call; any other says nothing certain. */
export function answerForError(error: unknown): CallToolResult {
  if (!(error instanceof OnceguardError)) return broken(error);
  const { code, message, docs, fields } = error;
  if (code === "store_unavailable" || code === "store_unusable" || code === "schema_too_new") {
    const next = "The guard's store cannot be used now. Ask get_receipt later; do not do it in any other way.";
    return resultOf({ status: "unavailable", request_id: null, error: { code, message, docs }, next }, true);
  }
  return invalid(message, code, { docs, fields: deepSnake(fields) });
}

function broken(error: unknown): CallToolResult {
  const next =
    "Something unexpected went wrong in the guard. Do not call again before get_receipt has told you what is known.";
  return resultOf({
    status: "in_doubt",
    request_id: null,
    error: { code: "internal", message: messageOf(error) },
    next,
  });
}

/** Structured, and the same as text for hosts that show nothing else; the words come first. */
export function resultOf(structured: Structured, isError = false): CallToolResult {
  const { next, ...data } = structured;
  const words = typeof next === "string" ? [{ type: "text" as const, text: next }] : [];
  return {
    content: [...words, { type: "text", text: JSON.stringify(data) }],
    structuredContent: structured,
    ...(isError && { isError: true }),
  };
}
