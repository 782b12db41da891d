import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, test } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { type SqliteStoreOptions, sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { fakeClock, storeContract } from "../../src/testing/index.ts";

/** By the driver that comes with Node, and by shape with another one. */
const DRIVERS: Record<string, (path: string) => SqliteStoreOptions> = {
  "node:sqlite": (path) => ({ path }),
  "better-sqlite3": (path) => ({ database: new Database(path) }),
};

describe.each(Object.entries(DRIVERS))("SQLite store on %s", (_driver, open) => {
  storeContract({
    test,
    makeStore: () => {
      const dir = mkdtempSync(join(tmpdir(), "onceguard-sqlite-"));
      const { now, advance } = fakeClock();
      const opened: Store[] = [];
      const reopen = (): Store => {
        const store = sqliteStore({ ...open(join(dir, "onceguard.db")), clock: now });
        opened.push(store);
        return store;
      };
      const cleanup = async () => {
        for (const store of opened) await store.close();
        rmSync(dir, { recursive: true, force: true });
      };
      return { store: reopen(), reopen, advance, cleanup };
    },
  });
});
