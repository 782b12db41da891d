import { DatabaseSync } from "node:sqlite";
import type { StoreAddress } from "./guarded-worker.ts";

// The outside world of an action with `transaction: true` is a table beside the receipts. It knows nothing of Onceguard,
// and nothing in it would stop a second row for the same reference.

/** One row: something that happened and cannot be taken back. */
export interface TableEffect {
  readonly number: number;
  readonly reference: string;
  readonly amount: number;
}

const INSERT = "INSERT INTO app_effect (reference, amount) VALUES";

/** Writes one effect through `ctx.tx`. */
export async function insertEffect(tx: unknown, reference: string, amount: number): Promise<number> {
  const parameters = [reference, amount] as const;
  if (isSqlite(tx)) {
    const row = tx.prepare(`${INSERT} (?, ?) RETURNING number`).get(...parameters) as { number: number };
    return row.number;
  }
  const client = tx as { query(text: string, values: readonly unknown[]): Promise<{ rows: { number: number }[] }> };
  const { rows } = await client.query(`${INSERT} ($1, $2) RETURNING number`, parameters);
  return (rows[0] as { number: number }).number;
}

function isSqlite(tx: unknown): tx is DatabaseSync {
  return typeof (tx as { prepare?: unknown }).prepare === "function";
}

/** The judge: the table as it is in the database, read past every store. */
export interface EffectTable {
  effects(): Promise<readonly TableEffect[]>;
  close(): Promise<void>;
}

export async function createEffectTable(address: StoreAddress): Promise<EffectTable> {
  const select = "SELECT number, reference, amount FROM app_effect ORDER BY number";
  if (address.kind === "sqlite") {
    const database = new DatabaseSync(address.path);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("CREATE TABLE app_effect (number INTEGER PRIMARY KEY AUTOINCREMENT, reference TEXT, amount INTEGER)");
    return {
      effects: async () => database.prepare(select).all() as unknown as TableEffect[],
      close: async () => database.close(),
    };
  }
  const { Pool } = (await import("pg")).default;
  const pool = new Pool({ connectionString: address.url, max: 2 });
  pool.on("error", () => undefined); // a database that is dropped cuts its connections
  await pool.query("CREATE TABLE app_effect (number integer GENERATED ALWAYS AS IDENTITY, reference text, amount integer)");
  return { effects: async () => (await pool.query<TableEffect>(select)).rows, close: () => pool.end() };
}
