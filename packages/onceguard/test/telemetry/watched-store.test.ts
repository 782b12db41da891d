import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OnceguardError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import { harmless } from "../../src/pipeline/harmless.ts";
import { watchedStore } from "../../src/pipeline/watched-store.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { openTelemetry } from "../../src/telemetry/otel.ts";
import { fakeClock, storeContract } from "../../src/testing/index.ts";
import { told } from "../support/otel.ts";

// A store that is watched is still a store: it holds the contract that every store has to hold.
const watched = (store: Store): Store =>
  watchedStore(
    store,
    harmless(openTelemetry(told()), () => undefined),
  );

describe("memory, watched", () => {
  storeContract({
    test,
    makeStore: () => {
      const { now, advance } = fakeClock();
      return { store: watched(memoryStore({ clock: now })), advance };
    },
  });
});

describe("sqlite, watched", () => {
  storeContract({
    test,
    makeStore: () => {
      const dir = mkdtempSync(join(tmpdir(), "onceguard-watched-"));
      const { now, advance } = fakeClock();
      const opened: Store[] = [];
      const reopen = (): Store => {
        const store = watched(sqliteStore({ path: join(dir, "onceguard.db"), clock: now }));
        opened.push(store);
        return store;
      };
      const cleanup = async (): Promise<void> => {
        for (const store of opened) await store.close();
        rmSync(dir, { recursive: true, force: true });
      };
      return { store: reopen(), advance, reopen, cleanup };
    },
  });
});

test("every verb is told by its name, with the code of what it threw", async () => {
  const seen = told();
  const memory = memoryStore();
  const store = watchedStore(memory, openTelemetry(seen));
  await store.open();
  await store.find("acme", "r");
  memory.find = () => Promise.reject(new OnceguardError("store_unavailable", "cut", { applied: "no" }));
  await expect(store.find("acme", "r")).rejects.toMatchObject({ code: "store_unavailable" });
  const find = { "onceguard.store": store.name, "onceguard.store.verb": "find" };
  const points = (await seen.metrics()).flatMap(({ dataPoints }) => dataPoints.map(({ attributes }) => attributes));
  expect(points).toEqual([find, { ...find, "error.type": "store_unavailable" }]);
});
