import { grantClaim } from "../../core/claim.ts";
import { advance, KEEP_DUE, type Transition } from "../../core/lifecycle.ts";
import { transitionLine } from "../../core/log-line.ts";
import { notificationId } from "../../core/notification.ts";
import type { ApplyAnswer } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { type ReceiptRow, receiptOf, resultColumns } from "../receipt-row.ts";
import { findQuery, occupiedSql, runningSql } from "./claim.ts";
import { haltedSql, haltForQuery, haltOf, insertHalt } from "./halts.ts";
import { appendLog, forgetStatesQuery } from "./log.ts";
import { insertNotification } from "./notifications.ts";
import { type Dialect, now, type Query, type SqlValue, type Steps } from "./steps.ts";

/** A transition as one transaction: the record, its line in the log, and what the transition brings with it. */
export function* apply(dialect: Dialect, transition: Transition): Steps<ApplyAnswer> {
  const { from, ownerToken, sends } = transition;
  if (sends && from.serialized) for (const query of dialect.lock([`turn:${from.tenant}:${from.recordId}`])) yield query;
  const at = yield* now(dialect);
  const changed = yield updateQuery(dialect, transition, at);
  if (changed[0]) {
    const dueAt = changed[0].due_at;
    const receipt = { ...advance(transition, at), dueAt: dueAt === null ? null : Number(dueAt) };
    yield* alsoWritten(dialect, transition, receipt, at);
    return applied(receipt, transition);
  }
  const [row] = yield findQuery(dialect, from.tenant, from.requestId);
  if (!row) return { kind: "stale", receipt: null };
  const receipt = receiptOf(row as unknown as ReceiptRow, at);
  if (receipt.version === from.version + 1 && row.owner_token === ownerToken) return applied(receipt, transition);
  const isAsItWas =
    receipt.version === from.version && receipt.state === from.state && receipt.fencingToken === from.fencingToken;
  if (!isAsItWas || !sends || (transition.notAfter !== null && transition.notAfter < at))
    return { kind: "stale", receipt };
  const [halt] = yield haltForQuery(dialect, from);
  return halt ? { kind: "halted", receipt, halt: haltOf(halt) } : { kind: "busy", receipt };
}

/** What the writer of a transition is told, also when it asks again. A dispatch mark carries its claim on. */
export function applied(receipt: Receipt, { sends, ownerToken }: Transition): ApplyAnswer {
  const claimed = sends && receipt.state === "running";
  return { kind: "applied", receipt, claim: claimed ? grantClaim(receipt, ownerToken) : null };
}

/** The log, the halt, and the news for people: in the same commit as the record. */
export function* alsoWritten(dialect: Dialect, transition: Transition, receipt: Receipt, at: number): Steps<void> {
  const { halts, tells } = transition;
  if (transition.event === "expire") yield forgetStatesQuery(dialect, receipt);
  yield* appendLog(dialect, transitionLine(transition, receipt), at);
  if (halts) yield* insertHalt(dialect, halts, at);
  if (!tells) return;
  const { tenant, requestId, action, recordId, runId, version } = receipt;
  const id = notificationId(tells.kind, tenant, requestId, version);
  yield* insertNotification(dialect, { id, tenant, requestId, action, recordId, runId, ...tells, at });
}

/** Compare-and-set: by state, version and fencing token, and by the store's clock. */
export function updateQuery(dialect: Dialect, transition: Transition, at: number): Query {
  const { from, next, sends, notAfter } = transition;
  const after = advance(transition, at);
  const { json, omitted } = resultColumns(after.result);
  const request = dialect.table("request");
  const set: Record<string, SqlValue> = {
    state: after.state,
    conflict: after.conflict,
    may_have_applied: after.mayHaveApplied,
    fencing_token: after.fencingToken,
    generation: after.generation,
    attempt_number: after.attemptNumber,
    owner_token: transition.ownerToken,
    result: json,
    result_omitted: omitted,
    failure: after.failure && JSON.stringify(after.failure),
    evidence: after.evidence,
    reason: after.reason,
    route: after.route,
    hold: after.hold && JSON.stringify(after.hold),
    dispatched: after.dispatched,
    payload: after.payload,
    updated_at: after.updatedAt,
    generation_at: after.generationAt,
    attempt_ended_at: after.attemptEndedAt,
  };
  const assignments = Object.keys(set).map((column) => `${column} = ?`);
  const values: SqlValue[] = Object.values(set);
  if (next.dueInMs !== KEEP_DUE) {
    assignments.push("due_at = ?");
    values.push(after.dueAt);
  }
  const where = ["request_id = ?", "tenant = ?", "version = ?", "state = ?", "fencing_token = ?"];
  values.push(from.requestId, from.tenant, from.version, from.state, from.fencingToken);
  if (transition.requiresLapse) {
    where.push("due_at <= ?");
    values.push(at);
  }
  if (notAfter !== null && notAfter < at) where.push("1 = 0");
  if (sends) {
    where.push(`NOT ${haltedSql(dialect.table("halt"), "?", "?", "?")}`);
    values.push(from.tenant, from.tenant, from.tenant, from.action, from.tenant, from.runId);
  }
  if (sends && from.serialized) {
    const hasIt = from.state === "running" || from.state === "in_doubt";
    const others = (hasIt ? runningSql : occupiedSql)("?", "?");
    where.push(`NOT EXISTS (SELECT 1 FROM ${request} WHERE ${others} AND request_id <> ?)`);
    values.push(from.recordId, from.tenant, from.requestId);
  }
  return {
    text: `UPDATE ${request} SET ${assignments.join(", ")}, version = version + 1 WHERE ${where.join(" AND ")} RETURNING due_at`,
    values,
  };
}
