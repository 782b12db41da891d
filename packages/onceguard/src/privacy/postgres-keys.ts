import type { DataKey, KeyRing } from "../core/key-ring.ts";
import { MasterKey, type WrappedKey } from "./master-key.ts";

/** A pool of `pg`, by its shape. */
export interface KeyPool {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** Options of `postgresKeys`. */
export interface PostgresKeysOptions {
  /** Of another database than the store's, or one whose backups are kept no longer than an erasure may take. */
  readonly pool: KeyPool;
  /** Default `onceguard_keys`. */
  readonly schema?: string;
  /** 32 bytes, as hex or base64: `openssl rand -hex 32`. */
  readonly masterKey: string | Uint8Array;
}

/**
 * Keys in a PostgreSQL table, under the master key, for processes on several machines.
 *
 * @throws OnceguardError `invalid_option`
 */
export function postgresKeys({ pool, schema = "onceguard_keys", masterKey }: PostgresKeysOptions): KeyRing {
  const master = new MasterKey(masterKey);
  const quoted = `"${schema.replaceAll('"', '""')}"`;
  const table = `${quoted}.data_key`;
  let made: Promise<unknown> | null = null;

  /** Two that start at once may both try: the one that loses finds it there. */
  async function ready(): Promise<void> {
    made ??= exists().then(async (there) => {
      if (there) return;
      await pool.query(`CREATE SCHEMA IF NOT EXISTS ${quoted}`).catch(unlessThere);
      await pool
        .query(
          `CREATE TABLE IF NOT EXISTS ${table} (
             tenant text NOT NULL, name text NOT NULL, id text NOT NULL, wrapped text NOT NULL,
             PRIMARY KEY (tenant, name), UNIQUE (tenant, id))`,
        )
        .catch(unlessThere);
    });
    await made.catch((error: unknown) => {
      made = null;
      throw error;
    });
  }

  async function exists(): Promise<boolean> {
    const { rows } = await pool.query("SELECT to_regclass($1) IS NOT NULL AS there", [table]);
    return (rows[0] as { there: boolean }).there;
  }

  async function named(tenant: string, subject: string | null): Promise<DataKey | null> {
    const values = [tenant, master.nameOf(tenant, subject)];
    const { rows } = await pool.query(`SELECT id, wrapped FROM ${table} WHERE tenant = $1 AND name = $2`, values);
    return rows[0] === undefined ? null : master.unwrap(tenant, rows[0] as WrappedKey);
  }

  return {
    current: async (tenant, subject) => {
      await ready();
      for (;;) {
        const known = await named(tenant, subject);
        if (known !== null) return known;
        const { key, kept } = master.make(tenant);
        const { rows } = await pool.query(
          `INSERT INTO ${table} (tenant, name, id, wrapped) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING id`,
          [tenant, master.nameOf(tenant, subject), kept.id, kept.wrapped],
        );
        if (rows.length > 0) return key;
      }
    },
    find: async (tenant, id) => {
      await ready();
      const { rows } = await pool.query(`SELECT id, wrapped FROM ${table} WHERE tenant = $1 AND id = $2`, [tenant, id]);
      return rows[0] === undefined ? null : master.unwrap(tenant, rows[0] as WrappedKey);
    },
    idOf: async (tenant, subject) => {
      await ready();
      return (await named(tenant, subject))?.id ?? null;
    },
    destroy: async (tenant, subject) => {
      await ready();
      await pool.query(`DELETE FROM ${table} WHERE tenant = $1 AND name = $2`, [
        tenant,
        master.nameOf(tenant, subject),
      ]);
    },
  };
}

/** PostgreSQL does not serialise `IF NOT EXISTS`: who comes second may hear of a duplicate. */
function unlessThere(error: unknown): void {
  const { code } = error as { code?: string };
  if (code !== "23505" && code !== "42P06" && code !== "42P07") throw error;
}
