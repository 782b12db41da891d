import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sql as dsql } from "drizzle-orm";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { Kysely, sql as ksql, PostgresDialect, type Transaction } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import type { Outcome } from "../../src/core/outcome.ts";
import type { Store } from "../../src/core/ports.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { postgresJsLike, type SqlLike } from "../support/postgres-js-like.ts";
import { type PrismaTransactionLike, prismaLike } from "../support/prisma-like.ts";

/** The database is the world here: how often an effect happened is what its own table says. */
interface World {
  readonly store: Store;
  /** Writes one effect through `ctx.tx`. */
  write(tx: never, id: string): unknown;
  effects(): Promise<string[]>;
  end(): Promise<void>;
}

let url: string;
beforeAll(async () => {
  url = await createDatabase();
});
afterAll(() => dropDatabase(url));

let worlds = 0;

const WORLDS: Record<string, () => Promise<World>> = {
  sqlite: async () => {
    const path = join(mkdtempSync(join(tmpdir(), "onceguard-tx-")), "app.db");
    const reader = new DatabaseSync(path);
    reader.exec("CREATE TABLE effect (id TEXT)");
    return {
      store: sqliteStore({ path }),
      write: (tx: DatabaseSync, id) => tx.prepare("INSERT INTO effect (id) VALUES (?)").run(id),
      effects: async () => (reader.prepare("SELECT id FROM effect").all() as { id: string }[]).map(({ id }) => id),
      end: async () => reader.close(),
    };
  },
  postgres: async () => {
    const schema = `tx_${++worlds}`;
    const pool = new pg.Pool({ connectionString: url, max: 10 });
    await pool.query(`CREATE TABLE public.effect_${schema} (id text)`);
    return {
      store: postgresStore({ url, schema }),
      write: (tx: pg.PoolClient, id) => tx.query(`INSERT INTO public.effect_${schema} (id) VALUES ($1)`, [id]),
      effects: async () => (await pool.query(`SELECT id FROM public.effect_${schema}`)).rows.map(({ id }) => id),
      end: () => pool.end(),
    };
  },
};

function posting(world: World, before: (id: string, attempt: number) => unknown = () => undefined) {
  return defineAction({
    name: "post",
    riskTier: "side_effecting",
    keyFields: ["id"],
    transaction: true,
    timeout: "5s",
    retry: { base: "1ms", cap: "1ms", maxAttempts: 3 },
    execute: async ({ id }: { id: string }, context) => {
      await world.write(context.tx as never, id);
      await before(id, context.attemptNumber);
      return `posted ${id}`;
    },
  });
}

