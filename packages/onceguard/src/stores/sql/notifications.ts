import type { Route } from "../../core/failure.ts";
import type { Notification } from "../../core/notification.ts";
import type { TakenNotification } from "../../core/ports.ts";
import type { Dialect, Query, Row, Steps } from "./steps.ts";

const COLUMNS = "id, kind, route, tenant, request_id, action, record_id, run_id, reason, at";

/** In the commit of what it tells. The same id again is the same news. */
export function* insertNotification(dialect: Dialect, told: Notification): Steps<void> {
  const { id, kind, route, tenant, requestId, action, recordId, runId, reason, at } = told;
  yield {
    text: `INSERT INTO ${dialect.table("notification")} (${COLUMNS}, due_at, deliveries)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING RETURNING 1`,
    values: [id, kind, route, tenant, requestId, action, recordId, runId, reason, at, at],
  };
}

/** Takes what is due for these routes: nobody else delivers it until the lease is over. */
export function takeNotificationsQuery(
  dialect: Dialect,
  query: { readonly routes: readonly Route[]; readonly limit: number; readonly leaseMs: number },
  now: number,
): Query {
  const table = dialect.table("notification");
  const routes = query.routes.map(() => "?").join(", ") || "NULL"; // PostgreSQL takes no empty list
  return {
    text: `UPDATE ${table} SET due_at = ?, deliveries = deliveries + 1 WHERE due_at <= ? AND id IN (
  SELECT id FROM ${table} WHERE due_at <= ? AND route IN (${routes}) ORDER BY due_at, at, id LIMIT ?
) RETURNING ${COLUMNS}, deliveries`,
    values: [now + query.leaseMs, now, now, ...query.routes, query.limit],
  };
}

export function settleNotificationQuery(dialect: Dialect, id: string, againInMs: number | null, now: number): Query {
  const table = dialect.table("notification");
  return againInMs === null
    ? { text: `DELETE FROM ${table} WHERE id = ? RETURNING 1`, values: [id] }
    : { text: `UPDATE ${table} SET due_at = ? WHERE id = ? RETURNING 1`, values: [now + againInMs, id] };
}

/** The oldest first: RETURNING knows no order. */
export function takenOf(rows: readonly Row[]): readonly TakenNotification[] {
  return rows.map(taken).sort(({ notification: a }, { notification: b }) => a.at - b.at || (a.id < b.id ? -1 : 1));
}

function taken(row: Row): TakenNotification {
  return {
    deliveries: Number(row.deliveries),
    notification: {
      id: String(row.id),
      kind: row.kind as Notification["kind"],
      route: row.route as Route,
      tenant: String(row.tenant),
      requestId: row.request_id as string | null,
      action: row.action as string | null,
      recordId: row.record_id as string | null,
      runId: row.run_id as string | null,
      reason: row.reason as string | null,
      at: Number(row.at),
    },
  };
}
