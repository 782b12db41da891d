import type { State } from "../../src/index.ts";
import type { CrashPoint } from "../../src/testing/crash-points.ts";
import type { Fault } from "../support/flaky-world.ts";
import type { ActionName } from "../support/guarded-worker.ts";

/** What an action can do about an unknown outcome, and `none` once more with a dispatch mark. */
export const COLUMNS = {
  none: "pay_none",
  "none + mark": "pay_precise",
  probe: "pay_probe",
  key: "pay_downstream_key",
  "probe + key": "pay_probe_and_key",
  transaction: "pay_transaction",
} as const satisfies Record<string, ActionName>;

export type Column = keyof typeof COLUMNS;

export const COLUMN_NAMES = Object.keys(COLUMNS) as readonly Column[];

/** How it ends at its point: by an exception, by a SIGKILL to itself, or by one from outside while it stands still. */
export const DEATHS = ["thrown", "killed by itself", "killed from outside"] as const;

export type Death = (typeof DEATHS)[number];

/** What has to be so for a request to come to its point. */
export interface Given {
  /** What the world does to the first request. */
  readonly fault?: Fault;
  /** How many look-ups fail. */
  readonly hidden?: number;
  /** How many attempts throw, of an effect that has no world but the database. */
  readonly failing?: number;
  readonly held?: true;
}

/** Whether somebody has to look into the ledger, where the action has nothing to tell what happened. */
export type Asked = "nobody" | "a person" | "either";

/** A state, or one of two where it is open. */
type Shown = State | "absent" | readonly (State | "absent")[];

/** One way to die. */
export interface Row {
  readonly title: string;
  /** Which of the 13 points of semantics.md section 9; null: one that lies between two of them. */
  readonly main: number | null;
  /** Where it dies, one process after the other. */
  readonly points: readonly CrashPoint[];
  /** What it takes to get there; or in words why it cannot; or null where another row is just that. */
  readonly given: (column: Column) => Given | string | null;
  /** What the store has when the last process is dead; and where the effect is in its own database. */
  readonly shows: Shown;
  readonly showsCommitted?: Shown;
  /** Effects in the ledger then: outside, and in the database. */
  readonly effects: number | "either";
  readonly committed?: number | "either";
  /** Whose word it takes without a capability: after a death, when the store was away, after any other error. */
  readonly asks?: Partial<Record<"died" | "unavailable" | "thrown", Asked>>;
  /** The same with a dispatch mark, where that makes a difference. */
  readonly asksPrecise?: Partial<Record<"died" | "unavailable" | "thrown", Asked>>;
  /** What a person says in the process that dies. */
  readonly decision?: "retry" | "did_not_happen";
}

const ALONE = { died: "nobody", unavailable: "nobody", thrown: "nobody" } as const;
const ASKS = { died: "a person", unavailable: "a person", thrown: "a person" } as const;

/** Whose word a cell takes. A probe, a key or the commit itself settles everything alone. */
export function askedIn(row: Row, column: Column, after: "died" | "unavailable" | "thrown"): Asked {
  if (column !== "none" && column !== "none + mark") return "nobody";
  const own = column === "none + mark" ? row.asksPrecise?.[after] : undefined;
  return own ?? row.asks?.[after] ?? (after === "unavailable" ? "nobody" : "a person");
}

const NO_MARK = "writes no dispatch mark";
const NO_PROBE = "has no probe";
const NEVER_IN_DOUBT = "is never in doubt: effect and record are one commit";
const FIRST_IS_ONE_COMMIT = "leaves nothing behind of a first attempt that could lapse";
const NO_PERSON = "is settled before it comes to a person";
const NEVER_SENT_AGAIN = "sends nothing again after a doubt";
const ANSWERS_FIRST = "sends nothing again: its probe has found the effect";

const inTransaction = (column: Column): boolean => column === "transaction";
const hasProbe = (column: Column): boolean => column.includes("probe");
const hasKey = (column: Column): boolean => column.includes("key");
const hasNothing = (column: Column): boolean => column.startsWith("none");

const plain = (): Given => ({});
/** The first attempt is rejected, for certain and not for good. */
const rejectedOnce = (column: Column): Given =>
  inTransaction(column) ? { failing: 1 } : { fault: "reject_transient" };
