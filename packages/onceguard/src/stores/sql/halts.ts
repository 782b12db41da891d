import type { Halt, HaltOrder, HaltScope, HaltSubject } from "../../core/halt.ts";
import { haltLine } from "../../core/log-line.ts";
import { notificationId } from "../../core/notification.ts";
import type { HaltQuery } from "../../core/ports.ts";
import { appendLog } from "./log.ts";
import { insertNotification } from "./notifications.ts";
import type { Dialect, Query, Row, SqlValue, Steps } from "./steps.ts";

const COLUMNS = "tenant, scope, id, reason, actor, halted_at, resumed_at, resumed_by, resume_reason";

/**
 * As a condition: a halt is in force against this caller. The columns may be expressions of the statement around it.
 * Three look-ups by the unique index instead of one scan with OR: it is asked with every claim.
 */
export function haltedSql(table: string, tenant: string, action: string, runId: string): string {
  const inForce = (scope: HaltScope, id: string): string =>
    `EXISTS (SELECT 1 FROM ${table} h WHERE h.tenant = ${tenant} AND h.scope = '${scope}' AND h.id = ${id} AND h.resumed_at IS NULL)`;
  return `(${inForce("tenant", tenant)} OR ${inForce("action", action)} OR ${inForce("run", runId)})`;
}

/** The halt that stops this caller; a tenant's before a run's before an action's. */
export function haltForQuery(dialect: Dialect, { tenant, action, runId }: HaltSubject): Query {
  return {
    text: `SELECT ${COLUMNS} FROM ${dialect.table("halt")} WHERE tenant = ? AND resumed_at IS NULL
  AND ((scope = 'tenant' AND id = ?) OR (scope = 'action' AND id = ?) OR (scope = 'run' AND id = ?))
ORDER BY scope DESC LIMIT 1`,
    values: [tenant, tenant, action, runId],
  };
}

/** Records a halt, unless there is one already; and that people have to be told. */
export function* insertHalt(dialect: Dialect, order: HaltOrder, now: number): Steps<Halt> {
  const table = dialect.table("halt");
  const { tenant, scope, id, reason, actor } = order;
  const inserted = yield {
    text: `INSERT INTO ${table} (tenant, scope, id, reason, actor, halted_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    values: [tenant, scope, id, reason, actor, now],
  };
  if (inserted[0]) {
    yield* appendLog(dialect, haltLine(order, "halted"), now);
    yield* insertNotification(dialect, {
      id: notificationId("halted", tenant, scope, id, now),
      kind: "halted",
      route: reason === "security" ? "security" : "operator",
      tenant,
      requestId: null,
      action: scope === "action" ? id : null,
      recordId: null,
      runId: scope === "run" ? id : null,
      reason,
      at: now,
    });
    return haltOf(inserted[0]);
  }
  const [known] = yield {
    text: `SELECT ${COLUMNS} FROM ${table} WHERE tenant = ? AND scope = ? AND id = ? AND resumed_at IS NULL`,
    values: [tenant, scope, id],
  };
  if (known) return haltOf(known);
  return { ...order, haltedAt: now, resumedAt: null, resumedBy: null, resumeReason: null };
}

/** Null when nothing of the kind is halted. */
export function* resume(
  dialect: Dialect,
  halt: Pick<HaltOrder, "tenant" | "scope" | "id">,
  by: { readonly actor: string; readonly reason: string },
  now: number,
): Steps<Halt | null> {
  const [row] = yield {
    text: `UPDATE ${dialect.table("halt")} SET resumed_at = ?, resumed_by = ?, resume_reason = ?
WHERE tenant = ? AND scope = ? AND id = ? AND resumed_at IS NULL RETURNING ${COLUMNS}`,
    values: [now, by.actor, by.reason, halt.tenant, halt.scope, halt.id],
  };
  if (!row) return null;
  yield* appendLog(dialect, haltLine({ ...halt, ...by }, "resumed"), now);
  return haltOf(row);
}

export function listHaltsQuery(dialect: Dialect, query: HaltQuery): Query {
  const where: string[] = [];
  const values: SqlValue[] = [];
  if (query.tenant !== undefined) {
    where.push("tenant = ?");
    values.push(query.tenant);
  }
  if (query.inForce) where.push("resumed_at IS NULL");
  const condition = where.length > 0 ? `WHERE ${where.join(" AND ")}` : "";
  return {
    text: `SELECT ${COLUMNS} FROM ${dialect.table("halt")} ${condition} ORDER BY halted_at DESC, scope, id LIMIT ?`,
    values: [...values, query.limit],
  };
}

export function haltOf(row: Row): Halt {
  return {
    tenant: String(row.tenant),
    scope: row.scope as HaltScope,
    id: String(row.id),
    reason: String(row.reason),
    actor: row.actor as string | null,
    haltedAt: Number(row.halted_at),
    resumedAt: row.resumed_at === null ? null : Number(row.resumed_at),
    resumedBy: row.resumed_by as string | null,
    resumeReason: row.resume_reason as string | null,
  };
}
