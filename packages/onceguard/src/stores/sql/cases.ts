import type { FinalityCase, FinalityPolicy } from "../../core/finality.ts";
import { WAITS_FOR_CASE } from "../../core/hold.ts";
import type { StoredCase } from "../../core/ports.ts";
import type { Dialect, Query, Row, Steps } from "./steps.ts";

export function findCaseQuery(dialect: Dialect, tenant: string, id: string): Query {
  return {
    text: `SELECT tenant, value, policy, version FROM ${dialect.table("finality_case")} WHERE tenant = ? AND id = ?`,
    values: [tenant, id],
  };
}

/** Compare-and-set; wakes the requests that are held for nothing but this case. */
export function* saveCase(dialect: Dialect, stored: StoredCase, now: number): Steps<StoredCase | null> {
  const table = dialect.table("finality_case");
  const { tenant, version, case: value, policy } = stored;
  const written = [JSON.stringify(value), JSON.stringify(policy), version + 1, now] as const;
  const changed =
    version === 0
      ? yield {
          text: `INSERT INTO ${table} (value, policy, version, updated_at, tenant, id) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING RETURNING 1`,
          values: [...written, tenant, value.id],
        }
      : yield {
          text: `UPDATE ${table} SET value = ?, policy = ?, version = ?, updated_at = ?
WHERE tenant = ? AND id = ? AND version = ? RETURNING 1`,
          values: [...written, tenant, value.id, version],
        };
  if (changed.length === 0) return null;
  yield {
    text: `UPDATE ${dialect.table("request")} SET due_at = ? WHERE case_id = ? AND tenant = ? AND state = 'held' AND reason = ? RETURNING 1`,
    values: [now, value.id, tenant, WAITS_FOR_CASE],
  };
  return { ...stored, version: version + 1 };
}

export function storedCaseOf(row: Row): StoredCase {
  return {
    tenant: String(row.tenant),
    case: JSON.parse(String(row.value)) as FinalityCase,
    policy: JSON.parse(String(row.policy)) as FinalityPolicy,
    version: Number(row.version),
  };
}