const held = (): Given => ({ held: true });
/** The outcome of the first attempt stays open. */
const inDoubt =
  (fault: "lose_reply" | "drop_request") =>
  (column: Column): Given | string =>
    inTransaction(column) ? NEVER_IN_DOUBT : { fault };
const probed =
  (fault?: Fault) =>
  (column: Column): Given | string =>
    hasProbe(column) ? (fault ? { fault } : {}) : NO_PROBE;
const marked = (column: Column): Given | string => (column === "none + mark" ? {} : NO_MARK);
const reviewed =
  (fault: "lose_reply" | "drop_request") =>
  (column: Column): Given | string =>
    hasNothing(column) ? { fault } : NO_PERSON;
/** Sent again after a doubt: because the probe says it is not there, or under the key while the probe cannot tell. */
const resent =
  (fault: "lose_reply" | "drop_request", hidden: number) =>
  (column: Column): Given | string => {
    if (inTransaction(column)) return NEVER_IN_DOUBT;
    if (hasNothing(column)) return NEVER_SENT_AGAIN;
    if (hasKey(column)) return hasProbe(column) ? { fault, hidden } : { fault };
    return fault === "drop_request" ? { fault } : ANSWERS_FIRST;
  };

/** A dispatch mark makes no difference there: the cell is that of `none`. */
const asNone =
  (given: Row["given"]): Row["given"] =>
  (column) =>
    column === "none + mark" ? null : given(column);