describe.each(Object.entries(WORLDS))("an effect in the store's own database, on %s", (_name, makeWorld) => {
  const within = async (run: (world: World) => Promise<void>) => {
    const world = await makeWorld();
    try {
      await run(world);
    } finally {
      await world.end();
    }
  };

  test("claim, effect and receipt are one commit, and a duplicate replays it", () =>
    within(async (world) => {
      const guard = createGuard({ store: world.store, actions: [posting(world)], sweepEvery: false });
      const first = await guard.execute("post", { id: "1" });
      expect(first).toMatchObject({ status: "executed", result: "posted 1", receipt: { capability: "transaction" } });
      expect(await guard.execute("post", { id: "1" })).toMatchObject({ status: "replayed", result: "posted 1" });
      expect((await guard.log(first.requestId)).map(({ event }) => event)).toEqual(["claim", "success", "replayed"]);
      expect(await world.effects()).toEqual(["1"]);
      await guard.close();
    }));

  test("the record before and after is read in the transaction, and kept in its commit; an unexpected one is a conflict", () =>
    within(async (world) => {
      let priority = "normal";
      const states = {
        before: (_: unknown, { tx }: { tx?: unknown }) => ({ priority, inside: tx !== undefined }),
        after: (_: unknown, { tx }: { tx?: unknown }) => ({ priority, inside: tx !== undefined }),
        expect: (_: unknown, before: unknown) => (before as { priority: string }).priority === "normal",
      };
      const post = posting(world, () => {
        priority = "urgent";
      });
      const guard = createGuard({ store: world.store, actions: [{ ...post, ...states }], sweepEvery: false });
      const { requestId } = await guard.execute("post", { id: "1" });
      expect((await guard.log(requestId)).map(({ event, before, after }) => [event, before, after])).toEqual([
        ["claim", null, null],
        ["success", '{"inside":true,"priority":"normal"}', '{"inside":true,"priority":"urgent"}'],
      ]);
      const refused = await guard.execute("post", { id: "2" });
      expect(refused).toMatchObject({
        status: "review",
        route: "domain_expert",
        failure: { code: "unexpected_state" },
      });
      expect(await world.effects()).toEqual(["1"]);
      await guard.close();
    }));

  test("of 20 guards at once one makes it, and all get its result", () =>
    within(async (world) => {
      const guard = createGuard({ store: world.store, actions: [posting(world)], sweepEvery: false });
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => guard.execute("post", { id: "1" })));
      expect(outcomes.map(({ status }) => status).sort()).toEqual(["executed", ...Array(19).fill("replayed")]);
      expect(await world.effects()).toEqual(["1"]);
      await guard.close();
    }));

  test("what fails undoes what it wrote, certainly; a retry makes it once", () =>
    within(async (world) => {
      const action = posting(world, (_id, attempt) => {
        if (attempt < 3) throw new Error("a bug, half way");
      });
      const guard = createGuard({ store: world.store, actions: [action], sweepEvery: false });
      const outcome = await guard.execute("post", { id: "1" });
      expect(outcome).toMatchObject({ status: "executed", receipt: { attemptNumber: 3, mayHaveApplied: false } });
      expect(await world.effects()).toEqual(["1"]);
      await guard.close();
    }));

  test("what keeps failing is a person's, never in doubt, and nothing is left of it", () =>
    within(async (world) => {
      const action = posting(world, () => {
        throw new Error("a bug");
      });
      const guard = createGuard({ store: world.store, actions: [action], sweepEvery: false });
      expect(await guard.execute("post", { id: "1" })).toMatchObject({ status: "review", reason: "retries_exhausted" });
      expect(await world.effects()).toEqual([]);
      await guard.close();
    }));

  test("past its time limit everything is undone, and the handle is dead", () =>
    within(async (world) => {
      let late: Promise<unknown> | undefined;
      const slow = defineAction({
        name: "post",
        riskTier: "side_effecting",
        keyFields: ["id"],
        transaction: true,
        timeout: "50ms",
        retry: { maxAttempts: 1 },
        execute: async ({ id }: { id: string }, context) => {
          await world.write(context.tx as never, id);
          await new Promise<void>((resolve) => context.signal.addEventListener("abort", () => resolve()));
          late = new Promise((resolve) => setImmediate(resolve)).then(() => world.write(context.tx as never, "late"));
          late.catch(() => undefined);
          await late;
        },
      });
      const guard = createGuard({ store: world.store, actions: [slow], sweepEvery: false });
      expect(await guard.execute("post", { id: "1" })).toMatchObject({
        status: "review",
        failure: { code: "timeout" },
      });
      await expect(late).rejects.toThrow("The transaction is over");
      expect(await world.effects()).toEqual([]);
      await guard.close();
    }));

  test("a halt stops it, and leaves nothing", () =>
    within(async (world) => {
      const guard = createGuard({ store: world.store, actions: [posting(world)], sweepEvery: false });
      await guard.halt("action", "post", { actor: "ada", reason: "stop" });
      expect(await guard.execute("post", { id: "1" })).toMatchObject({ status: "halted" });
      expect(await world.effects()).toEqual([]);
      await guard.close();
    }));
});

test("a claim that was taken away meanwhile takes its effect with it", async () => {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  await pool.query("CREATE TABLE public.effect_fence (id text)");
  let ahead = 0;
  const store = () => postgresStore({ url, schema: "tx_fence", clock: () => Date.now() + ahead });
  let arrived: () => void = () => undefined;
  const isInside = new Promise<void>((resolve) => (arrived = resolve));
  let goOn: () => void = () => undefined;
  const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
  const action = (name: string) =>
    defineAction({
      name: "post",
      riskTier: "side_effecting",
      keyFields: ["id"],
      transaction: true,
      retry: { base: "1ms", cap: "1ms" },
      execute: async ({ id }: { id: string }, context) => {
        if (context.attemptNumber === 1) throw new Error("the first try fails");
        await context.tx.query("INSERT INTO public.effect_fence (id) VALUES ($1)", [`${id} by ${name}`]);
        if (name !== "slow") return name;
        arrived();
        await mayGoOn;
        return name;
      },
    });
  const slow = createGuard({ store: store(), actions: [action("slow")], sweepEvery: false });
  const fast = createGuard({ store: store(), actions: [action("fast")], sweepEvery: false });
  const outcome = slow.execute("post", { id: "1" });
  await isInside;
  ahead = 60_000;
  await fast.reconcile();
  goOn();
  expect(await outcome).toMatchObject({ status: "replayed", result: "fast" });
  expect((await pool.query("SELECT id FROM public.effect_fence")).rows).toEqual([{ id: "1 by fast" }]);
  await slow.close();
  await fast.close();
  await pool.end();
});

