import { type ClaimRequest, grantClaim } from "../../core/claim.ts";
import { admit, type BudgetCondition, type Gate, type Tally, type TurnCondition } from "../../core/gate.ts";
import { firstReceipt } from "../../core/lifecycle.ts";
import { firstLine, lineWithoutRecord } from "../../core/log-line.ts";
import { notificationId } from "../../core/notification.ts";
import type { ClaimAnswer } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { RECEIPT_COLUMNS, type ReceiptRow, receiptOf, receiptValues } from "../receipt-row.ts";
import { epochOf, epochQuery, epochSql } from "./epochs.ts";
import { haltedSql, haltForQuery, haltOf, insertHalt } from "./halts.ts";
import { appendLog } from "./log.ts";
import { insertNotification } from "./notifications.ts";
import { type Dialect, now, type Query, type Steps } from "./steps.ts";

const COLUMNS = RECEIPT_COLUMNS.join(", ");

/** A first claim as one transaction: its conditions, the record, and its first line in the log. */
export function* claim(dialect: Dialect, request: ClaimRequest): Steps<ClaimAnswer> {
  const { gate } = request;
  if (gate !== null) yield* locked(dialect, request, gate);
  const at = yield* now(dialect);
  if (gate === null) {
    const claimed = yield* insertUnlessStopped(dialect, request, at);
    if (claimed) return claimed;
  }
  const known = yield* existing(dialect, request, at);
  if (known) return known;
  const [halt] = yield haltForQuery(dialect, request);
  if (halt) return { kind: "halted", halt: haltOf(halt) };
  if (isQuestionable(request)) {
    const [epoch] = yield epochQuery(dialect, at);
    if (epoch) return { kind: "new_epoch", epoch: epochOf(epoch) };
  }
  if (gate === null) return (yield* inserted(dialect, request, at)) ?? (yield* lost(dialect, request, at));
  return yield* admitted(dialect, request, gate, at);
}

/** Everybody who decides on the same record, run or budget waits here, in one order. */
function* locked(dialect: Dialect, { tenant, action }: ClaimRequest, gate: Gate): Steps<void> {
  const names = new Set<string>();
  if (gate.dedup?.recordId !== undefined) names.add(`record:${tenant}:${action}:${gate.dedup.recordId}`);
  if (gate.turn) names.add(`turn:${tenant}:${gate.turn.recordId}`);
  for (const { halts } of gate.budgets) names.add(`budget:${tenant}:${halts.scope}:${halts.id}`);
  const sorted = [...names].sort();
  for (const query of dialect.lock(sorted)) yield query;
}

/** The case that is nearly every case, in one statement. */
function* insertUnlessStopped(dialect: Dialect, request: ClaimRequest, at: number): Steps<ClaimAnswer | null> {
  const { tenant, action, runId, ownerToken } = request;
  const receipt = firstReceipt(request, at);
  const notHalted = `NOT ${haltedSql(dialect.table("halt"), "?", "?", "?")}`;
  const stops = [notHalted];
  const values = [...receiptValues(receipt, ownerToken), tenant, tenant, tenant, action, tenant, runId];
  if (isQuestionable(request)) {
    stops.push(`NOT ${epochSql(dialect.table("epoch"), "?")}`);
    values.push(at);
  }
  const rows = yield {
    text: `INSERT INTO ${dialect.table("request")} (${COLUMNS}) SELECT ${RECEIPT_COLUMNS.map(() => "?").join(", ")}
WHERE ${stops.join(" AND ")} ON CONFLICT DO NOTHING RETURNING 1`,
    values,
  };
  return rows.length === 0 ? null : yield* begun(dialect, request, receipt);
}

/** A backup of this database has an effect inside it and its record together, or neither. */
function isQuestionable({ start, capability }: ClaimRequest): boolean {
  return start.state === "running" && capability !== "transaction";
}

function* inserted(dialect: Dialect, request: ClaimRequest, at: number): Steps<ClaimAnswer | null> {
  const receipt = firstReceipt(request, at);
  const rows = yield {
    text: `INSERT INTO ${dialect.table("request")} (${COLUMNS}) VALUES (${RECEIPT_COLUMNS.map(() => "?").join(", ")})
ON CONFLICT DO NOTHING RETURNING 1`,
    values: receiptValues(receipt, request.ownerToken),
  };
  return rows.length === 0 ? null : yield* begun(dialect, request, receipt);
}

function* begun(dialect: Dialect, request: ClaimRequest, receipt: Receipt): Steps<ClaimAnswer> {
  const { tenant, requestId, action, recordId, runId, reason, createdAt: at } = receipt;
  yield* appendLog(dialect, firstLine(request, receipt), at);
  if (receipt.hold?.waitsFor === "approval") {
    const id = notificationId("held", tenant, requestId, 1);
    const kind = "held";
    yield* insertNotification(dialect, {
      id,
      kind,
      route: "operator",
      tenant,
      requestId,
      action,
      recordId,
      runId,
      reason,
      at,
    });
  }
  return answerFor(receipt, request.ownerToken);
}

