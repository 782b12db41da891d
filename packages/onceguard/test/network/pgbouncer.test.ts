import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import type { Store } from "../../src/core/ports.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { fakeClock, storeContract } from "../../src/testing/index.ts";
import { type Fault, postgresReplies, startLostAckProxy } from "../../src/testing/lost-ack-proxy.ts";
import { startFlakyWorld } from "../support/flaky-world.ts";
import { type PgBouncer, startPgBouncer } from "../support/pgbouncer.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { agent, CAPABILITIES, judge, type PaymentGuard, paymentGuard, settled } from "./support/payments.ts";
import { recordingPool } from "./support/recording-pool.ts";
import { until } from "./support/until.ts";

// PgBouncer in transaction mode: consecutive statements of one client run on different server connections. What needs a
// session (advisory locks, LISTEN, temporary tables, SET) fails here, and so do prepared statements before PgBouncer 1.21.

let database: string;
let bouncer: PgBouncer | null;

beforeAll(async () => {
  database = await createDatabase();
  bouncer = await startPgBouncer(database);
});

afterAll(async () => {
  await bouncer?.stop();
  await dropDatabase(database);
});

/** Its URL, or the test is skipped. */
function pooled({ skip }: Pick<TestContext, "skip">): string {
  return bouncer?.url ?? skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)");
}

let schemas = 0;
const newSchema = (): string => `pooled_${++schemas}`;

/** In a database of its own kept by this test file: any schema is another empty store. */
function counted(name: string) {
  const effects = new Map<string, number>();
  const action = defineAction({
    name,
    riskTier: "side_effecting",
    keyFields: ["id"],
    execute: ({ id }: { id: string }) => {
      const made = (effects.get(id) ?? 0) + 1;
      effects.set(id, made);
      return { id, made };
    },
  });
  return { action, effects };
}

describe("the store contract through PgBouncer", () => {
  storeContract({
    test: (name, run) =>
      it(name, async (context) => {
        pooled(context);
        await run();
      }),
    makeStore: () => {
      const schema = newSchema();
      const { now, advance } = fakeClock();
      const opened: Store[] = [];
      const reopen = (): Store => {
        const store = postgresStore({ url: bouncer?.url ?? "", schema, clock: now, maxConnections: 4 });
        opened.push(store);
        return store;
      };
      const cleanup = async () => {
        for (const store of opened) await store.close();
      };
      return { store: reopen(), reopen, advance, cleanup };
    },
  });
});

it("500 first executions at once, then 500 replays, in two guards with a pool each", async (context) => {
  const url = pooled(context);
  const schema = newSchema();
  const { action, effects } = counted("pay");
  const [a, b] = [1, 2].map(() =>
    createGuard({ store: postgresStore({ url, schema, maxConnections: 10 }), actions: [action], sweepEvery: false }),
  ) as [ReturnType<typeof guardOf>, ReturnType<typeof guardOf>];
  function guardOf() {
    return createGuard({ store: postgresStore({ url }), actions: [action] });
  }
  const ids = Array.from({ length: 500 }, (_, n) => `order-${n}`);

  const first = await Promise.all(ids.map((id, n) => (n % 2 ? a : b).execute("pay", { id })));
  expect(first.map((outcome) => outcome.status).filter((status) => status !== "executed")).toEqual([]);
  expect(effects.size).toBe(500);

  // Crosswise: each id at the guard that did not execute it.
  const replays = await Promise.all(ids.map((id, n) => (n % 2 ? b : a).execute("pay", { id })));
  for (const [n, outcome] of replays.entries()) {
    expect(outcome).toMatchObject({ status: "replayed", result: { id: `order-${n}`, made: 1 } });
  }

  // And both at once, for ids that nobody knows yet: one of them executes, the other gets its result.
  const raced = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      Promise.all([a.execute("pay", { id: `raced-${n}` }), b.execute("pay", { id: `raced-${n}` })]),
    ),
  );
  for (const outcomes of raced) expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(["executed", "replayed"]);
  expect(effects.size).toBe(700);
  expect([...effects.values()].filter((made) => made !== 1)).toEqual([]);
  await Promise.all([a.close(), b.close()]);
});

it("named statements are used directly, and switch themselves off behind a PgBouncer that cannot do them", async (context) => {
  const url = pooled(context);
  const schema = newSchema();
  const { action, effects } = counted("pay");

  const direct = recordingPool(database);
  const guard = createGuard({ store: postgresStore({ pool: direct.pool, schema }), actions: [action], sweepEvery: false });
  await Promise.all(Array.from({ length: 50 }, (_, n) => guard.execute("pay", { id: `direct-${n}` })));
  const named = (asked: typeof direct.asked) => asked.filter(({ name }) => name?.startsWith("onceguard_")).length;
  expect(named(direct.asked.filter(({ text }) => text.includes("INSERT INTO")))).toBeGreaterThan(0);
  await guard.close();
  await direct.end();

  let lost = 0;
  const through = recordingPool(url, async (_asked, run) => {
    try {
      return await run();
    } catch (error) {
      if (["26000", "42P05"].includes((error as { code: string }).code)) lost++;
      throw error;
    }
  });
  const behind = createGuard({ store: postgresStore({ pool: through.pool, schema }), actions: [action], sweepEvery: false });
  let n = 0;
  const work = async (concurrency: number) => {
    const calls = Array.from({ length: concurrency }, () => behind.execute("pay", { id: `pooled-${n++}` }));
    const statuses = (await Promise.all(calls)).map((outcome) => outcome.status);
    expect(statuses.filter((status) => status !== "executed")).toEqual([]);
  };
  // Whoever begins a transaction takes the server connection that was used last, and the guard's next statement has to
  // go to another one, which does not know its name.
  const prepares = await canPrepare(url);
  const busy: pg.Client[] = [];
  for (let round = 0; round < 6 && lost === 0; round++) {
    await work(2);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("BEGIN");
    busy.push(client);
    await work(2);
  }
  for (const client of busy) await client.end();
  if (prepares) {
    expect(lost).toBe(0);
  } else {
    expect(lost).toBeGreaterThan(0);
    const before = { asked: through.asked.length, lost };
    for (let round = 0; round < 10; round++) await work(20);
    expect(named(through.asked.slice(before.asked))).toBe(0);
    expect(lost).toBe(before.lost);
  }
  expect([...effects.values()].filter((made) => made !== 1)).toEqual([]);
  expect(effects.size).toBe(50 + n);
  await behind.close();
  await through.end();
});

