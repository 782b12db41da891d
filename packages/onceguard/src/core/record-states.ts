import type { LogEntry } from "./ports.ts";

/** The business record around one effect, as the request's history has it. */
export interface RecordStates {
  /** Canonical JSON; null where it was not read. */
  readonly before: string | null;
  readonly after: string | null;
  /** When, and at which place in the log, the effect was recorded; null while that is open. */
  readonly effectAt: number | null;
  readonly effectSeq: number | null;
}

/** Events by which something is sent, or may have been. */
export const ATTEMPT_EVENTS: readonly string[] = ["claim", "retry", "resend", "release", "doubt"];

const SUCCESS_EVENTS: ReadonlySet<string> = new Set(["success", "probe_happened", "late_success", "resolve"]);
/** They tell of calls, or of what came too late, and are not steps of the request. */
const BESIDE: ReadonlySet<string> = new Set(["replayed", "drift", "proposed", "late_failure", "late_denial"]);

/**
 * What was before the effect is what was before the first attempt that may have made it: a later attempt may have read
 * what an earlier one had done.
 *
 * @param history of one request, oldest first.
 */
export function recordStates(history: readonly LogEntry[]): RecordStates {
  let states: RecordStates = NOTHING;
  for (const { event, state, before, after, at, seq } of history) {
    if (BESIDE.has(event)) continue;
    if (before !== null && states.before === null) states = { ...states, before };
    const isUndone =
      state === "retry_wait" || state === "failed" || (event === "definite_failure" && state === "review");
    if (isUndone) states = NOTHING;
    if (state === "succeeded" && SUCCESS_EVENTS.has(event) && states.effectAt === null) {
      states = { ...states, after, effectAt: at, effectSeq: seq };
    }
  }
  return states;
}

const NOTHING: RecordStates = { before: null, after: null, effectAt: null, effectSeq: null };