/** What the maker of a record is told, also when it asks again. */
export function answerFor(receipt: Receipt, ownerToken: string): ClaimAnswer {
  return receipt.state === "running"
    ? { kind: "claimed", claim: grantClaim(receipt, ownerToken) }
    : { kind: "recorded", receipt };
}

/** The record that is there already; as the answer of the first time where the asker made it. */
export function* existing(dialect: Dialect, request: ClaimRequest, readAt?: number): Steps<ClaimAnswer | null> {
  const at = readAt ?? (yield* now(dialect));
  const { tenant, requestId, explicitId, ownerToken } = request;
  const table = dialect.table("request");
  // What an insert would conflict with: not somebody else's explicit id of the same text.
  const [row] = yield {
    text: `SELECT ${COLUMNS} FROM ${table} WHERE request_id = ? AND tenant = ?
UNION ALL SELECT ${COLUMNS} FROM ${table} WHERE explicit_id = ? AND tenant = ? LIMIT 1`,
    values: [requestId, tenant, explicitId, tenant],
  };
  if (!row) return null;
  const receipt = receiptOf(row as unknown as ReceiptRow, at);
  if (row.owner_token === ownerToken && receipt.version === 1) return answerFor(receipt, ownerToken);
  const [halt] = yield haltForQuery(dialect, request);
  return { kind: "exists", receipt, halt: halt ? haltOf(halt) : null };
}

/** By request id, or by the explicit id that a business key took precedence over. */
export function findQuery(dialect: Dialect, tenant: string, id: string): Query {
  const table = dialect.table("request");
  return {
    text: `SELECT ${COLUMNS} FROM ${table} WHERE request_id = ? AND tenant = ?
UNION ALL SELECT ${COLUMNS} FROM ${table} WHERE explicit_id = ? AND tenant = ? LIMIT 1`,
    values: [id, tenant, id, tenant],
  };
}

/** Somebody was faster between the look and the insert. */
function* lost(dialect: Dialect, request: ClaimRequest, at: number): Steps<ClaimAnswer> {
  const known = yield* existing(dialect, request, at);
  if (known) return known;
  if (request.recordId !== null && request.serialized) return { kind: "busy", recordId: request.recordId };
  throw new Error("an insert conflicted with a row that is not there");
}

function* admitted(dialect: Dialect, request: ClaimRequest, gate: Gate, at: number): Steps<ClaimAnswer> {
  const { tenant } = request;
  const budgets: Tally[] = [];
  for (const budget of gate.budgets) budgets.push(yield* tallyBudget(dialect, request, budget, at));
  const dedup = gate.dedup && (yield* tallyRecord(dialect, request, gate.dedup.windowMs, at));
  const admission = admit(gate, request.amount, { dedup, budgets });
  switch (admission.kind) {
    case "halt": {
      const { name, halts } = admission.budget;
      const order = { ...halts, tenant, reason: `budget:${name}`, actor: null };
      return { kind: "halted", halt: yield* insertHalt(dialect, order, at) };
    }
    case "skip": {
      const detail = JSON.stringify({ earlier: admission.earlier });
      yield* appendLog(dialect, lineWithoutRecord({ ...request, cause: null }, "skipped", detail), at);
      const [row] = yield findQuery(dialect, tenant, admission.earlier);
      return { kind: "skipped", earlier: receiptOf(row as unknown as ReceiptRow, at) };
    }
    case "hold": {
      const start = { state: "held", hold: admission.hold, dueInMs: gate.dedup?.holdMs ?? 0 } as const;
      const held = { ...request, start };
      return (yield* inserted(dialect, held, at)) ?? (yield* lost(dialect, held, at));
    }
    case "admit": {
      const turn = request.start.state === "running" ? gate.turn : null;
      if (turn && !(yield* isOurTurn(dialect, request, turn, at))) return { kind: "busy", recordId: turn.recordId };
      return (yield* inserted(dialect, request, at)) ?? (yield* lost(dialect, request, at));
    }
  }
}

/** Whatever has been done, or may still be: everything but what certainly was not, and never will be. */
const MAY_BE_AN_EFFECT = `state NOT IN ('failed', 'denied') AND NOT (state = 'expired' AND reason IN ('failed', 'denied'))`;

/** A hold or a retry may outlast every window, and then be sent all the same. */
const STILL_TO_BE_SENT = `state IN ('held', 'retry_wait') AND due_at IS NOT NULL`;

