import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import BetterSqlite3 from "better-sqlite3";
import { sql as drizzleSql } from "drizzle-orm";
import { type BetterSQLite3Database, drizzle } from "drizzle-orm/better-sqlite3";
import { drizzle as drizzleOnPg } from "drizzle-orm/node-postgres";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";
import { CamelCasePlugin, Kysely, PostgresDialect, SqliteDialect, sql } from "kysely";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { OnceguardError } from "../../src/core/errors.ts";
import {
  requireSameSqlite,
  SQLITE_HANDLES,
  type SqlRunner,
  sqliteRunner,
} from "../../src/stores/transaction-handle.ts";

const dir = mkdtempSync(join(tmpdir(), "onceguard-transaction-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Connection = DatabaseSync | BetterSqlite3.Database;

let path: string;
let observer: Connection;

/** A file of its own. Whoever looks at it uses the same copy of SQLite: two would destroy each other's writes. */
function makeFile(connect: (path: string) => Connection): () => void {
  path = join(mkdtempSync(join(dir, "case-")), "app.db");
  observer = connect(path);
  observer.exec("PRAGMA journal_mode = WAL");
  observer.exec("CREATE TABLE note (id TEXT PRIMARY KEY) STRICT");
  return () => observer.close();
}

const byNode = (path: string) => new DatabaseSync(path);
const byBetter = (path: string) => new BetterSqlite3(path);

/** What the caller does with the library, in the transaction. */
interface Own {
  insert(id: string): unknown;
  ids(): string[] | Promise<string[]>;
}

type Work = (handle: unknown, own: Own) => Promise<void>;

const drizzleNote = sqliteTable("note", { id: text("id").primaryKey() });
const INSERT = "INSERT INTO note (id) VALUES (?)";
const SELECT = "SELECT id FROM note ORDER BY id";

interface Library {
  readonly connect: (path: string) => Connection;
  /** As its users open a transaction: committed, or rolled back when the work throws. */
  readonly transaction: (work: Work) => Promise<void>;
}

const LIBRARIES: Record<string, Library> = {
  "node:sqlite": {
    connect: byNode,
    transaction: (work) => byStatements(byNode(path), work),
  },
  "node:sqlite with BigInt and arrays": {
    connect: byNode,
    transaction: (work) => byStatements(new DatabaseSync(path, { readBigInts: true, returnArrays: true }), work),
  },
  "node:sqlite before Node 22.16": {
    connect: byNode,
    transaction: (work) => byStatements(withoutTelling(byNode(path)), work),
  },
  "better-sqlite3": {
    connect: byBetter,
    transaction: (work) => byStatements(byBetter(path), work),
  },
  "better-sqlite3 with BigInt": {
    connect: byBetter,
    transaction: (work) => byStatements(byBetter(path).defaultSafeIntegers(), work),
  },
  Kysely: {
    connect: byBetter,
    transaction: (work) => withKysely([], work),
  },
  "Kysely with CamelCasePlugin": {
    connect: byBetter,
    transaction: (work) => withKysely([new CamelCasePlugin()], work),
  },
  "Drizzle's db, BEGIN by a statement": {
    connect: byBetter,
    transaction: async (work) => {
      const client = byBetter(path);
      const db = drizzle(client);
      db.run(drizzleSql`BEGIN IMMEDIATE`);
      try {
        await work(db, drizzleOwn(db));
        db.run(drizzleSql`COMMIT`);
      } catch (error) {
        db.run(drizzleSql`ROLLBACK`);
        throw error;
      } finally {
        client.close();
      }
    },
  },
};

describe.each(Object.entries(LIBRARIES))("%s", (_name, { connect, transaction }) => {
  beforeEach(() => makeFile(connect));

  it("commits with the caller's own rows", async () => {
    await transaction(async (handle, own) => {
      const runner = runnerOf(handle);
      expect(await runner.query(INSERT, ["ours"])).toEqual([]);
      expect(await own.ids()).toEqual(["ours"]);
      await own.insert("theirs");
      expect(await runner.query(SELECT, [])).toEqual([{ id: "ours" }, { id: "theirs" }]);
      expect(await runner.query(`${INSERT} RETURNING id`, ["returned"])).toEqual([{ id: "returned" }]);
      expect(committed()).toEqual([]);
    });
    expect(committed()).toEqual(["ours", "returned", "theirs"]);
  });

  it("rolls back with the caller's own rows", async () => {
    const rollback = new Error("the caller changed its mind");
    const work = transaction(async (handle, own) => {
      await own.insert("theirs");
      await runnerOf(handle).query(INSERT, ["ours"]);
      expect(await own.ids()).toEqual(["ours", "theirs"]);
      throw rollback;
    });
    await expect(work).rejects.toBe(rollback);
    expect(committed()).toEqual([]);
  });

  it("is refused once the transaction has ended", async () => {
    let runner: SqlRunner | undefined;
    await transaction(async (handle) => {
      runner = runnerOf(handle);
    });
    await expect(runner?.query(INSERT, ["late"])).rejects.toThrow();
    expect(committed()).toEqual([]);
  });

  it.each(VALUES)("passes %s %j through unharmed", async (type, value) => {
    await transaction(async (handle) => {
      const runner = runnerOf(handle);
      await runner.query(`CREATE TEMP TABLE probe (some_value ${type}) STRICT`, []);
      await runner.query("INSERT INTO probe VALUES (?)", [value]);
      const [row] = await runner.query("SELECT some_value, some_value IS NULL AS is_null FROM probe", []);
      expect(row).toEqual({
        some_value: typeof value === "boolean" ? Number(value) : value,
        is_null: +(value === null),
      });
    });
  });

  it("is on the copy of SQLite that a store on the same library uses, and on no other", async () => {
    const [same, other] = connect === byNode ? [byNode, byBetter] : [byBetter, byNode];
    await transaction(async (handle) => {
      const runner = runnerOf(handle);
      const ours = same(":memory:");
      await requireSameSqlite(runner, ours);
      // The same version, built in another way.
      const otherBuild = {
        prepare: (text: string) => (text.startsWith("PRAGMA") ? { all: () => [] } : ours.prepare(text)),
      };
      for (const store of [other(":memory:"), otherBuild]) {
        await expect(requireSameSqlite(runner, store)).rejects.toMatchObject({
          code: "invalid_option",
          message: expect.stringMatching(/another copy of SQLite .* sqliteStore\({ database }\)/),
        });
      }
    });
  });
});

it.each([
  ["node:sqlite", () => new DatabaseSync(":memory:", { readBigInts: true })],
  ["better-sqlite3", () => new BetterSqlite3(":memory:").defaultSafeIntegers()],
])("an integer too large for a number is text, not rounded, where %s gives BigInt", async (_name, connect) => {
  const database: Connection = connect();
  database.exec("BEGIN");
  expect(await runnerOf(database).query("SELECT 9007199254740993 AS large", [])).toEqual([
    { large: "9007199254740993" },
  ]);
  database.close();
});

describe("what is no open transaction", () => {
  beforeEach(() => makeFile(byBetter));

  const refused = async (handle: unknown, message: RegExp) => {
    const error = await (async () => sqliteRunner(handle))().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OnceguardError);
    expect(error).toMatchObject({ code: "invalid_option", fields: { option: "transaction" } });
    expect((error as Error).message).toMatch(message);
  };

  it("is a connection without BEGIN", async () => {
    for (const database of [byNode(":memory:"), withoutTelling(byNode(":memory:")), byBetter(":memory:")]) {
      await refused(database, /no transaction is open on this connection of node:sqlite or better-sqlite3/);
      database.exec("BEGIN"); // nor was one left open by asking
      database.close();
    }
  });

  it("is Drizzle's db without BEGIN", async () => {
    const client = new BetterSqlite3(path);
    await refused(drizzle(client), /no transaction is open on this connection of Drizzle/);
    client.close();
  });

  it("is a Kysely instance", async () => {
    const db = new Kysely({ dialect: new SqliteDialect({ database: new BetterSqlite3(path) }) });
    await refused(db, /pass the trx .* not the Kysely instance/);
    await db.destroy();
  });

  it("is a transaction on PostgreSQL", async () => {
    const noDriver = (): never => {
      throw new Error("it is not asked to connect");
    };
    const onPostgres = new Kysely({ dialect: new PostgresDialect({ pool: noDriver }) });
    await refused(Object.defineProperty(onPostgres, "isTransaction", { value: true }), /not one on SQLite/);
    await refused(drizzleOnPg.mock(), /not one on better-sqlite3/);
  });
});

// Both run their function without waiting for what it awaits, so a guard, which does wait, cannot be inside.
describe("a transaction that is a function", () => {
  beforeEach(() => makeFile(byBetter));

  const FUNCTIONS: Record<string, (client: BetterSqlite3.Database, work: (handle: unknown) => void) => void> = {
    "better-sqlite3": (client, work) => client.transaction(() => work(client))(),
    Drizzle: (client, work) => drizzle(client).transaction((tx) => work(tx)),
  };

  it.each(Object.entries(FUNCTIONS))(
    "of %s has the statement that is called at once, and no later one",
    async (_name, transaction) => {
      const client = new BetterSqlite3(path);
      let runner: SqlRunner | undefined;
      let first: Promise<unknown> | undefined;
      transaction(client, (handle) => {
        runner = runnerOf(handle);
        first = runner.query(INSERT, ["ours"]);
        expect(committed()).toEqual([]);
      });
      await first;
      expect(committed()).toEqual(["ours"]);
      await expect(runner?.query(INSERT, ["late"])).rejects.toThrow(/ends before its first await/);
      expect(committed()).toEqual(["ours"]);
      client.close();
    },
  );
});

it.each([
  ["nothing", undefined],
  ["a path", "app.db"],
  ["an empty object", {}],
  ["something that can prepare only", { prepare: () => {} }],
])("%s has no known shape", (_what, handle) => {
  expect(sqliteRunner(handle)).toBeNull();
});

it("names the shapes it knows", () => {
  expect(SQLITE_HANDLES).toHaveLength(4);
});

/** One row each of what our statements carry. */
const VALUES: readonly (readonly [type: string, value: unknown])[] = [
  ["TEXT", "plain"],
  ["TEXT", ""],
  ["TEXT", "007"],
  ["TEXT", `{"amount":1,"note":"it's \\"$1\\" ? :x é 💶"}`],
  ["TEXT", null],
  ["INTEGER", 0],
  ["INTEGER", -1],
  ["INTEGER", 1_790_000_000_000],
  ["INTEGER", Number.MAX_SAFE_INTEGER],
  ["INTEGER", null],
  ["INTEGER", true],
  ["INTEGER", false],
];

function runnerOf(handle: unknown): SqlRunner {
  const runner = sqliteRunner(handle);
  if (!runner) throw new Error("not recognised");
  return runner;
}

/** What others see. */
function committed(): string[] {
  return observer
    .prepare(SELECT)
    .all()
    .map((row) => (row as { id: string }).id);
}

async function byStatements(database: Connection, work: Work): Promise<void> {
  database.exec("BEGIN IMMEDIATE");
  try {
    await work(database, {
      insert: (id) => database.prepare(INSERT).run(id),
      ids: () =>
        database
          .prepare(SELECT)
          .all()
          .map((row) => Object.values(row as object)[0] as string),
    });
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  } finally {
    database.close();
  }
}

/** As `node:sqlite` before Node 22.16: no `isTransaction`. It is the object's own, and cannot be taken away from it. */
function withoutTelling(database: DatabaseSync): DatabaseSync {
  const { exec, prepare, close } = database;
  return { exec: exec.bind(database), prepare: prepare.bind(database), close: close.bind(database) } as DatabaseSync;
}

async function withKysely(plugins: CamelCasePlugin[], work: Work): Promise<void> {
  const dialect = new SqliteDialect({ database: new BetterSqlite3(path) });
  const db = new Kysely<{ note: { id: string } }>({ dialect, plugins });
  try {
    await db.transaction().execute((trx) =>
      work(trx, {
        insert: (id) => sql`INSERT INTO note (id) VALUES (${id})`.execute(trx),
        ids: async () => (await trx.selectFrom("note").selectAll().orderBy("id").execute()).map(({ id }) => id),
      }),
    );
  } finally {
    await db.destroy();
  }
}

function drizzleOwn(db: BetterSQLite3Database): Own {
  return {
    insert: (id) => db.insert(drizzleNote).values({ id }).run(),
    ids: () =>
      db
        .select()
        .from(drizzleNote)
        .orderBy(drizzleNote.id)
        .all()
        .map(({ id }) => id),
  };
}
