import { LOG_COLUMNS } from "../log-row.ts";
import { RECEIPT_COLUMNS } from "../receipt-row.ts";
import { dueSql } from "../sql/due.ts";
import { epochSql } from "../sql/epochs.ts";
import { haltedSql } from "../sql/halts.ts";
import type { Dialect, Query } from "../sql/steps.ts";

/**
 * The statements that write or read rows, each one round trip and one commit for any number of them. None needs a
 * session, a lock beyond its rows, or a notification, so that PgBouncer in transaction mode and databases that speak
 * PostgreSQL's protocol can serve them.
 */
export interface RowStatements {
  readonly claim: string;
  readonly apply: string;
  readonly renew: string;
  readonly find: string;
  readonly standing: string;
  readonly append: string;
}

export interface Statements {
  /** For a lone row, which need not pay for arrays. */
  readonly one: RowStatements;
  readonly many: RowStatements;
  readonly due: string;
  readonly history: string;
}

/** $1 in every statement: the test clock, or null for the database's. */
const NOW = "COALESCE($1::bigint, (EXTRACT(EPOCH FROM now()) * 1000)::bigint)";

/** A table of parameters: `name type` per column. */
type Columns = readonly (readonly [name: string, type: string])[];

/**
 * The rows of a statement, as a table `i`. One row is plain parameters; several are one array per column, $2 of them.
 *
 * The limit is there for the planner, which guesses a tenth of the rows for one it cannot see: always about one row.
 * Without it, it sees how short the arrays are, finds a plan made for just these values cheaper, and plans anew every
 * time (six times the cost of running the statement); or it keeps a plan that scans the whole table, made when the table
 * was small.
 */
function rows(columns: Columns, many: boolean): string {
  const names = columns.map(([name]) => name).join(", ");
  if (!many) return `(SELECT ${columns.map(([, type], n) => `$${n + 2}::${type}`).join(", ")}) AS i (${names})`;
  const arrays = columns.map(([, type], n) => `$${n + 3}::${type}[]`).join(", ");
  return `(SELECT * FROM unnest(${arrays}) AS rows (${names}) LIMIT (SELECT $2::bigint)) AS i`;
}

/** `a b: text` reads as two columns of that type. */
function columns(...groups: readonly string[]): Columns {
  return groups.flatMap((group) => {
    const [names = "", type = ""] = group.split(": ");
    return names.split(" ").map((name) => [name, type] as const);
  });
}

const COLUMNS = RECEIPT_COLUMNS.map((column) => `r.${column}`).join(", ");

const LOG_NUMBERS: ReadonlySet<string> = new Set(["version", "fencing_token", "attempt_number"]);

const CLAIM = columns(
  "tenant request_id explicit_id action record_id risk_tier capability key_source fingerprint: text",
  "payload run_id actor host_scope host_call_id trace_id owner_token: text",
  "lease_ms: bigint",
  "amount: double precision",
  "tracked: boolean",
);

const APPLY = columns(
  "tenant request_id: text",
  "from_version: bigint",
  "from_state: text",
  "from_fence: bigint",
  "requires_lapse: boolean",
  "state: text",
  "conflict may_have_applied: boolean",
  "fencing_token generation attempt_number: bigint",
  "owner_token result result_omitted failure evidence reason route hold: text",
  "dispatched: boolean",
  "not_after: bigint",
  "keeps_due: boolean",
  "due_in_ms: bigint",
  "starts_generation ends_attempt: boolean",
  "event log_actor run_id host_scope host_call_id trace_id cause state_before state_after detail: text",
  "n: integer",
);

const RENEW = columns("tenant request_id: text", "fencing_token lease_ms: bigint");

const FIND = columns("tenant id: text", "n: integer");

const STANDING = columns("tenant id explicit_id action run_id: text", "n: integer");

const APPEND: Columns = LOG_COLUMNS.map((name) => [name, LOG_NUMBERS.has(name) ? "bigint" : "text"]);

const LOG = LOG_COLUMNS.join(", ");