describe("the caller's own transaction", () => {
  const db = () => new pg.Pool({ connectionString: url, max: 4 });
  const note = (table: string) =>
    defineAction({
      name: "note",
      riskTier: "side_effecting",
      keyFields: ["id"],
      transaction: true,
      execute: async ({ id }: { id: string }, context) => {
        await context.tx.query(`INSERT INTO public.${table} (id) VALUES ($1)`, [id]);
        return "noted";
      },
    });

  test("pg: the receipt is there if and only if the caller commits", async () => {
    const pool = db();
    await pool.query("CREATE TABLE public.joined_pg (id text)");
    const guard = createGuard({
      store: postgresStore({ url, schema: "joined_pg" }),
      actions: [note("joined_pg")],
      sweepEvery: false,
    });
    const client = await pool.connect();
    await client.query("BEGIN");
    expect(await guard.execute("note", { id: "1" }, { tx: client })).toMatchObject({ status: "executed" });
    await client.query("ROLLBACK");
    expect(await guard.receipts()).toEqual([]);
    await client.query("BEGIN");
    await guard.execute("note", { id: "1" }, { tx: client });
    expect(await guard.execute("note", { id: "1" }, { tx: client })).toMatchObject({ status: "replayed" });
    await client.query("COMMIT");
    client.release();
    expect(await guard.execute("note", { id: "1" })).toMatchObject({ status: "replayed", result: "noted" });
    expect((await pool.query("SELECT id FROM public.joined_pg")).rows).toEqual([{ id: "1" }]);
    await guard.close();
    await pool.end();
  });

  /** As its users begin a transaction of each library, and write in it. */
  interface Library {
    readonly within: (pool: pg.Pool, work: (tx: unknown) => Promise<void>) => Promise<void>;
    readonly insert: (tx: never, id: string) => Promise<unknown>;
  }
  const LIBRARIES: Record<string, Library> = {
    Kysely: {
      within: (pool, work) => new Kysely({ dialect: new PostgresDialect({ pool }) }).transaction().execute(work),
      insert: (tx: Transaction<unknown>, id) => ksql`INSERT INTO public.joined_by (id) VALUES (${id})`.execute(tx),
    },
    Drizzle: {
      within: (pool, work) => drizzle(pool).transaction(work),
      insert: (tx: NodePgDatabase, id) => tx.execute(dsql`INSERT INTO public.joined_by (id) VALUES (${id})`),
    },
    Prisma: {
      within: (pool, work) => prismaLike(pool, "driver adapter").$transaction(work),
      insert: (tx: PrismaTransactionLike, id) =>
        tx.$queryRawUnsafe("INSERT INTO public.joined_by (id) VALUES ($1::text)", id),
    },
    "postgres.js": {
      within: (pool, work) => postgresJsLike(pool).begin(work),
      insert: async (tx: SqlLike, id) => await tx.unsafe("INSERT INTO public.joined_by (id) VALUES ($1::text)", [id]),
    },
  };

  test.each(Object.entries(LIBRARIES))(
    "%s: effect and receipt are the caller's commit or rollback, and others wait for it",
    async (name, { within, insert }) => {
      const pool = db();
      await pool.query("CREATE TABLE IF NOT EXISTS public.joined_by (id text)");
      await pool.query("TRUNCATE public.joined_by");
      const seen: unknown[] = [];
      const write = defineAction({
        name: "write",
        riskTier: "side_effecting",
        keyFields: ["id"],
        transaction: true,
        execute: async ({ id }: { id: string }, context) => {
          seen.push(context.tx);
          await insert(context.tx as never, id);
          return { written: id };
        },
      });
      const schema = `joined_by_${name.toLowerCase().replace(".", "_")}`;
      const made = () => createGuard({ store: postgresStore({ url, schema }), actions: [write], sweepEvery: false });
      const [guard, elsewhere] = [made(), made()];
      let handle: unknown;
      const undone = within(pool, async (tx) => {
        expect(await guard.execute("write", { id: "1" }, { tx })).toMatchObject({ status: "executed" });
        throw new Error("the caller's own trouble");
      });
      await expect(undone).rejects.toThrow("own trouble");
      expect(await guard.receipts()).toEqual([]);
      let others: Promise<Outcome>[] = [];
      await within(pool, async (tx) => {
        handle = tx;
        expect(await guard.execute("write", { id: "1" }, { tx })).toMatchObject({ status: "executed" });
        expect(await guard.execute("write", { id: "1" }, { tx })).toMatchObject({ status: "replayed" });
        // One in this process, one as in another: both wait for the commit, and neither makes it again.
        others = [guard.execute("write", { id: "1" }), elsewhere.execute("write", { id: "1" })];
        expect(await guard.receipts()).toEqual([]);
      });
      expect(seen.at(-1)).toBe(handle);
      for (const other of others) {
        expect(await other).toMatchObject({ status: "replayed", result: { written: "1" } });
      }
      expect((await pool.query("SELECT id FROM public.joined_by")).rows).toEqual([{ id: "1" }]);
      await guard.close();
      await elsewhere.close();
      await pool.end();
    },
  );

  test("what PostgreSQL says in it is thrown as the driver gives it; a lost connection is store_unavailable", async () => {
    const pool = db();
    await pool.query("CREATE TABLE public.joined_errors (id text)");
    const guard = createGuard({
      store: postgresStore({ url, schema: "joined_errors" }),
      actions: [note("joined_errors")],
      sweepEvery: false,
    });
    await guard.receipts();
    const client = await pool.connect();
    const join = (id: string) => guard.execute("note", { id }, { tx: client });

    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    await client.query("SELECT 1 FROM public.joined_errors");
    await guard.execute("note", { id: "1" });
    await expect(join("1")).rejects.toMatchObject({ code: "40001" });
    await expect(join("2")).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringMatching(/roll back/),
    });
    await client.query("ROLLBACK");

    const holder = await pool.connect();
    await holder.query("BEGIN");
    await guard.execute("note", { id: "3" }, { tx: holder });
    await client.query("BEGIN; SET LOCAL statement_timeout = 100");
    await expect(join("3")).rejects.toMatchObject({ code: "57014" });
    await client.query("ROLLBACK");
    await holder.query("ROLLBACK");
    holder.release();

    await client.query("BEGIN");
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    const lost = new Promise((resolve) => client.once("error", resolve));
    await pool.query("SELECT pg_terminate_backend($1)", [rows[0]?.pid]);
    await lost;
    await expect(join("4")).rejects.toMatchObject({ code: "store_unavailable" });
    client.release(true);
    expect((await guard.receipts()).length).toBe(1);
    await guard.close();
    await pool.end();
  });

  test("one on another database is refused, and left as it was", async () => {
    const elsewhere = await createDatabase();
    const client = new pg.Client({ connectionString: elsewhere });
    await client.connect();
    const guard = createGuard({
      store: postgresStore({ url, schema: "joined_elsewhere" }),
      actions: [note("joined_pg")],
      sweepEvery: false,
    });
    const refused = { code: "invalid_option", message: expect.stringContaining("not on the database of the store") };
    for (const isMigrated of [false, true]) {
      if (isMigrated) {
        const store = postgresStore({ url: elsewhere, schema: "joined_elsewhere" });
        await store.open();
        await store.close();
      }
      await client.query("BEGIN");
      await expect(guard.execute("note", { id: "1" }, { tx: client })).rejects.toMatchObject(refused);
      await client.query("ROLLBACK");
    }
    await client.end();
    await guard.close();
    await dropDatabase(elsewhere);
  });

  test("a pool is no transaction, and neither is a client without BEGIN", async () => {
    const pool = db();
    const guard = createGuard({
      store: postgresStore({ url, schema: "joined_none" }),
      actions: [note("joined_pg")],
      sweepEvery: false,
    });
    await expect(guard.execute("note", { id: "2" }, { tx: pool })).rejects.toMatchObject({ code: "invalid_option" });
    const client = await pool.connect();
    await expect(guard.execute("note", { id: "2" }, { tx: client })).rejects.toMatchObject({ code: "invalid_option" });
    client.release();
    expect(await guard.receipts()).toEqual([]);
    await guard.close();
    await pool.end();
  });

  test("what fails inside it is an error, so that the caller rolls back", async () => {
    const pool = db();
    const broken = defineAction({
      name: "note",
      riskTier: "side_effecting",
      keyFields: ["id"],
      transaction: true,
      execute: async (_: { id: string }, context) => context.tx.query("SELECT nothing FROM nowhere"),
    });
    const guard = createGuard({
      store: postgresStore({ url, schema: "joined_broken" }),
      actions: [broken],
      sweepEvery: false,
    });
    const client = await pool.connect();
    await client.query("BEGIN");
    await expect(guard.execute("note", { id: "1" }, { tx: client })).rejects.toMatchObject({ code: "effect_failed" });
    await client.query("ROLLBACK");
    client.release();
    expect(await guard.receipts()).toEqual([]);
    await guard.close();
    await pool.end();
  });

  test("an action that reaches outside cannot be in it", async () => {
    const outside = defineAction({
      name: "mail",
      riskTier: "side_effecting",
      keyFields: ["id"],
      execute: async (_: { id: string }) => 1,
    });
    const guard = createGuard({
      store: postgresStore({ url, schema: "joined_outside" }),
      actions: [outside],
      sweepEvery: false,
    });
    const pool = db();
    const client = await pool.connect();
    await client.query("BEGIN");
    await expect(guard.execute("mail", { id: "1" }, { tx: client })).rejects.toMatchObject({
      code: "transaction_unsupported",
      message: expect.stringContaining("enqueue"),
    });
    await client.query("ROLLBACK");
    client.release();
    await guard.close();
    await pool.end();
  });
});

