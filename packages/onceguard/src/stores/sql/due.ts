import { occupiedSql, runningSql } from "./claim.ts";
import { haltedSql } from "./halts.ts";
import type { Dialect } from "./steps.ts";

/**
 * As a condition on `request r`: its next step is due, and the asker can take it. What nobody could move now (halted, or
 * another's turn) is left out: it would fill every answer and starve the rest.
 *
 * @param now the store's time, as SQL
 * @param known that `r.action` is one of the asker's, as SQL
 */
export function dueSql(dialect: Dialect, now: string, known: string): string {
  const halted = haltedSql(dialect.table("halt"), "r.tenant", "r.action", "r.run_id");
  const another = (has: typeof occupiedSql): string =>
    `EXISTS (SELECT 1 FROM ${dialect.table("request")} o WHERE ${has("r.record_id", "r.tenant", "o.")} AND o.request_id <> r.request_id)`;
  const due = `r.due_at <= ${now}`;
  return `(r.state = 'running' AND ${due})
   OR (r.state IN ('held', 'retry_wait') AND ${due} AND ${known} AND NOT ${halted} AND NOT (r.serialized AND ${another(occupiedSql)}))
   OR (r.state = 'in_doubt' AND ${due} AND (r.capability = 'none'
    OR (${known} AND NOT (r.capability = 'downstream_key' AND (${halted} OR (r.serialized AND ${another(runningSql)}))))))`;
}