export const ROWS: readonly Row[] = [
  {
    main: 1,
    title: "before the claim is sent",
    shows: "absent",
    points: ["before_claim_sent"],
    given: asNone(plain),
    effects: 0,
    asks: ALONE,
  },
  {
    main: null,
    title: "claim in flight",
    shows: ["absent", "running"],
    showsCommitted: "absent",
    points: ["claim_in_flight"],
    given: plain,
    effects: 0,
    asks: { died: "either", thrown: "either" },
    asksPrecise: ALONE,
  },
  {
    main: 2,
    title: "claim sent, answer lost",
    shows: "running",
    showsCommitted: "absent",
    points: ["claim_sent_ack_lost"],
    given: plain,
    effects: 0,
    asksPrecise: ALONE,
  },
  {
    main: 3,
    title: "claimed, not dispatched",
    shows: "running",
    showsCommitted: "absent",
    points: ["after_claim_before_dispatch"],
    given: plain,
    effects: 0,
    asksPrecise: ALONE,
  },
  {
    main: null,
    title: "before the dispatch mark",
    shows: "running",
    points: ["before_dispatch_mark"],
    given: marked,
    effects: 0,
    asks: ALONE,
  },
  { main: null, title: "marked, not sent", shows: "running", points: ["dispatch_marked"], given: marked, effects: 0 },
  {
    main: 4,
    title: "in the effect, before the send",
    shows: "running",
    showsCommitted: "absent",
    points: ["in_effect_before_send"],
    given: plain,
    effects: 0,
  },
  {
    main: 5,
    title: "effect applied, no reply yet",
    shows: "running",
    showsCommitted: "absent",
    points: ["in_effect_after_commit_before_reply"],
    given: plain,
    effects: 1,
  },
  {
    main: 6,
    title: "reply read, not recorded",
    shows: "running",
    showsCommitted: "absent",
    points: ["after_reply_before_record"],
    given: asNone(plain),
    effects: 1,
    asks: { thrown: "nobody" },
  },
  {
    main: null,
    title: "rejection read, not recorded",
    shows: "running",
    points: ["failure_not_recorded"],
    given: asNone(rejectedOnce),
    effects: 0,
  },
  {
    main: null,
    title: "outcome in flight",
    shows: ["running", "succeeded"],
    showsCommitted: ["absent", "succeeded"],
    points: ["record_in_flight"],
    given: asNone(plain),
    effects: 1,
    committed: "either",
    asks: { died: "either", thrown: "nobody" },
  },
  {
    main: 7,
    title: "outcome sent, answer lost",
    shows: "succeeded",
    points: ["record_sent_ack_lost"],
    given: asNone(plain),
    effects: 1,
    committed: 1,
    asks: ALONE,
  },
  {
    main: 8,
    title: "recorded, caller not told",
    shows: "succeeded",
    points: ["recorded_caller_not_told"],
    given: asNone(plain),
    effects: 1,
    committed: 1,
    asks: ALONE,
  },
  {
    main: 9,
    title: "during a retry wait",
    shows: "retry_wait",
    points: ["during_retry_wait"],
    given: asNone(rejectedOnce),
    effects: 0,
    asks: ALONE,
  },
  {
    main: 10,
    title: "in doubt, recorded",
    shows: "in_doubt",
    points: ["in_doubt_recorded"],
    given: asNone(inDoubt("lose_reply")),
    effects: 1,
    asks: ASKS,
  },
  {
    main: null,
    title: "in doubt, recorded, nothing happened",
    shows: "in_doubt",
    points: ["in_doubt_recorded"],
    given: asNone(inDoubt("drop_request")),
    effects: 0,
    asks: ASKS,
  },
  {
    main: null,
    title: "lapse of a dead claim recorded, effect applied",
    shows: "in_doubt",
    points: ["in_effect_after_commit_before_reply", "lapse_recorded"],
    given: (column) => (inTransaction(column) ? FIRST_IS_ONE_COMMIT : {}),
    effects: 1,
  },
  {
    main: null,
    title: "lapse of a dead claim recorded, nothing sent",
    shows: "in_doubt",
    points: ["in_effect_before_send", "lapse_recorded"],
    given: (column) => (inTransaction(column) ? FIRST_IS_ONE_COMMIT : {}),
    effects: 0,
  },
  {
    main: null,
    title: "lapse of a dead second claim recorded",
    shows: "in_doubt",
    showsCommitted: "retry_wait",
    points: ["before_resend", "lapse_recorded"],
    given: rejectedOnce,
    effects: 0,
  },
  {
    main: 11,
    title: "during a probe",
    shows: "in_doubt",
    points: ["during_probe"],
    given: probed("lose_reply"),
    effects: 1,
  },
  {
    main: null,
    title: "during a probe, nothing happened",
    shows: "in_doubt",
    points: ["during_probe"],
    given: probed("drop_request"),
    effects: 0,
  },
  {
    main: null,
    title: "during a probe of a dead process's request",
    shows: "in_doubt",
    points: ["in_effect_after_commit_before_reply", "during_probe"],
    given: probed(),
    effects: 1,
  },
  {
    main: null,
    title: "probe answered, not recorded",
    shows: "in_doubt",
    points: ["probe_answered_not_recorded"],
    given: probed("lose_reply"),
    effects: 1,
  },
  {
    main: null,
    title: "probe answered, not recorded, nothing happened",
    shows: "in_doubt",
    points: ["probe_answered_not_recorded"],
    given: probed("drop_request"),
    effects: 0,
  },
  {
    main: null,
    title: "retry claimed, answer lost",
    shows: "running",
    points: ["reclaimed_ack_lost"],
    given: rejectedOnce,
    effects: 0,
    asksPrecise: ALONE,
  },
  {
    main: null,
    title: "before a retry is sent",
    shows: "running",
    points: ["before_resend"],
    given: rejectedOnce,
    effects: 0,
  },
  {
    main: null,
    title: "before it is sent again, nothing happened",
    shows: "running",
    points: ["before_resend"],
    given: resent("drop_request", 0),
    effects: 0,
  },
  {
    main: null,
    title: "before it is sent again, effect applied",
    shows: "running",
    points: ["before_resend"],
    given: resent("lose_reply", 1),
    effects: 1,
  },
  {
    main: 12,
    title: "during a retry or re-send",
    shows: "running",
    points: ["during_resend"],
    given: (column) => {
      const doubtful = resent("lose_reply", 1)(column);
      return typeof doubtful === "string" ? rejectedOnce(column) : doubtful;
    },
    effects: 1,
  },
  {
    main: null,
    title: "during a retry, after a rejection",
    shows: "running",
    points: ["during_resend"],
    given: (column) => (hasKey(column) ? rejectedOnce(column) : null),
    effects: 1,
  },
  {
    main: null,
    title: "during a re-send, nothing happened",
    shows: "running",
    points: ["during_resend"],
    given: resent("drop_request", 0),
    effects: 1,
  },
  {
    main: null,
    title: "three deaths: in the effect, before and during its re-send",
    shows: "running",
    points: ["in_effect_after_commit_before_reply", "before_resend", "during_resend"],
    given: (column) => {
      const again = resent("lose_reply", 2)(column);
      return typeof again === "string" ? again : hasProbe(column) ? { hidden: 2 } : {};
    },
    effects: 1,
  },
  {
    main: null,
    title: "held, nobody told",
    shows: "held",
    points: ["held_recorded"],
    given: asNone(held),
    effects: 0,
    asks: ALONE,
  },
  {
    main: 13,
    title: "approved, not released",
    shows: "held",
    points: ["approved_ack_lost"],
    given: asNone(held),
    effects: 0,
    asks: ALONE,
  },
  {
    main: null,
    title: "released, not dispatched",
    shows: "running",
    points: ["released_ack_lost"],
    given: held,
    effects: 0,
    asksPrecise: ALONE,
  },
  {
    main: null,
    title: "three deaths: held, approved, released",
    shows: "running",
    points: ["held_recorded", "approved_ack_lost", "released_ack_lost"],
    given: held,
    effects: 0,
    asksPrecise: ALONE,
  },
  {
    main: null,
    title: "review recorded",
    shows: "review",
    points: ["review_recorded"],
    given: asNone(reviewed("lose_reply")),
    effects: 1,
    asks: ASKS,
  },
  {
    main: null,
    title: "person's answer lost: happened",
    shows: "succeeded",
    points: ["resolved_ack_lost"],
    given: asNone(reviewed("lose_reply")),
    effects: 1,
    asks: { died: "nobody", unavailable: "a person", thrown: "a person" },
  },
  {
    main: null,
    title: "person's answer lost: retry",
    shows: "retry_wait",
    points: ["resolved_ack_lost"],
    given: asNone(reviewed("drop_request")),
    effects: 0,
    asks: { died: "nobody", unavailable: "a person", thrown: "a person" },
    decision: "retry",
  },
  {
    main: null,
    title: "person's answer lost: did not happen",
    shows: "failed",
    points: ["resolved_ack_lost"],
    given: asNone(reviewed("drop_request")),
    effects: 0,
    asks: { died: "nobody", unavailable: "a person", thrown: "a person" },
    decision: "did_not_happen",
  },
];