describe("the outbox", () => {
  test.each(["pg", "kysely", "drizzle"] as const)(
    "%s: executed after the commit, and never after a rollback",
    async (library) => {
      const schema = `outbox_${library}`;
      const pool = new pg.Pool({ connectionString: url, max: 4 });
      const sent: string[] = [];
      const mail = defineAction({
        name: "mail",
        riskTier: "side_effecting",
        keyFields: ["id"],
        execute: async ({ id }: { id: string }) => void sent.push(id),
      });
      const guard = createGuard({ store: postgresStore({ url, schema }), actions: [mail], sweepEvery: false });
      const inTransaction = async (work: (tx: unknown) => Promise<unknown>): Promise<void> => {
        if (library === "kysely")
          await new Kysely({ dialect: new PostgresDialect({ pool }) }).transaction().execute(work);
        else if (library === "drizzle") await drizzle(pool).transaction(work);
        else {
          const client = await pool.connect();
          try {
            await client.query("BEGIN");
            await work(client);
            await client.query("COMMIT");
          } catch (error) {
            await client.query("ROLLBACK");
            throw error;
          } finally {
            client.release();
          }
        }
      };
      await expect(
        inTransaction(async (tx) => {
          expect(await guard.enqueue("mail", { id: "undone" }, { tx })).toMatchObject({ status: "retry_later" });
          throw new Error("the caller's own trouble");
        }),
      ).rejects.toThrow("own trouble");
      await inTransaction(async (tx) => {
        await guard.enqueue("mail", { id: "done" }, { tx });
        await guard.reconcile();
        expect(sent).toEqual([]); // not committed yet
      });
      await guard.reconcile();
      expect(sent).toEqual(["done"]);
      expect(await guard.execute("mail", { id: "done" })).toMatchObject({ status: "replayed" });
      expect(await guard.receipts()).toMatchObject([{ state: "succeeded", attemptNumber: 1, fencingToken: 1 }]);
      await guard.close();
      await pool.end();
    },
  );

  test("sqlite: with node:sqlite's own BEGIN", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "onceguard-outbox-")), "app.db");
    const sent: string[] = [];
    const mail = defineAction({
      name: "mail",
      riskTier: "side_effecting",
      keyFields: ["id"],
      execute: async ({ id }: { id: string }) => void sent.push(id),
    });
    const earlier = createGuard({ store: sqliteStore({ path }), sweepEvery: false });
    await earlier.receipts();
    await earlier.close();
    const guard = createGuard({ store: sqliteStore({ path }), actions: [mail], sweepEvery: false });
    const db = new DatabaseSync(path);
    db.exec("BEGIN IMMEDIATE");
    await guard.enqueue("mail", { id: "undone" }, { tx: db });
    db.exec("ROLLBACK");
    db.exec("BEGIN IMMEDIATE");
    await guard.enqueue("mail", { id: "done" }, { tx: db });
    db.exec("COMMIT");
    await guard.reconcile();
    expect(sent).toEqual(["done"]);
    await guard.close();
    db.close();
  });
});

test("a store without transactions says so before anything happens", async () => {
  const action = defineAction({
    name: "post",
    riskTier: "side_effecting",
    keyFields: ["id"],
    transaction: true,
    execute: async (_: { id: string }) => 1,
  });
  const guard = createGuard({ store: memoryStore(), actions: [action], sweepEvery: false });
  await expect(guard.execute("post", { id: "1" })).rejects.toMatchObject({ code: "transaction_unsupported" });
  await expect(guard.enqueue("post", { id: "1" }, { tx: {} })).rejects.toMatchObject({
    code: "transaction_unsupported",
  });
});