/** Requests of this action on this record whose effect lies in the window, or is still to come. */
function* tallyRecord(dialect: Dialect, request: ClaimRequest, windowMs: number, at: number): Steps<Tally> {
  const { tenant, action, recordId, requestId } = request;
  const rows = yield {
    text: `SELECT request_id, COUNT(*) OVER () AS count FROM ${dialect.table("request")}
WHERE record_id = ? AND action = ? AND tenant = ? AND request_id <> ? AND ${MAY_BE_AN_EFFECT}
  AND (state IN ('held', 'running', 'retry_wait', 'in_doubt') OR COALESCE(attempt_ended_at, updated_at) > ?)
ORDER BY COALESCE(attempt_ended_at, updated_at) DESC LIMIT 1`,
    values: [recordId, action, tenant, requestId, at - windowMs],
  };
  const [row] = rows;
  return { count: Number(row?.count ?? 0), amount: 0, latest: row ? String(row.request_id) : null };
}

/** By when they were first sent; what is still to be sent counts for as long as it waits. */
function* tallyBudget(dialect: Dialect, request: ClaimRequest, budget: BudgetCondition, at: number): Steps<Tally> {
  const where = ["tenant = ?", "request_id <> ?", MAY_BE_AN_EFFECT];
  const values: (string | number)[] = [request.tenant, request.requestId];
  const equal = (column: string, value: string | null): void => {
    if (value === null) return;
    where.push(`${column} = ?`);
    values.push(value);
  };
  equal("run_id", budget.runId);
  equal("action", budget.action);
  equal("record_id", budget.recordId);
  if (budget.counts === "amount") where.push("amount IS NOT NULL");
  const all = `SELECT amount FROM ${dialect.table("request")} WHERE ${where.join(" AND ")}`;
  const since = budget.windowMs === null ? null : at - budget.windowMs;
  // Two look-ups by index each, and not one scan with OR: it is asked with every claim.
  const counted =
    since === null
      ? { text: all, values }
      : {
          text: `${all} AND generation_at > ? UNION ALL ${all} AND generation_at <= ? AND ${STILL_TO_BE_SENT}`,
          values: [...values, since, ...values, since],
        };
  const [row] = yield {
    text: `SELECT COUNT(*) AS count, COALESCE(SUM(amount), 0) AS amount FROM (${counted.text}) AS counted`,
    values: counted.values,
  };
  return { count: Number(row?.count ?? 0), amount: Number(row?.amount ?? 0), latest: null };
}

/** Takes a place in the record's queue, or leaves it because the turn has come. */
function* isOurTurn(dialect: Dialect, request: ClaimRequest, turn: TurnCondition, at: number): Steps<boolean> {
  const { tenant, requestId } = request;
  const { recordId, placeMs } = turn;
  const queue = dialect.table("turn");
  const [ahead] = yield {
    text: `SELECT 1 FROM ${dialect.table("request")} WHERE ${occupiedSql("?", "?")} AND request_id <> ?
UNION ALL
SELECT 1 FROM ${queue} t WHERE t.record_id = ? AND t.tenant = ? AND t.request_id <> ? AND t.expires_at > ?
  AND t.seq < COALESCE((SELECT seq FROM ${queue} WHERE record_id = ? AND tenant = ? AND request_id = ?), 9007199254740991)
LIMIT 1`,
    values: [recordId, tenant, requestId, recordId, tenant, requestId, at, recordId, tenant, requestId],
  };
  const place = [recordId, tenant, requestId] as const;
  if (!ahead) {
    yield {
      text: `DELETE FROM ${queue} WHERE record_id = ? AND tenant = ? AND request_id = ? RETURNING 1`,
      values: place,
    };
    return true;
  }
  yield {
    text: `DELETE FROM ${queue} WHERE record_id = ? AND tenant = ? AND expires_at <= ? RETURNING 1`,
    values: [recordId, tenant, at],
  };
  yield {
    text: `INSERT INTO ${queue} (record_id, tenant, request_id, seq, expires_at)
SELECT ?, ?, ?, COALESCE(MAX(seq), 0) + 1, ? FROM ${queue} WHERE record_id = ? AND tenant = ?
ON CONFLICT (record_id, tenant, request_id) DO UPDATE SET expires_at = excluded.expires_at RETURNING 1`,
    values: [...place, at + placeMs, recordId, tenant],
  };
  return false;
}

/** As a condition on `request` (`o.`: under that name): it runs, or its attempt may still arrive, and so it has the record. */
export function occupiedSql(recordId: string, tenant: string, o = ""): string {
  return `${o}record_id = ${recordId} AND ${o}tenant = ${tenant} AND ${o}serialized AND ${o}state IN ('running', 'in_doubt')`;
}

/**
 * The same for whoever has the record as well: after a restore several can be in doubt on one. They do not wait for each
 * other's doubt, which none of them could end that way, but one at a time is sent.
 */
export function runningSql(recordId: string, tenant: string, o = ""): string {
  return `${o}record_id = ${recordId} AND ${o}tenant = ${tenant} AND ${o}serialized AND ${o}state = 'running'`;
}