/** @param schema a quoted identifier. @param clock for tests: the time instead of the database's, in ms. */
export function dialectOf(schema: string, clock: () => number | null = () => null): Dialect {
  return {
    table: (name) => `${schema}.${name}`,
    linksLog: false,
    // Not now(), which is when the transaction began: it may have waited for a lock since.
    clock: () => ({
      text: `SELECT COALESCE(?, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint) AS now`,
      values: [clock()],
    }),
    lock: (names) =>
      [...new Set(names.map(lockOf))].sort().map((name) => ({
        text: `INSERT INTO ${schema}.gate (name, touched_at) VALUES (?, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint)
ON CONFLICT (name) DO UPDATE SET touched_at = excluded.touched_at RETURNING 1`,
        values: [name],
      })),
  };
}

/** One of so many locks, and not one per record there ever was; that two names share one costs a wait. */
const LOCKS = 1_024;

function lockOf(name: string): string {
  let hash = 0x811c9dc5;
  for (let n = 0; n < name.length; n++) hash = Math.imul(hash ^ name.charCodeAt(n), 0x01000193) >>> 0;
  return `gate ${hash % LOCKS}`;
}

/**
 * A query with PostgreSQL's parameters. Each is cast where it stands, and null is written out: not every library that
 * a transaction may come from asks the server for the types.
 */
export function bound({ text, values }: Query): { readonly text: string; readonly values: unknown[] } {
  const rest = [...values];
  const given: unknown[] = [];
  const numbered = text.replaceAll("?", () => {
    const value = rest.shift() ?? null;
    if (value === null) return "NULL";
    const type =
      typeof value === "string"
        ? "text"
        : typeof value === "boolean"
          ? "boolean"
          : Number.isInteger(value)
            ? "bigint"
            : "double precision";
    return `$${given.push(value)}::${type}`;
  });
  return { text: numbered, values: given };
}

/** @param schema a quoted identifier. */
export function statements(schema: string): Statements {
  return {
    one: rowStatements(schema, false),
    many: rowStatements(schema, true),
    due: `
SELECT ${NOW} AS now, ${COLUMNS} FROM ${schema}.request r
WHERE ${dueSql(dialectOf(schema), NOW, "r.action = ANY ($2::text[])")}
ORDER BY r.due_at LIMIT $3`,
    history: `SELECT * FROM ${schema}.log WHERE tenant = $1 AND request_id = $2 ORDER BY seq`,
  };
}