/** One square of the matrix: a way to die, a capability, and by what. */
export interface Cell {
  readonly row: Row;
  readonly column: Column;
  readonly death: Death;
  readonly given: Given;
}

/** What cannot be, and why. */
export interface Impossible {
  readonly row: Row;
  readonly column: Column;
  readonly why: string;
}

/** A chain of deaths has no meaning for a process that lives on; who kills it makes no difference between the 13. */
export function deathsOf(row: Row, column: Column): readonly Death[] {
  if (row.main !== null) return DEATHS;
  const even = (ROWS.indexOf(row) + COLUMN_NAMES.indexOf(column)) % 2 === 0;
  const killed = even ? "killed by itself" : "killed from outside";
  return row.points.length > 1 ? [killed] : ["thrown", killed];
}

export function cellsOf(row: Row): readonly Cell[] {
  return COLUMN_NAMES.flatMap((column) => {
    const given = row.given(column);
    return given === null || typeof given === "string"
      ? []
      : deathsOf(row, column).map((death) => ({ row, column, death, given }));
  });
}

export function impossibleIn(row: Row): readonly Impossible[] {
  return COLUMN_NAMES.flatMap((column) => {
    const why = row.given(column);
    return typeof why === "string" ? [{ row, column, why }] : [];
  });
}

/** The same for people: row, columns, reason. */
export function impossibleLines(row: Row): readonly (readonly [row: string, columns: string, why: string])[] {
  const byReason = Map.groupBy(impossibleIn(row), ({ why }) => why);
  return [...byReason].map(([why, group]) => [row.title, group.map(({ column }) => column).join(", "), why]);
}
