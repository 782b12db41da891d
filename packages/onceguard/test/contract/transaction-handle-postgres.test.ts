import { sql as drizzleSql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { PgDatabase, PgDialect, pgTable, text } from "drizzle-orm/pg-core";
import { PostgresJsSession } from "drizzle-orm/postgres-js/session";
import { CamelCasePlugin, Kysely, MysqlDialect, PostgresDialect, SqliteDialect, sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { OnceguardError } from "../../src/core/errors.ts";
import {
  POSTGRES_HANDLES,
  postgresRunner,
  requireOpenTransaction,
  type SqlRunner,
} from "../../src/stores/transaction-handle.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { postgresJsLike, type SqlLike } from "../support/postgres-js-like.ts";
import { type PrismaEngine, type PrismaTransactionLike, prismaLike } from "../support/prisma-like.ts";

let url: string;
let pool: pg.Pool;

beforeAll(async () => {
  url = await createDatabase();
  pool = new pg.Pool({ connectionString: url, max: 4 });
  await pool.query("CREATE TABLE note (id text PRIMARY KEY)");
});
beforeEach(async () => {
  await pool.query("TRUNCATE note");
});
afterAll(async () => {
  await pool.end();
  await dropDatabase(url);
});

/** What the caller does with the library, in the transaction. */
interface Own {
  insert(id: string): Promise<unknown>;
  ids(): Promise<string[]>;
}

type Work = (handle: unknown, own: Own) => Promise<void>;

const drizzleNote = pgTable("note", { id: text("id").primaryKey() });
const INSERT = "INSERT INTO note (id) VALUES ($1::text)";
const SELECT = "SELECT id FROM note ORDER BY id";

/** The libraries, each as its users open a transaction with it: committed, or rolled back when the work throws. */
const LIBRARIES: Record<string, (work: Work) => Promise<void>> = {
  "pg PoolClient": async (work) => {
    const client = await pool.connect();
    try {
      await inTransaction(client, work);
    } finally {
      client.release();
    }
  },

  "pg Client that parses int8 to BigInt": async (work) => {
    const getTypeParser = ((oid: number, format: "text") =>
      oid === pg.types.builtins.INT8 ? BigInt : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser;
    const client = new pg.Client({ connectionString: url, types: { getTypeParser } });
    await client.connect();
    try {
      await inTransaction(client, work);
    } finally {
      await client.end();
    }
  },

  Kysely: (work) => kysely().transaction().execute(kyselyWork(work)),

  "Kysely with CamelCasePlugin": (work) => kysely([new CamelCasePlugin()]).transaction().execute(kyselyWork(work)),

  "Kysely, controlled": async (work) => {
    const trx = await kysely().startTransaction().execute();
    try {
      await kyselyWork(work)(trx);
      await trx.commit().execute();
    } catch (error) {
      await trx.rollback().execute();
      throw error;
    }
  },

  "Drizzle on pg": (work) =>
    drizzle(pool).transaction((tx) =>
      work(tx, {
        insert: (id) => tx.insert(drizzleNote).values({ id }),
        ids: async () => (await tx.select().from(drizzleNote).orderBy(drizzleNote.id)).map(({ id }) => id),
      }),
    ),

  "Drizzle on pg, nested": (work) =>
    drizzle(pool).transaction((outer) =>
      outer.transaction((tx) =>
        work(tx, {
          insert: (id) => outer.execute(drizzleSql`INSERT INTO note (id) VALUES (${id})`),
          ids: async () => (await tx.select().from(drizzleNote).orderBy(drizzleNote.id)).map(({ id }) => id),
        }),
      ),
    ),

  "Drizzle on postgres.js": (work) =>
    drizzleOnPostgresJs().transaction((tx) =>
      work(tx, {
        insert: (id) => tx.insert(drizzleNote).values({ id }),
        ids: async () => (await tx.select().from(drizzleNote).orderBy(drizzleNote.id)).map(({ id }) => id),
      }),
    ),

  "postgres.js": (work) => postgresJsLike(pool).begin(postgresJsWork(work)),

  "postgres.js with transform: camel": (work) => postgresJsLike(pool, { camel: true }).begin(postgresJsWork(work)),

  "Prisma with a driver adapter": (work) => prismaLike(pool, "driver adapter").$transaction(prismaWork(work)),

  "Prisma with its native engine": (work) => prismaLike(pool, "native engine").$transaction(prismaWork(work)),
};

describe.each(Object.entries(LIBRARIES))("%s", (_name, transaction) => {
  it("commits with the caller's own rows", async () => {
    await transaction(async (handle, own) => {
      const runner = runnerOf(handle);
      await requireOpenTransaction(runner);
      expect(await runner.query(INSERT, ["ours"])).toEqual([]);
      expect(await own.ids()).toEqual(["ours"]);
      await own.insert("theirs");
      expect(await runner.query(SELECT, [])).toEqual([{ id: "ours" }, { id: "theirs" }]);
      expect(await committed()).toEqual([]);
    });
    expect(await committed()).toEqual(["ours", "theirs"]);
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
    expect(await committed()).toEqual([]);
  });

  it("is refused once the transaction has ended", async () => {
    let runner: SqlRunner | undefined;
    await transaction(async (handle) => {
      runner = runnerOf(handle);
    });
    await expect(requireOpenTransaction(runner as SqlRunner)).rejects.toThrow();
    expect(await committed()).toEqual([]);
  });

  it.each(VALUES)("passes %s %j through unharmed", async (type, value) => {
    await transaction(async (handle) => {
      const [row] = await runnerOf(handle).query(`SELECT $1::${type} AS some_value, $1::${type} IS NULL AS is_null`, [
        value,
      ]);
      expect(Object.keys(row ?? {})).toEqual(["some_value", "is_null"]);
      expect(row?.is_null).toBe(value === null);
      const back = row?.some_value;
      if (type === "bigint" && value !== null) {
        expect(typeof back).toMatch(/^(string|number)$/);
        expect(String(back)).toBe(String(value));
      } else expect(back).toBe(value);
    });
  });

  it("passes all of them in one statement, used in any order", async () => {
    const columns = VALUES.map(([type], n) => `$${n + 1}::${type} AS c${String.fromCharCode(97 + n)}`).reverse();
    await transaction(async (handle) => {
      const values = VALUES.map(([, value]) => value);
      const [row] = await runnerOf(handle).query(`SELECT ${columns.join(", ")}`, values);
      const back = Object.values(row ?? {}).reverse();
      expect(back.map(String)).toEqual(values.map(String));
    });
  });

  it("tells what PostgreSQL said, and not what was in the statement", async () => {
    let failure: unknown;
    let afterwards: unknown;
    const work = transaction(async (handle) => {
      const runner = runnerOf(handle);
      const keep = (error: unknown) => error;
      await runner.query(INSERT, ["a secret payload"]);
      failure = await runner.query(INSERT, ["a secret payload"]).catch(keep);
      afterwards = await requireOpenTransaction(runner).catch(keep);
      throw failure;
    });
    await expect(work).rejects.toThrow();
    expect(failure).toMatchObject({ code: "23505" });
    expect((failure as Error).message).not.toContain("a secret payload");
    expect(afterwards).toMatchObject({
      code: "invalid_option",
      message: expect.stringMatching(/has failed.*roll back/),
    });
    expect(await committed()).toEqual([]);
  });
});

describe("what is no open transaction", () => {
  const refused = async (handle: unknown, message: RegExp) => {
    const error = await (async () => postgresRunner(handle))().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OnceguardError);
    expect(error).toMatchObject({ code: "invalid_option", fields: { option: "transaction" } });
    expect((error as Error).message).toMatch(message);
  };

  it("is a pool of pg", () => refused(pool, /pass the client that holds your transaction, not the pool/));

  it("is a Kysely instance, also one on a single connection", async () => {
    await refused(kysely(), /pass the trx .* not the Kysely instance/);
    await kysely()
      .connection()
      .execute((db) => refused(db, /not the Kysely instance/));
  });

  it("is Drizzle's db", async () => {
    await refused(drizzle(pool), /pass the tx .* not the db of Drizzle/);
    await refused(drizzleOnPostgresJs(), /pass the tx .* not the db of Drizzle/);
  });

  it("is the sql of postgres.js that has the pool", () => refused(postgresJsLike(pool), /sql\.begin/));

  it.each<PrismaEngine>(["driver adapter", "native engine"])("is a PrismaClient (%s)", (engine) =>
    refused(prismaLike(pool, engine), /prisma\.\$transaction/),
  );

  it("is a client without BEGIN, or after COMMIT", async () => {
    const client = await pool.connect();
    const runner = runnerOf(client);
    const isRefused = () =>
      expect(requireOpenTransaction(runner)).rejects.toMatchObject({
        code: "invalid_option",
        message: expect.stringContaining("pg has no transaction open"),
      });
    await isRefused();
    await client.query("BEGIN");
    await requireOpenTransaction(runner);
    await expect(client.query("ROLLBACK TO onceguard_join")).rejects.toMatchObject({ code: "3B001" }); // none is left
    await client.query("ROLLBACK");
    await isRefused();
    client.release();
  });

  it("is a transaction on another database", async () => {
    const noDriver = (): never => {
      throw new Error("it is not asked to connect");
    };
    const compiles = { acquireConnection: noDriver };
    const onMysql = new Kysely({ dialect: new MysqlDialect({ pool: noDriver }) });
    const onSqlite = new Kysely({ dialect: new SqliteDialect({ database: noDriver }) });
    for (const db of [onMysql, onSqlite]) {
      // A transaction as to its shape; no connection is needed to ask it how it writes a parameter.
      const trx = Object.defineProperty(db, "isTransaction", { value: true });
      await refused(Object.assign(trx, compiles), /not one on PostgreSQL/);
    }
  });
});

it.each([
  ["nothing", undefined],
  ["null", null],
  ["a URL", "postgres://localhost/x"],
  ["an empty object", {}],
  ["something that can query and is not known", { query: async () => [] }],
  ["a knex transaction", Object.assign(() => {}, { raw: async () => {}, isTransaction: true })],
])("%s has no known shape", (_what, handle) => {
  expect(postgresRunner(handle)).toBeNull();
});

it("names the shapes it knows", () => {
  expect(POSTGRES_HANDLES).toHaveLength(5);
});

/** One row each of what our statements carry. */
const VALUES: readonly (readonly [type: string, value: unknown])[] = [
  ["text", "plain"],
  ["text", ""],
  ["text", "007"],
  ["text", "2026-01-02T03:04:05Z"],
  ["text", `{"amount":1,"note":"it's \\"$1\\" ? :x é 💶"}`],
  ["text", "null"],
  ["text", null],
  ["bigint", 0],
  ["bigint", -1],
  ["bigint", 1_790_000_000_000],
  ["bigint", Number.MAX_SAFE_INTEGER],
  ["bigint", null],
  ["double precision", 12.5],
  ["double precision", null],
  ["integer", 7],
  ["integer", null],
  ["boolean", true],
  ["boolean", false],
  ["boolean", null],
];

function runnerOf(handle: unknown): SqlRunner {
  const runner = postgresRunner(handle);
  if (!runner) throw new Error("not recognised");
  return runner;
}

/** What others see. */
async function committed(): Promise<string[]> {
  return idsOf((await pool.query<{ id: string }>(SELECT)).rows);
}

function idsOf(rows: readonly Record<string, unknown>[]): string[] {
  return rows.map(({ id }) => id as string);
}

async function inTransaction(client: pg.ClientBase, work: Work): Promise<void> {
  await client.query("BEGIN");
  try {
    await work(client, {
      insert: (id) => client.query(INSERT, [id]),
      ids: async () => idsOf((await client.query(SELECT)).rows),
    });
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

type Notes = { note: { id: string } };

function kysely(plugins: CamelCasePlugin[] = []): Kysely<Notes> {
  return new Kysely<Notes>({ dialect: new PostgresDialect({ pool }), plugins });
}

function kyselyWork(work: Work) {
  return (trx: Kysely<Notes>) =>
    work(trx, {
      insert: (id) => sql`INSERT INTO note (id) VALUES (${id})`.execute(trx),
      ids: async () => idsOf(await trx.selectFrom("note").selectAll().orderBy("id").execute()),
    });
}

function postgresJsWork(work: Work) {
  return (tx: SqlLike) =>
    work(tx, {
      insert: async (id) => await tx.unsafe(INSERT, [id]),
      ids: async () => idsOf(await tx.unsafe(SELECT)),
    });
}

function prismaWork(work: Work) {
  return (tx: PrismaTransactionLike) =>
    work(tx, {
      insert: (id) => tx.$queryRawUnsafe(INSERT, id),
      ids: async () => idsOf(await tx.$queryRawUnsafe(SELECT)),
    });
}

/** Drizzle's own session for postgres.js; its `drizzle()` would load the driver, which is not installed. */
function drizzleOnPostgresJs() {
  const dialect = new PgDialect();
  return new PgDatabase(dialect, new PostgresJsSession(postgresJsLike(pool), dialect, undefined), undefined);
}
