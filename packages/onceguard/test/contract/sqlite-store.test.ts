import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { describe, test } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { type SqliteStoreOptions, sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { type CallersTransaction, fakeClock, storeContract } from "../../src/testing/index.ts";

interface Driver {
  readonly options: (path: string) => SqliteStoreOptions;
  /** A connection of a caller's: by the same library, always. */
  readonly connect: (path: string) => DatabaseSync | Database.Database;
}

/** By the driver that comes with Node, and by shape with another one. */
const DRIVERS: Record<string, Driver> = {
  "node:sqlite": { options: (path) => ({ path }), connect: (path) => new DatabaseSync(path, { timeout: 0 }) },
  "better-sqlite3": {
    options: (path) => ({ database: new Database(path) }),
    connect: (path) => new Database(path, { timeout: 0 }),
  },
};

/** Waits as a caller in the same process has to: without blocking whoever holds the lock. */
async function begin(handle: ReturnType<Driver["connect"]>): Promise<CallersTransaction> {
  for (;;) {
    try {
      handle.exec("BEGIN IMMEDIATE");
      break;
    } catch (error) {
      if (!/locked/.test((error as Error).message)) throw error;
      await sleep(2);
    }
  }
  const end = (how: string) => () => {
    handle.exec(how);
    handle.close();
  };
  return { handle, commit: end("COMMIT"), rollback: end("ROLLBACK") };
}

describe.each(Object.entries(DRIVERS))("SQLite store on %s", (_name, { options, connect }) => {
  storeContract({
    test,
    makeStore: () => {
      const dir = mkdtempSync(join(tmpdir(), "onceguard-sqlite-"));
      const path = join(dir, "onceguard.db");
      const { now, advance } = fakeClock();
      const opened: Store[] = [];
      const reopen = (): Store => {
        const store = sqliteStore({ ...options(path), clock: now });
        opened.push(store);
        return store;
      };
      const cleanup = async () => {
        for (const store of opened) await store.close();
        rmSync(dir, { recursive: true, force: true });
      };
      return { store: reopen(), reopen, begin: () => begin(connect(path)), advance, cleanup };
    },
  });
});
