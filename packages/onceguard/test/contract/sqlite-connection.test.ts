import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import BetterSqlite3 from "better-sqlite3";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { lineOf } from "../../src/core/log-line.ts";
import type { Store, StoreTransaction } from "../../src/core/ports.ts";
import { type SqliteStoreOptions, sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { change, claimRequest, haltOrder, receiptIn, SUCCESS } from "../../src/testing/store-contract/fixtures.ts";

// A store and its caller on one connection: what can go wrong there, and does not.

const dir = mkdtempSync(join(tmpdir(), "onceguard-connection-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Connection = DatabaseSync | BetterSqlite3.Database;

/** Connections of a caller's. Only one library ever touches one file: see the last tests. */
const CONNECTIONS: Record<string, (path: string) => Connection> = {
  "node:sqlite": (path) => new DatabaseSync(path),
  "better-sqlite3": (path) => new BetterSqlite3(path),
  "node:sqlite before Node 22.16": (path) => withoutTelling(new DatabaseSync(path)),
};

let path: string;
let files = 0;
beforeEach(() => {
  path = join(dir, `${++files}.db`);
});

describe.each(Object.entries(CONNECTIONS))("on a connection that its caller uses, too: %s", (_name, connect) => {
  let database: Connection;
  let store: Store;

  const opened = async (more: Partial<SqliteStoreOptions> = {}) => {
    database = connect(path);
    store = sqliteStore({ database, ...more });
    await store.open();
    database.exec("CREATE TABLE effect (id TEXT) STRICT");
    return store;
  };
  afterEach(async () => {
    await store?.close();
    database?.close();
  });

  /** Every kind of call; each by name, with what it is to answer when the transaction before it is undone. */
  const calls = (receipt: ReturnType<typeof receiptIn>): Record<string, () => Promise<unknown>> => ({
    claim: async () => (await store.claim(claimRequest("outside"))).kind,
    "claim, read first": async () => (await store.claim(claimRequest("inside"), true)).kind,
    apply: async () => (await store.apply(change(receipt, SUCCESS))).kind,
    renew: () => store.renew([{ ...receipt, leaseMs: 1_000 }]),
    find: () => store.find("acme", "inside"),
    list: async () => (await store.list({ tenant: "acme", runId: "run-inside", limit: 10 })).length,
    due: async () => (await store.due({ actions: ["refund"], limit: 10 })).length,
    log: () => store.log("acme", "inside"),
    append: () => store.append(lineOf(receipt, "drift")),
    halt: async () => (await store.halt(haltOrder({ id: "run-9" }))).id,
    halts: async () => (await store.halts({ tenant: "globex", limit: 10 })).length,
    transact: () => store.transact?.(async () => "in a transaction of its own") ?? Promise.resolve(),
  });

  it("every call waits while a transaction of the caller's is open, and sees nothing of it when it is undone", async () => {
    await opened();
    const receipt = receiptIn(await store.claim(claimRequest("before")));
    database.exec("BEGIN");
    const inside = await store.join?.(database).claim(claimRequest("inside", { runId: "run-inside", leaseMs: 0 }));
    expect(inside?.kind).toBe("claimed");
    const asked = Object.entries(calls(receipt)).map(([name, call]) =>
      call().then((answer) => [name, answer] as const),
    );
    expect(await Promise.race([...asked, sleep(50, "all wait")])).toBe("all wait");
    database.exec("ROLLBACK");
    expect(Object.fromEntries(await Promise.all(asked))).toEqual({
      claim: "claimed",
      "claim, read first": "claimed", // what was undone is free again
      apply: "applied",
      renew: expect.anything(),
      find: expect.toSatisfy((found) => found === null || found.runId === "run-1"),
      list: 0,
      due: 0,
      log: expect.anything(),
      append: undefined,
      halt: "run-9",
      halts: 0,
      transact: "in a transaction of its own",
    });
    expect((await store.find("acme", "inside"))?.runId).toBe("run-1");
    expect((await store.find("acme", "outside"))?.state).toBe("running");
  });

  it("and sees all of it when it is committed, with what the caller wrote beside it", async () => {
    await opened();
    database.exec("BEGIN");
    database.exec("INSERT INTO effect VALUES ('theirs')");
    const transaction = store.join?.(database) as StoreTransaction;
    const inside = receiptIn(await transaction.claim(claimRequest("inside")));
    const [found, claimed] = [store.find("acme", "inside"), store.claim(claimRequest("outside"))];
    await sleep(20);
    expect((await transaction.apply(change(inside, SUCCESS))).kind).toBe("applied");
    database.exec("COMMIT");
    expect((await found)?.state).toBe("succeeded");
    expect((await claimed).kind).toBe("claimed");
    expect(effects()).toEqual(["theirs"]);
    const events = (await store.log("acme", "inside")).map(({ event }) => event);
    expect(events).toEqual(["claim", "success"]);
  });

  it("rolls back with the caller's own rows, and leaves the caller's transaction alone until then", async () => {
    await opened();
    database.exec("BEGIN IMMEDIATE");
    database.exec("INSERT INTO effect VALUES ('theirs')");
    await store.join?.(database).claim(claimRequest("inside"));
    const outside = store.claim(claimRequest("outside"));
    await sleep(20);
    expect(effects()).toEqual(["theirs"]); // nobody has ended it
    database.exec("ROLLBACK");
    expect((await outside).kind).toBe("claimed");
    expect(effects()).toEqual([]);
    expect(await store.find("acme", "inside")).toBeNull();
    expect((await store.claim(claimRequest("inside"))).kind).toBe("claimed");
  });

  it("gives up after its time where the caller's transaction does not end, says why, and has written nothing", async () => {
    await opened({ busyTimeoutMs: 30 });
    database.exec("BEGIN");
    const why = {
      code: "store_unavailable",
      fields: { applied: "no" },
      message: expect.stringMatching(/transaction is open/),
    };
    await expect(store.claim(claimRequest("r"))).rejects.toMatchObject(why);
    await expect(store.find("acme", "r")).rejects.toMatchObject(why);
    await expect(store.transact?.(async () => 1)).rejects.toMatchObject(why);
    database.exec("COMMIT");
    expect(await store.find("acme", "r")).toBeNull();
    expect((await store.claim(claimRequest("r"))).kind).toBe("claimed");
  });

  it("opens once the caller's transaction is over", async () => {
    database = connect(path);
    store = sqliteStore({ database });
    database.exec("BEGIN");
    database.exec("CREATE TABLE effect (id TEXT) STRICT");
    const info = store.open();
    expect(await Promise.race([info, sleep(50, "waits")])).toBe("waits");
    database.exec("COMMIT");
    expect((await info).secret).toMatch(/^[0-9a-f]{64}$/);
    expect(effects()).toEqual([]);
  });

  it("a transaction of the store's: claim, effect and receipt at once, and plain calls of the same moment are not in it", async () => {
    await opened();
    const receipt = receiptIn(await store.claim(claimRequest("before")));
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const work = store.transact?.(async (transaction) => {
      expect(transaction.handle).toBe(database);
      const inside = receiptIn(await transaction.claim(claimRequest("inside", { runId: "run-inside", leaseMs: 0 })));
      (transaction.handle as Connection).exec("INSERT INTO effect VALUES ('ours')");
      begun.resolve();
      await gate.promise;
      await transaction.apply(change(inside, SUCCESS));
      throw new Error("undone");
    });
    work?.catch(() => undefined);
    await begun.promise;
    const asked = Object.entries(calls(receipt)).map(([name, call]) =>
      call().then((answer) => [name, answer] as const),
    );
    expect(await Promise.race([...asked, sleep(50, "all wait")])).toBe("all wait");
    gate.resolve();
    await expect(work).rejects.toThrow("undone");
    expect(Object.fromEntries(await Promise.all(asked))).toMatchObject({
      claim: "claimed",
      "claim, read first": "claimed",
      apply: "applied",
      list: 0,
      due: 0,
      halts: 0,
    });
    expect(effects()).toEqual([]);
    expect((await store.find("acme", "outside"))?.state).toBe("running");
  });

  it("a transaction that the work has ended itself takes nothing more, and is no commit", async () => {
    await opened();
    for (const how of ["ROLLBACK", "COMMIT"]) {
      const work = store.transact?.(async (transaction) => {
        await transaction.claim(claimRequest(`before ${how}`));
        (transaction.handle as Connection).exec(how);
        await expect(transaction.claim(claimRequest(`after ${how}`))).rejects.toMatchObject({ code: "invalid_option" });
      });
      await expect(work).rejects.toMatchObject({ code: "invalid_option" });
      expect(await store.find("acme", `after ${how}`)).toBeNull();
      expect((await store.claim(claimRequest("goes on")))?.kind).toMatch(/claimed|exists/);
    }
  });

  function effects(): string[] {
    return (database.prepare("SELECT id FROM effect").all() as { id: string }[]).map(({ id }) => id);
  }
});

describe.each([
  ["node:sqlite", "better-sqlite3"],
  ["better-sqlite3", "node:sqlite"],
] as const)("a store on %s and a transaction of %s", (ours, theirs) => {
  it("are two copies of SQLite in one process: refused, and nothing is written", async () => {
    const connect = (library: string) => CONNECTIONS[library] as (path: string) => Connection;
    const database = connect(ours)(path);
    const store = sqliteStore({ database });
    await store.open();
    // A file of its own, that no other copy touches: the test would do the very damage otherwise.
    const other = connect(theirs)(join(dir, `${++files}.db`));
    const elsewhere = sqliteStore({ database: other });
    await elsewhere.open();
    other.exec("BEGIN IMMEDIATE");
    const transaction = store.join?.(other) as StoreTransaction;
    const refused = { code: "invalid_option", message: expect.stringMatching(/another copy of SQLite/) };
    await expect(transaction.claim(claimRequest("r"))).rejects.toMatchObject(refused);
    const { receipt } = await store.claim(claimRequest("r2")).then((answer) => ({ receipt: receiptIn(answer) }));
    await expect(transaction.apply(change(receipt, SUCCESS))).rejects.toMatchObject(refused);
    other.exec("COMMIT");
    expect(await store.find("acme", "r")).toBeNull();
    expect(await elsewhere.list({ limit: 10 })).toEqual([]);
    expect((await store.find("acme", "r2"))?.state).toBe("running");
    await store.close();
    await elsewhere.close();
    database.close();
    other.close();
  });
});

it("joins another connection of the same library, while the store's own calls wait for its commit", async () => {
  const store = sqliteStore({ path });
  await store.open();
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const transaction = store.join?.(other) as StoreTransaction;
  expect((await transaction.claim(claimRequest("inside"))).kind).toBe("claimed");
  expect(await store.find("acme", "inside"), "a reader sees what is committed, and does not wait").toBeNull();
  const same = store.claim(claimRequest("inside"));
  expect(await Promise.race([same, sleep(50, "waits")])).toBe("waits");
  other.exec("COMMIT");
  expect((await same).kind).toBe("exists");
  other.close();
  await store.close();
});

it("a transaction that began by reading and was overtaken is an error, not a second claim", async () => {
  const store = sqliteStore({ path });
  await store.open();
  const other = new DatabaseSync(path);
  other.exec("BEGIN"); // deferred: its snapshot is from its first read
  other.prepare("SELECT COUNT(*) FROM onceguard_request").get();
  expect((await store.claim(claimRequest("r"))).kind).toBe("claimed");
  await expect(store.join?.(other).claim(claimRequest("r2"))).rejects.toMatchObject({
    code: "store_unavailable",
    fields: { applied: "no" },
  });
  other.exec("ROLLBACK");
  expect(await store.find("acme", "r2")).toBeNull();
  other.close();
  await store.close();
});

/** As `node:sqlite` before Node 22.16: no `isTransaction`. It is the object's own, and cannot be taken away from it. */
function withoutTelling(database: DatabaseSync): DatabaseSync {
  const { exec, prepare, close } = database;
  return { exec: exec.bind(database), prepare: prepare.bind(database), close: close.bind(database) } as DatabaseSync;
}
