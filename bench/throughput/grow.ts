import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import type { BenchServer } from "./bench-server.ts";
import { progress } from "./settings.ts";

/** Of the receipt that all others are copies of: really executed, by the guard. */
export const TEMPLATE = "template";

const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

/** The request id of the n-th grown receipt: as long, and as far from its neighbours, as the ids that the guard derives. */
export function grownId(n: number): string {
  return md5(`a${n}`) + md5(`b${n}`);
}

const GROWN_ID = "md5('a' || n.n) || md5('b' || n.n)";
const STEP = 100_000;

/** As many receipts more, each with its two lines in the log: copies of the template under other ids, in random order of keys. */
export async function growPostgres({ query, set }: BenchServer, schema: string, receipts: number): Promise<void> {
  // Only for the loading, which nobody wants back after a crash.
  await set("full_page_writes", "off");
  await set("max_wal_size", "8GB");
  const request = await copied(query, schema, "request", { request_id: GROWN_ID, owner_token: "md5('c' || n.n)" });
  const log = await copied(query, schema, "log", { request_id: GROWN_ID });
  for (let from = 1; from <= receipts; from += STEP) {
    const to = Math.min(receipts, from + STEP - 1);
    for (const copy of [request, log]) await query(copy, [from, to, TEMPLATE]);
    progress(`  ${to} receipts on PostgreSQL`);
  }
  await query(`VACUUM ANALYZE ${schema}.request`);
  await query(`VACUUM ANALYZE ${schema}.log`);
  await set("max_wal_size", "1GB");
  await set("full_page_writes", "on");
}

async function copied(
  query: BenchServer["query"],
  schema: string,
  table: string,
  changed: Readonly<Record<string, string>>,
): Promise<string> {
  const columns = await query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
WHERE table_schema = $1 AND table_name = $2 AND is_identity = 'NO' ORDER BY ordinal_position`,
    [schema, table],
  );
  const names = columns.map(({ name }) => name);
  return `INSERT INTO ${schema}.${table} (${names.join(", ")})
SELECT ${names.map((name) => changed[name] ?? `t.${name}`).join(", ")}
FROM generate_series($1::bigint, $2::bigint) AS n (n), ${schema}.${table} t WHERE t.request_id = $3`;
}

/** The same in SQLite, where the lines of the log carry the row id of their request. Nothing else may have the file open. */
export function growSqlite(path: string, receipts: number): void {
  const db = new DatabaseSync(path);
  // Only for the loading: the file is whole again before anything is measured.
  db.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA wal_autocheckpoint = 100000");
  db.function("md5", { deterministic: true }, (text) => md5(String(text)));
  const base = Number(db.prepare("SELECT max(id) AS id FROM onceguard_request").get()?.id);
  const id = `${base} + n.n`;
  const copies = [
    copiedSqlite(db, "onceguard_request", { id, request_id: GROWN_ID, owner_token: "md5('c' || n.n)" }),
    copiedSqlite(db, "onceguard_log", { seq: null, request: id, request_id: GROWN_ID }),
  ];
  for (let from = 1; from <= receipts; from += STEP) {
    const to = Math.min(receipts, from + STEP - 1);
    db.exec("BEGIN");
    for (const copy of copies) copy.run(from, to, TEMPLATE);
    db.exec("COMMIT");
    progress(`  ${to} receipts on SQLite`);
  }
  db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
}

function copiedSqlite(db: DatabaseSync, table: string, changed: Readonly<Record<string, string | null>>) {
  const names = db
    .prepare(`SELECT name FROM pragma_table_info('${table}')`)
    .all()
    .map(({ name }) => String(name))
    .filter((name) => changed[name] !== null);
  return db.prepare(`INSERT INTO ${table} (${names.join(", ")})
WITH RECURSIVE n (n) AS (VALUES (CAST(? AS INTEGER)) UNION ALL SELECT n + 1 FROM n WHERE n < ?)
SELECT ${names.map((name) => changed[name] ?? `t.${name}`).join(", ")} FROM n, ${table} t WHERE t.request_id = ?`);
}
