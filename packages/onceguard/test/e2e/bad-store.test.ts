import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import { OnceguardError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { freePort } from "../support/server-process.ts";

// A store that must not be used is one clear error, a store that is away an outcome; neither is ever an unguarded run.

let folder: string;
let database: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "onceguard-bad-"));
  database = await createDatabase();
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await dropDatabase(database);
});

async function attempt(store: Store): Promise<{ answer: unknown; effects: number }> {
  let effects = 0;
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    execute: (_: { id: string }) => ++effects,
  });
  const guard = createGuard({ store, actions: [pay], sweepEvery: false, storeTimeout: "300ms" });
  const answer = await guard.execute("pay", { id: "1" }).catch((error: unknown) => error);
  await guard.close().catch(() => undefined);
  return { answer, effects };
}

async function isRefused(store: Store, code: string, says: RegExp): Promise<void> {
  const { answer, effects } = await attempt(store);
  expect(answer).toBeInstanceOf(OnceguardError);
  expect(answer).toMatchObject({ code, message: expect.stringMatching(says) });
  expect(effects).toBe(0);
}

describe("SQLite", () => {
  it("a file that is no database", async () => {
    const path = join(folder, "text.db");
    writeFileSync(path, "this is not a database, and it is longer than a header ".repeat(100));
    await isRefused(sqliteStore({ path }), "store_unusable", /damaged|not an SQLite database/);
  });

  it("a database with a damaged page", async () => {
    const path = join(folder, "damaged.db");
    expect((await attempt(sqliteStore({ path }))).effects).toBe(1);
    const db = new DatabaseSync(path);
    db.exec("PRAGMA journal_mode = DELETE"); // everything in the one file
    db.close();
    const bytes = Buffer.alloc(4096 * 20, 0xaa);
    bytes.set(new Uint8Array((await import("node:fs")).readFileSync(path)).subarray(0, 100)); // a header that looks right
    writeFileSync(path, bytes);
    await isRefused(sqliteStore({ path }), "store_unusable", /damaged/);
  });

  it("a file that cannot be written", async () => {
    const path = join(folder, "readonly.db");
    await attempt(sqliteStore({ path }));
    const readOnly = new DatabaseSync(path, { readOnly: true });
    await isRefused(sqliteStore({ database: readOnly }), "store_unusable", /cannot be written/);
    readOnly.close();
  });

  it("a folder that does not exist, and one that is a file", async () => {
    await isRefused(sqliteStore({ path: join(folder, "none", "a.db") }), "store_unusable", /does not exist/);
    writeFileSync(join(folder, "file"), "");
    await isRefused(sqliteStore({ path: join(folder, "file", "a.db") }), "store_unusable", /cannot be opened/);
  });

  it("a schema from the future, when it is breaking; another is fine", async () => {
    const path = join(folder, "future.db");
    await attempt(sqliteStore({ path }));
    const db = new DatabaseSync(path);
    db.exec("INSERT INTO onceguard_migration (number, name, breaking) VALUES (9998, 'harmless', 0)");
    expect((await attempt(sqliteStore({ path }))).answer).toMatchObject({ status: "replayed" });
    db.exec("INSERT INTO onceguard_migration (number, name, breaking) VALUES (9999, 'other', 1)");
    db.close();
    await isRefused(sqliteStore({ path }), "schema_too_new", /9999/);
  });

  it("a full disk is an outcome: nothing was sent, and it works again when there is room", async () => {
    const db = new DatabaseSync(join(folder, "full.db"));
    const store = sqliteStore({ database: db });
    await store.open();
    const { page_count } = db.prepare("PRAGMA page_count").get() as { page_count: number };
    db.exec(`PRAGMA max_page_count = ${page_count}`);
    const big = (id: string) => ({
      requestId: id,
      action: "big",
      payload: { text: "x".repeat(500_000) },
      execute: () => expect.fail("executed without a claim"),
    });
    const guard = createGuard({ store, sweepEvery: false, storeTimeout: "100ms" });
    expect(await guard.execute(big("b1"))).toMatchObject({ status: "unavailable", dispatched: false });
    db.exec("PRAGMA max_page_count = 1000000");
    expect(await guard.execute({ ...big("b1"), execute: () => "done" })).toMatchObject({ status: "executed" });
    await guard.close();
    db.close();
  });
});

describe("PostgreSQL", () => {
  it("nobody at the address: unavailable, with the request id, and nothing sent", async () => {
    const { answer, effects } = await attempt(
      postgresStore({ url: `postgres://x@127.0.0.1:${await freePort()}/none` }),
    );
    expect(answer).toMatchObject({ status: "unavailable", dispatched: false, requestId: expect.any(String) });
    expect(effects).toBe(0);
  });

  it("a database that does not exist", async () => {
    const url = new URL(database);
    url.pathname = "/not_there";
    await isRefused(postgresStore({ url: url.href }), "store_unusable", /no such database/);
  });

  it("what is not a URL", () => {
    expect(() => postgresStore({ url: "postgres//typo" })).toThrow(
      expect.objectContaining({ code: "invalid_store_url" }),
    );
  });

  it("no password in the error", async () => {
    const { answer } = await attempt(postgresStore({ url: `postgres://x:hunter2@127.0.0.1:${await freePort()}/none` }));
    expect(JSON.stringify(answer)).not.toContain("hunter2");
  });

  it("a schema from the future, when it is breaking", async () => {
    expect((await attempt(postgresStore({ url: database }))).effects).toBe(1);
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    await client.query("INSERT INTO onceguard.migration (number, name, breaking) VALUES (9999, 'other', true)");
    await client.end();
    await isRefused(postgresStore({ url: database }), "schema_too_new", /9999/);
  });

  it("a user without the rights", async () => {
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    await client.query("DO $$ BEGIN CREATE ROLE nobody_much LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
    await client.end();
    const url = new URL(database);
    url.username = "nobody_much";
    await isRefused(postgresStore({ url: url.href, schema: "elsewhere" }), "store_unusable", /rights/);
  });
});
