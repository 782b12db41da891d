import { type Epoch, type EpochOrder, isAskedAgain } from "../../core/epoch.ts";
import type { Dialect, Query, Row, Steps } from "./steps.ts";

const COLUMNS = "number, backup_at, restored_at, until_at, actor, reason";

/** As a condition: an epoch is in force. */
export function epochSql(table: string, now: string): string {
  return `EXISTS (SELECT 1 FROM ${table} e WHERE e.ended_at IS NULL AND (e.until_at IS NULL OR e.until_at > ${now}))`;
}

export function epochQuery(dialect: Dialect, now: number): Query {
  return {
    text: `SELECT ${COLUMNS} FROM ${dialect.table("epoch")} WHERE ended_at IS NULL AND (until_at IS NULL OR until_at > ?)
ORDER BY number DESC LIMIT 1`,
    values: [now],
  };
}

/**
 * Begins an epoch, unless it is the one in force that is asked for again. The record of an epoch is in the store: a backup
 * from before it was restored would not have it, so only one from after that is another restore. What is in question
 * since the older backup stays so.
 */
export function* startEpoch(dialect: Dialect, order: EpochOrder, now: number): Steps<Epoch> {
  const table = dialect.table("epoch");
  const [known] = yield epochQuery(dialect, now);
  const inForce = known && epochOf(known);
  if (inForce && isAskedAgain(inForce, order)) return inForce;
  const backupAt = inForce ? Math.min(inForce.backupAt, order.backupAt) : order.backupAt;
  if (known) {
    yield {
      text: `UPDATE ${table} SET ended_at = ?, ended_by = ?, end_reason = ? WHERE ended_at IS NULL RETURNING 1`,
      values: [now, order.actor, "another restore"],
    };
  }
  const [row] = yield {
    text: `INSERT INTO ${table} (${COLUMNS})
SELECT COALESCE(MAX(number), 0) + 1, ?, ?, ?, ?, ? FROM ${table} RETURNING ${COLUMNS}`,
    values: [backupAt, now, order.lastsMs === null ? null : now + order.lastsMs, order.actor, order.reason],
  };
  return epochOf(row as Row);
}

export function endEpochQuery(
  dialect: Dialect,
  by: { readonly actor: string; readonly reason: string },
  now: number,
): Query {
  return {
    text: `UPDATE ${dialect.table("epoch")} SET ended_at = ?, ended_by = ?, end_reason = ?
WHERE ended_at IS NULL AND (until_at IS NULL OR until_at > ?) RETURNING ${COLUMNS}`,
    values: [now, by.actor, by.reason, now],
  };
}

export function epochOf(row: Row): Epoch {
  return {
    number: Number(row.number),
    backupAt: Number(row.backup_at),
    restoredAt: Number(row.restored_at),
    until: row.until_at === null ? null : Number(row.until_at),
    actor: String(row.actor),
    reason: String(row.reason),
  };
}