/** Whether this PgBouncer (1.21 or later) follows prepared statements from one server connection to the next. */
async function canPrepare(url: string): Promise<boolean> {
  const [client, other] = [1, 2].map(() => new pg.Client({ connectionString: url })) as [pg.Client, pg.Client];
  await Promise.all([client.connect(), other.connect()]);
  const ask = () => client.query({ name: "can_prepare", text: "SELECT 1" });
  try {
    await ask();
    await other.query("BEGIN");
    await ask();
    return true;
  } catch {
    return false;
  } finally {
    await Promise.all([client.end(), other.end()]);
  }
}

describe("faults", () => {
  const BROKEN: readonly Fault[] = [
    { mode: "reset" },
    { mode: "reset", forward: true },
    { mode: "black_hole" },
    { mode: "dropped_reply", ending: "cut" },
    { mode: "dropped_reply", ending: "hang" },
  ];
  const FAULTS_WANTED = 100;

  it.each(["before", "behind"] as const)("%s PgBouncer: no effect twice, none lost", async (where) => {
    const own = await createDatabase(database);
    const target = (url: string) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) });
    const throughPort = (url: string, port: number): string => {
      const changed = new URL(url);
      changed.port = String(port);
      return changed.href;
    };
    const behind = where === "behind" ? await startLostAckProxy({ target: target(own), boundary: postgresReplies }) : null;
    const pooler = await startPgBouncer(behind ? throughPort(own, behind.port) : own);
    if (!pooler) {
      await behind?.close();
      await dropDatabase(own);
      return;
    }
    const proxy = behind ?? (await startLostAckProxy({ target: target(pooler.url), boundary: postgresReplies }));
    const url = behind ? pooler.url : throughPort(pooler.url, proxy.port);
    const world = await startFlakyWorld();
    const guards: PaymentGuard[] = [1, 2].map(() =>
      paymentGuard({
        store: postgresStore({ url, statementTimeoutMs: 300, maxConnections: 6, maxBatch: 4 }),
        worldUrl: `http://127.0.0.1:${world.port}`,
      }),
    );
    const seed = Number(process.env.ONCEGUARD_TEST_SEED ?? Date.now() % 2 ** 31);
    const injected = () => proxy.injected.reset + proxy.injected.black_hole + proxy.injected.dropped_reply;
    try {
      // Statements only: PgBouncer sits out 15 s after a log-in that failed.
      const match = (chunk: Buffer): boolean => chunk[0] !== 0;
      await guards[0]?.guard.receipts({ limit: 1 });
      proxy.byChance({ seed, probability: 0.15, faults: BROKEN, match });
      const told = [];
      for (let wave = 0; injected() < FAULTS_WANTED && wave < 30; wave++) {
        const calls = Array.from({ length: 32 }, (_, n) => {
          const capability = CAPABILITIES[n % CAPABILITIES.length] ?? "none";
          return guards.map(({ pay }) => agent(pay, capability, `${where}.${wave}.${n}`));
        });
        told.push(...(await Promise.all(calls.flat())));
        process.stderr.write(`DBG ${where} ${wave} ${JSON.stringify(proxy.injected)} ${proxy.connections}\n`);
      }
      proxy.byChance(null);
      process.stderr.write("DBG settle\n");
      const receipts = await settled(own, (guards[0] as PaymentGuard).guard);
      process.stderr.write("DBG judge\n");
      const verdict = judge(world.effects(), receipts, told);
      console.log(JSON.stringify({ where, seed, injected: proxy.injected, ...verdict }));
      expect(injected()).toBeGreaterThanOrEqual(FAULTS_WANTED);
    } finally {
      for (const { guard } of guards) await guard.close();
      await pooler.stop();
      await proxy.close();
      await world.stop();
      await dropDatabase(own);
    }
  }, 120_000);
});

it("PgBouncer itself restarts: unavailable or in doubt meanwhile, and then as before", async (context) => {
  pooled(context);
  const own = await createDatabase(database);
  let pooler = await startPgBouncer(own);
  if (!pooler) return;
  // The guard knows one address; which PgBouncer stands behind it changes.
  const place = await startLostAckProxy({
    target: { host: new URL(pooler.url).hostname, port: Number(new URL(pooler.url).port) },
  });
  const url = new URL(own);
  url.port = String(place.port);
  const { action, effects } = counted("pay");
  const store = postgresStore({ url: url.href, statementTimeoutMs: 300, maxConnections: 4 });
  const guard = createGuard({ store, actions: [action], storeTimeout: 300, grace: 300, sweepEvery: false });
  try {
    expect(await guard.execute("pay", { id: "1" })).toMatchObject({ status: "executed" });
    await pooler.stop();
    expect(await guard.execute("pay", { id: "2" })).toMatchObject({ status: "unavailable", dispatched: false });
    expect(effects.has("2")).toBe(false);
    pooler = null;
  } finally {
    await guard.close();
    await place.close();
    await pooler?.stop();
    await dropDatabase(own);
  }
});
