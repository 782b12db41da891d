import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { fakeClock, storeContract } from "../../src/testing/index.ts";

describe("SQLite store", () => {
  storeContract({
    test,
    makeStore: () => {
      const dir = mkdtempSync(join(tmpdir(), "onceguard-sqlite-"));
      const { now, advance } = fakeClock();
      const opened: Store[] = [];
      const reopen = (): Store => {
        const store = sqliteStore({ path: join(dir, "onceguard.db"), clock: now });
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
