import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { listStatement, statements } from "../../src/stores/postgres/statements.ts";

// What PgBouncer in transaction mode, CockroachDB, YugabyteDB and Citus do not have, or not for every statement of a
// client: whatever belongs to a session. Each statement must stand alone, or in a transaction that connection.ts holds.

const FORBIDDEN: Readonly<Record<string, RegExp>> = {
  "advisory locks": /\bpg_(?:try_)?advisory\w*/i,
  "LISTEN and NOTIFY": /\b(?:UN)?LISTEN\b|\bNOTIFY\b|\bpg_notify\b/i,
  "SET beyond the transaction": /(?:^|;)\s*SET\s+(?!LOCAL\b)/i,
  "RESET and DISCARD": /(?:^|;)\s*(?:RESET|DISCARD)\b/i,
  "settings read or written by function": /\b(?:set_config|current_setting)\s*\(/i,
  "temporary tables": /\b(?:TEMP|TEMPORARY)\s+(?:TABLE|VIEW|SEQUENCE)\b|\bpg_temp\b/i,
  "statements prepared in SQL": /(?:^|;)\s*(?:PREPARE|EXECUTE|DEALLOCATE)\b/i,
  cursors: /\bDECLARE\b[\s\S]*\bCURSOR\b|\bWITH\s+HOLD\b/i,
  "transactions over several round trips": /(?:^|;)\s*(?:BEGIN|START\s+TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT)\b/i,
  "row locks that wait":
    /\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE)\b(?![\s\S]{0,40}\b(?:SKIP\s+LOCKED|NOWAIT)\b)|\bFOR\s+KEY\s+SHARE\b/i,
  "table locks": /(?:^|;)\s*LOCK\b/i,
  "what a session remembers": /\b(?:lastval|currval|pg_backend_pid|pg_my_temp_schema)\s*\(/i,
  "code and extensions in the database":
    /\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE|TRIGGER|RULE|EXTENSION)\b|(?:^|;)\s*DO\s+\$/i,
};

/** Where one of them is meant. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  // The one place that holds a connection for a transaction; a pooler in transaction mode keeps it together.
  "connection.ts": ["transactions over several round trips"],
  // Row-level security is PostgreSQL's own, and nobody's who does not ask for it; the owner sets it up once.
  "isolation.ts": ["code and extensions in the database"],
  "tenant-roles.ts": ["table locks"],
};

function forbiddenIn(sql: string): string[] {
  const bare = sql
    .replace(/--[^\n]*/g, "")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    // A policy says for which statements it is, and locks no row.
    .replace(/(CREATE\s+POLICY[^;]*?)\bFOR\s+(?:UPDATE|SELECT|INSERT|DELETE|ALL)\b/gi, "$1");
  return Object.entries(FORBIDDEN).flatMap(([what, pattern]) => (pattern.test(bare) ? [what] : []));
}

const store = new URL("../../src/stores/postgres/", import.meta.url);
const files = readdirSync(fileURLToPath(store), { recursive: true, encoding: "utf8" }).sort();

describe("PostgreSQL statements need no session", () => {
  const { one, many, due, history } = statements('"onceguard"');
  const list = listStatement('"onceguard"', ["r.tenant = $2"], "$3");
  it.each([
    ...Object.entries(one).map(([verb, sql]) => [`${verb}, one row`, sql]),
    ...Object.entries({ ...many, due, history, list }),
  ])("%s", (_verb, sql) => {
    expect(forbiddenIn(sql)).toEqual([]);
  });

  it.each(files.filter((file) => file.endsWith(".sql")))("%s", (file) => {
    const sql = readFileSync(new URL(file, store), "utf8");
    expect(sql).toMatch(/CREATE|ALTER|DROP|INSERT|UPDATE/);
    expect(forbiddenIn(sql)).toEqual([]);
  });

  // Whatever SQL is written elsewhere in the store: every string and template in its code.
  it.each(files.filter((file) => file.endsWith(".ts")))("%s", (file) => {
    const code = readFileSync(new URL(file, store), "utf8").replace(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, "");
    const texts = [...code.matchAll(/`((?:\\.|[^`\\])*)`|"((?:\\.|[^"\\\n])*)"/g)].map(
      (text) => text[1] ?? text[2] ?? "",
    );
    const found = texts.flatMap((text) => forbiddenIn(text).map((what) => ({ what, text })));
    expect(found.filter(({ what }) => !(ALLOWED[file] ?? []).includes(what))).toEqual([]);
  });

  it("is checked by a scan that knows them all", () => {
    const samples: Record<string, string[]> = {
      "advisory locks": ["SELECT pg_advisory_xact_lock(1)", "SELECT pg_try_advisory_lock(1)"],
      "LISTEN and NOTIFY": ["LISTEN receipts", "NOTIFY receipts", "SELECT pg_notify('a', 'b')"],
      "SET beyond the transaction": ["SET search_path TO x", "SELECT 1; SET SESSION statement_timeout = 1"],
      "RESET and DISCARD": ["RESET ALL", "DISCARD ALL"],
      "settings read or written by function": ["SELECT set_config('a', 'b', false)"],
      "temporary tables": ["CREATE TEMP TABLE t (n int)", "CREATE TEMPORARY TABLE t (n int)"],
      "statements prepared in SQL": ["PREPARE p AS SELECT 1", "SELECT 1; DEALLOCATE ALL"],
      cursors: ["DECLARE c CURSOR FOR SELECT 1"],
      "transactions over several round trips": ["BEGIN", "SELECT 1; COMMIT"],
      "row locks that wait": ["SELECT 1 FROM t FOR UPDATE", "SELECT 1 FROM t FOR SHARE OF t", "SELECT 1 FOR KEY SHARE"],
      "table locks": ["LOCK TABLE t"],
      "what a session remembers": ["SELECT lastval()", "SELECT pg_backend_pid()"],
      "code and extensions in the database": [
        "CREATE OR REPLACE FUNCTION f() ...",
        "DO $$ x $$",
        "CREATE EXTENSION citext",
      ],
    };
    expect(Object.keys(samples)).toEqual(Object.keys(FORBIDDEN));
    for (const [what, texts] of Object.entries(samples)) {
      for (const text of texts) expect(forbiddenIn(text), text).toContain(what);
    }
    for (const fine of [
      "UPDATE t SET state = $1 WHERE n = 2",
      "SET LOCAL search_path TO x; CREATE TABLE t (n int)",
      "SELECT 1 FROM t FOR UPDATE SKIP LOCKED",
      "SELECT 1 -- LISTEN, and FOR UPDATE",
      "INSERT INTO t VALUES (1) ON CONFLICT (n) DO UPDATE SET n = 2",
    ]) {
      expect(forbiddenIn(fine), fine).toEqual([]);
    }
  });
});
