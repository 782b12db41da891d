import type { JsonValue } from "./json.ts";
import type { LogEntry, LogQuery } from "./ports.ts";
import { REDACTED } from "./privacy.ts";
import type { Receipt } from "./receipt.ts";
import { recordStates } from "./record-states.ts";

/** What to look for. An attempt has to fit all of it; the request is then in the radius. */
export interface BlastQuery
  extends Pick<LogQuery, "tenant" | "action" | "recordId" | "runId" | "actor" | "hostScope" | "traceId"> {
  /** An attempt from this time on, by the store's clock, in ms since the epoch. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Fields of the payload (`priority`, `payload.priority`) or of `result`, `before`, `after`, and what they must be. */
  readonly where?: Readonly<Record<string, string | number | boolean | null>> | undefined;
}

/** Another request that came later on the same record. */
export interface LaterTouch {
  readonly requestId: string;
  readonly action: string | null;
  readonly actor: string | null;
  readonly runId: string | null;
  readonly at: number;
}

/** Why an effect cannot be undone by `correct`, or not yet. */
export type UndoObstacle =
  | "not_registered"
  | "no_compensate"
  | "not_settled"
  | "conflict"
  | "forgotten"
  | "redacted"
  | "after_unknown"
  | "already_undone";

/** One request whose effect happened, or may have, with what the log knows of it. */
export interface Touched {
  readonly receipt: Receipt;
  readonly certainty: "happened" | "may_have_happened";
  /** As `before` and `after` of the action read the record; undefined where they did not. */
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
  /** When the effect was recorded; null while that is open. */
  readonly effectAt: number | null;
  /** Its place in the log. */
  readonly place: number;
  readonly later: readonly LaterTouch[];
  /** Null: `correct` can undo it. */
  readonly obstacle: UndoObstacle | null;
}

/** One row of a plan: which effect to undo, and the version of its record that was looked at. */
export interface PlanRow {
  readonly tenant: string;
  readonly requestId: string;
  readonly action: string;
  readonly recordId: string | null;
  readonly version: number;
  /** Its place in the log: of two effects on one record, the later is undone first. */
  readonly place: number;
}

/** What `correct` works through: can be written down, looked at, and handed over. */
export interface CorrectionPlan {
  readonly token: string;
  readonly query: BlastQuery;
  readonly at: number;
  readonly rows: readonly PlanRow[];
}

/** Exactly the requests that a query names, with what it would take to put them right. */
export interface BlastRadius {
  readonly query: BlastQuery;
  /** The store's time at which it was looked at. */
  readonly at: number;
  /** In the order of their first attempt that fits. */
  readonly rows: readonly Touched[];
  /** Stands for exactly this result: the query, the requests, and the version of each. A correction is bound to it. */
  readonly token: string;
  readonly plan: CorrectionPlan;
}

/** Whether the effect of this request happened, as far as the record knows; null where it certainly did not. */
export function certaintyOf(receipt: Receipt): Touched["certainty"] | null {
  const { state, reason, conflict, mayHaveApplied, evidence } = receipt;
  switch (state) {
    case "succeeded":
    case "compensating":
    case "compensated":
      return "happened";
    case "expired":
      return reason === "succeeded" || reason === "compensated" ? "happened" : conflict ? "may_have_happened" : null;
    case "running":
    case "in_doubt":
      return evidence === null ? "may_have_happened" : "happened";
    case "review":
    case "retry_wait":
      if (evidence !== null) return "happened";
      return mayHaveApplied || conflict ? "may_have_happened" : null;
    default:
      return conflict || mayHaveApplied ? "may_have_happened" : null;
  }
}

/** What keeps an effect from being undone, whatever the code that would do it. */
export function obstacleOf(receipt: Receipt, history: readonly LogEntry[]): UndoObstacle | null {
  if (receipt.state === "compensating" || receipt.state === "compensated") return "already_undone";
  if (receipt.state === "expired" || receipt.payload === null) return "forgotten";
  if (receipt.conflict) return "conflict";
  if (receipt.state !== "succeeded") return "not_settled";
  const { before, after } = recordStates(history);
  // It would be written back as it was logged.
  if (before?.includes(JSON.stringify(REDACTED))) return "redacted";
  return after === null ? "after_unknown" : null;
}
