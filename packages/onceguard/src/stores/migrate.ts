import { readdirSync, readFileSync } from "node:fs";
import { OnceguardError } from "../core/errors.ts";

/** One numbered SQL file. A breaking one must not be run against by older code. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly breaking: boolean;
  readonly sql: string;
}

/** A migration as the database remembers it. */
export interface AppliedMigration {
  readonly number: number;
  readonly breaking: boolean;
}

/**
 * The migrations beside a store: `NNNN_name.sql`, oldest first. A file whose first line is `-- breaking` changes what
 * older code relies on.
 */
export function readMigrations(folder: URL): readonly Migration[] {
  return readdirSync(folder)
    .filter((file) => /^\d{4}_[\w-]+\.sql$/.test(file))
    .sort()
    .map((file) => {
      const sql = readFileSync(new URL(file, folder), "utf8");
      return {
        number: Number(file.slice(0, 4)),
        name: file.slice(5, -4),
        breaking: sql.startsWith("-- breaking"),
        sql,
      };
    });
}

/**
 * Which migrations are missing.
 *
 * @throws OnceguardError `schema_too_new` when the database has a breaking migration this code does not know.
 */
export function missingMigrations(
  known: readonly Migration[],
  applied: readonly AppliedMigration[],
  store: string,
): readonly Migration[] {
  const newest = known.at(-1)?.number ?? 0;
  const breaking = applied.find((one) => one.number > newest && one.breaking);
  if (breaking) {
    throw new OnceguardError(
      "schema_too_new",
      `The schema of ${store} is at version ${breaking.number}; this Onceguard knows up to ${newest}. Upgrade Onceguard here before it touches this store.`,
      { store, schemaVersion: breaking.number, knownVersion: newest },
    );
  }
  const done = new Set(applied.map((one) => one.number));
  return known.filter((one) => !done.has(one.number));
}
