import type { Outcome, Status } from "../core/outcome.ts";
import { outcomeOnWire } from "../wire/outcome-wire.ts";
import { outcomeWords, type Ways } from "../wire/outcome-words.ts";

/** What a model is told instead of a tool's result: in words, and in fields for the host's own code. */
export interface NotDone {
  readonly status: Exclude<Status, "executed" | "replayed"> | "done_without_result" | "invalid";
  /** Null: the input did not fit, and nothing is known under any id. */
  readonly request_id: string | null;
  /** What to do now, and first of all whether to call again. */
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A tool's result, or why there is none. */
export type ModelAnswer<Result> = Result | NotDone;

/**
 * The answer of a guarded tool: its result if it was done, now or earlier; otherwise a value that tells the model what
 * to do. Never an exception: frameworks make "please try again" of those.
 */
export function modelAnswer<Result>(outcome: Outcome<Result>, ways: Ways): ModelAnswer<Result> {
  const isDone = outcome.status === "executed" || outcome.status === "replayed";
  if (isDone && outcome.omitted === undefined) return outcome.result;
  const { receipt: _receipt, ...said } = outcomeOnWire(outcome);
  const { requestId: request_id } = outcome;
  const message = isDone
    ? "It was done. Its result was not kept, so it cannot be shown again. Do not call again."
    : outcomeWords(outcome, ways);
  return { ...said, status: isDone ? "done_without_result" : outcome.status, request_id, message };
}

/** Whether an answer is one of ours and not the tool's own. */
export function isNotDone(answer: unknown): answer is NotDone {
  const { status, request_id, message } = (answer ?? {}) as Partial<NotDone>;
  return typeof status === "string" && request_id !== undefined && typeof message === "string";
}
