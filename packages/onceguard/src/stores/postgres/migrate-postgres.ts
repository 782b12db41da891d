import { randomBytes } from "node:crypto";
import { type AppliedMigration, missingMigrations, readMigrations } from "../migrate.ts";
import type { Connection } from "./connection.ts";
import { isolateAgain } from "./isolate.ts";
import { sqlState } from "./postgres-errors.ts";

const MIGRATIONS = new URL("./migrations/", import.meta.url);

/** Another starter was faster at the same object: unique violation, duplicate schema, table, or object. */
const ALREADY_THERE: ReadonlySet<string> = new Set(["23505", "42P06", "42P07", "42710"]);

/** Undefined table, invalid schema name: nothing is installed yet. */
const NOT_THERE: ReadonlySet<string> = new Set(["42P01", "3F000"]);

const TRIES = 50;

/**
 * Brings the schema up to date. Each migration is one transaction that first inserts its own version row, so of twenty
 * starters one gets through and the others wait for it, without a lock that a pooler or another engine would not know.
 *
 * @returns the schema version.
 * @throws OnceguardError `schema_too_new`
 */
export async function migratePostgres(connection: Connection, schema: string, store: string): Promise<number> {
  const known = readMigrations(MIGRATIONS);
  let hasMigrated = false;
  for (let tries = 1; ; tries++) {
    const applied = await appliedMigrations(connection, schema);
    const [next] = missingMigrations(known, applied ?? [], store);
    if (applied !== null && next === undefined) {
      await ensureSecret(connection, schema);
      if (hasMigrated) await isolateAgain(connection, schema);
      return Math.max(0, ...applied.map((one) => one.number));
    }
    try {
      if (applied === null) {
        await connection.script(
          `CREATE SCHEMA IF NOT EXISTS ${schema};
           CREATE TABLE ${schema}.migration (number integer PRIMARY KEY, name text NOT NULL, breaking boolean NOT NULL)`,
        );
      } else if (next) {
        await connection.script(
          `INSERT INTO ${schema}.migration (number, name, breaking) VALUES (${next.number}, '${next.name}', ${next.breaking});
           SET LOCAL search_path TO ${schema};
           ${next.sql}`,
        );
        hasMigrated = true;
      }
    } catch (error) {
      if (!ALREADY_THERE.has(sqlState(error) ?? "") || tries >= TRIES) throw error;
    }
  }
}

async function appliedMigrations(connection: Connection, schema: string): Promise<AppliedMigration[] | null> {
  try {
    return await connection.query<AppliedMigration>(
      `SELECT number, breaking FROM ${schema}.migration ORDER BY number`,
      [],
    );
  } catch (error) {
    if (NOT_THERE.has(sqlState(error) ?? "")) return null;
    throw error;
  }
}

async function ensureSecret(connection: Connection, schema: string): Promise<void> {
  const known = await connection.query(`SELECT 1 FROM ${schema}.secret`, []);
  if (known.length > 0) return;
  await connection.query(`INSERT INTO ${schema}.secret (only_one, secret) VALUES (true, $1) ON CONFLICT DO NOTHING`, [
    randomBytes(32).toString("hex"),
  ]);
}
