import type { CallToolResult } from "@modelcontextprotocol/server";
import { OnceguardError } from "../../core/errors.ts";
import { messageOf } from "../../core/failure.ts";
import type { Outcome, Status } from "../../core/outcome.ts";
import { outcomeOnWire } from "../../wire/outcome-wire.ts";
import { deepSnake } from "../../wire/wire.ts";
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
  return resultOf({ ...saidOf(runtime, outcome), ...extra, next }, CLOSED.has(outcome.status));
}

/** What a person has to decide stands in one place, with where. */
function saidOf(runtime: Pick<ToolRuntime, "reviewUrl">, outcome: Outcome): Structured {
  const link = reviewLink(runtime, outcome.requestId);
  if (outcome.status === "held") {
    const { waits_for, reasons, case_id: _case, ...rest } = outcomeOnWire(outcome);
    return { ...rest, review: { waits_for, reasons, ...link } };
  }
  if (outcome.status === "review") {
    const { reason, route, ...rest } = outcomeOnWire(outcome);
    return { ...rest, review: { reason, route, ...link } };
  }
  return outcomeOnWire(outcome);
}

function reviewLink({ reviewUrl }: Pick<ToolRuntime, "reviewUrl">, requestId: string): Structured {
  return reviewUrl === null ? {} : { url: reviewUrl.replaceAll("{request_id}", encodeURIComponent(requestId)) };
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
