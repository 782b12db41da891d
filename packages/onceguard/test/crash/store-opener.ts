import pg from "pg";
import type { Store } from "../../src/index.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import type { StoreAddress } from "../support/guarded-worker.ts";

/** Many stores in this process on one database, each with a clock of its own. */
export interface StoreOpener {
  open(clock: () => number): Store;
  close(): Promise<void>;
}

export function storeOpener(address: StoreAddress): StoreOpener {
  if (address.kind === "sqlite") {
    return { open: (clock) => sqliteStore({ path: address.path, clock }), close: async () => undefined };
  }
  const pool = new pg.Pool({ connectionString: address.url, max: 10 });
  pool.on("error", () => undefined); // a database that is dropped cuts its connections
  return { open: (clock) => postgresStore({ pool, clock }), close: () => pool.end() };
}