function rowStatements(schema: string, many: boolean): RowStatements {
  return {
    // Rows arrive sorted by key, so that two batches never wait for each other crosswise.
    claim: `
WITH input AS (
  SELECT *, ${NOW} AS now FROM ${rows(CLAIM, many)}
), claimed AS (
  INSERT INTO ${schema}.request (tenant, request_id, explicit_id, action, record_id, risk_tier, capability, key_source,
    fingerprint, payload, run_id, actor, host_scope, host_call_id, trace_id, state, conflict, may_have_applied, fencing_token, generation, attempt_number,
    version, owner_token, created_at, updated_at, generation_at, due_at, amount, serialized, dispatched)
  SELECT tenant, request_id, explicit_id, action, record_id, risk_tier, capability, key_source,
    fingerprint, payload, run_id, actor, host_scope, host_call_id, trace_id, 'running', false, false, 1, 1, 1, 1, owner_token, now, now, now, now + lease_ms,
    amount, false, CASE WHEN tracked THEN false END
  FROM input i
  WHERE NOT ${haltedSql(`${schema}.halt`, "i.tenant", "i.action", "i.run_id")} AND NOT ${epochSql(`${schema}.epoch`, "i.now")}
  ON CONFLICT DO NOTHING
  RETURNING tenant, request_id, action, record_id, run_id, actor, host_scope, host_call_id, trace_id, owner_token, created_at
), logged AS (
  INSERT INTO ${schema}.log (${LOG}, at)
  SELECT tenant, request_id, 'claim', action, record_id, run_id, actor, host_scope, host_call_id, trace_id, 'first',
    'running', 1, 1, 1, NULL, NULL, NULL, created_at FROM claimed
)
SELECT request_id, owner_token, created_at AS now FROM claimed`,

    apply: `
WITH input AS (
  SELECT *, ${NOW} AS now FROM ${rows(APPLY, many)}
), applied AS (
  UPDATE ${schema}.request r SET
    state = i.state, conflict = i.conflict, may_have_applied = i.may_have_applied, fencing_token = i.fencing_token,
    generation = i.generation, attempt_number = i.attempt_number, version = r.version + 1,
    owner_token = i.owner_token, result = i.result, result_omitted = i.result_omitted, failure = i.failure,
    evidence = i.evidence, reason = i.reason, route = i.route, hold = i.hold, dispatched = i.dispatched,
    payload = CASE WHEN i.state = 'expired' THEN NULL ELSE r.payload END,
    updated_at = i.now,
    generation_at = CASE WHEN i.starts_generation THEN i.now ELSE r.generation_at END,
    attempt_ended_at = CASE WHEN i.ends_attempt THEN i.now ELSE r.attempt_ended_at END,
    due_at = CASE WHEN i.keeps_due THEN r.due_at ELSE i.now + i.due_in_ms END
  FROM input i
  WHERE r.request_id = i.request_id AND r.tenant = i.tenant AND r.version = i.from_version AND r.state = i.from_state
    AND r.fencing_token = i.from_fence AND (NOT i.requires_lapse OR r.due_at <= i.now)
    AND (i.not_after IS NULL OR i.now <= i.not_after)
  RETURNING i.n, i.now, r.tenant, r.request_id, i.event, r.action, r.record_id, i.run_id, i.log_actor, i.host_scope,
    i.host_call_id, i.trace_id, i.cause, r.state, r.version, r.fencing_token, r.attempt_number, i.state_before,
    i.state_after, i.detail, r.due_at
), logged AS (
  INSERT INTO ${schema}.log (${LOG}, at)
  SELECT tenant, request_id, event, action, record_id, run_id, log_actor, host_scope, host_call_id, trace_id, cause,
    state, version, fencing_token, attempt_number, state_before, state_after, detail, now FROM applied
)
SELECT n, now, due_at FROM applied`,

    renew: `
WITH input AS (
  SELECT *, ${NOW} AS now FROM ${rows(RENEW, many)}
)
UPDATE ${schema}.request r SET due_at = i.now + i.lease_ms
FROM input i
WHERE r.request_id = i.request_id AND r.tenant = i.tenant AND r.fencing_token = i.fencing_token AND r.state = 'running'
RETURNING r.tenant, r.request_id, r.fencing_token`,

    // Two index look-ups per key; the second, partial one is empty unless callers name ids beside business keys.
    find: `
SELECT i.n, ${NOW} AS now, ${COLUMNS}
FROM ${rows(FIND, many)}
CROSS JOIN LATERAL (
  SELECT * FROM ${schema}.request r WHERE r.request_id = i.id AND r.tenant = i.tenant
  UNION ALL
  SELECT * FROM ${schema}.request r WHERE r.explicit_id = i.id AND r.tenant = i.tenant
  LIMIT 1
) AS r`,

    // What a claim would conflict with, and the halt that is in force against it.
    standing: `
SELECT i.n, ${NOW} AS now, (SELECT row_to_json(h) FROM ${schema}.halt h WHERE h.tenant = i.tenant AND h.resumed_at IS NULL
    AND ((h.scope = 'tenant' AND h.id = i.tenant) OR (h.scope = 'action' AND h.id = i.action) OR (h.scope = 'run' AND h.id = i.run_id))
    ORDER BY h.scope DESC LIMIT 1) AS halt, ${COLUMNS}
FROM ${rows(STANDING, many)}
CROSS JOIN LATERAL (
  SELECT * FROM ${schema}.request r WHERE r.request_id = i.id AND r.tenant = i.tenant
  UNION ALL
  SELECT * FROM ${schema}.request r WHERE r.explicit_id = i.explicit_id AND r.tenant = i.tenant
  LIMIT 1
) AS r`,

    append: `
INSERT INTO ${schema}.log (${LOG}, at)
SELECT ${LOG}, ${NOW}
FROM ${rows(APPEND, many)}`,
  };
}

/** What `list` selects; its conditions depend on the query. */
export function listStatement(
  schema: string,
  where: readonly string[],
  limit: string,
  order: "newest" | "longest_due" = "newest",
): string {
  const condition = where.length > 0 ? `WHERE ${where.join(" AND ")}` : "";
  return `SELECT ${NOW} AS now, ${COLUMNS} FROM ${schema}.request r ${condition}
ORDER BY ${order === "longest_due" ? "r.due_at NULLS LAST, r.created_at, r.request_id, r.tenant" : "r.created_at DESC, r.request_id DESC, r.tenant DESC"} LIMIT ${limit}`;
}
