import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import type { StoreAddress } from "../support/guarded-worker.ts";

/** One row: something that happened and cannot be taken back. */
export interface TableEffect {
  readonly number: number;
  readonly reference: string;
  readonly amount: number;
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
  const pool = new pg.Pool({ connectionString: address.url, max: 2 });
  pool.on("error", () => undefined); // a database that is dropped cuts its connections
  await pool.query(
    "CREATE TABLE app_effect (number integer GENERATED ALWAYS AS IDENTITY, reference text, amount integer)",
  );
  return { effects: async () => (await pool.query<TableEffect>(select)).rows, close: () => pool.end() };
}
