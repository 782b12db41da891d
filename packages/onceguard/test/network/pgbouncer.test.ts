import { randomInt } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import type { Store } from "../../src/core/ports.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { fakeClock, storeContract } from "../../src/testing/index.ts";
import { type Fault, postgresReplies, startLostAckProxy } from "../../src/testing/lost-ack-proxy.ts";
import { startFlakyWorld } from "../support/flaky-world.ts";
import { patientPool } from "../support/patient-pool.ts";
import { type PgBouncer, startPgBouncer } from "../support/pgbouncer.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { agent, CAPABILITIES, judge, type PaymentGuard, paymentGuard, settled, type Told } from "./support/payments.ts";
import { recordingPool } from "./support/recording-pool.ts";

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

/** An action whose effects are counted by what they are for. */
function counted() {
  const effects = new Map<string, number>();
  const action = defineAction({
    name: "pay",
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
      const opened: (() => Promise<void>)[] = [];
      const reopen = (): Store => {
        const pool = patientPool(bouncer?.url ?? "", 4);
        const store = postgresStore({ pool, schema, clock: now, statementTimeoutMs: 60_000 });
        opened.push(async () => {
          await store.close();
          await pool.end();
        });
        return store;
      };
      const cleanup = async () => {
        for (const close of opened) await close();
      };
      return { store: reopen(), reopen, advance, cleanup };
    },
  });
});

it("500 first executions at once, then 500 replays, in two guards with a pool each", async (context) => {
  const url = pooled(context);
  const schema = newSchema();
  const { action, effects } = counted();
  const newGuard = () =>
    createGuard({ store: postgresStore({ url, schema, maxConnections: 10 }), actions: [action], sweepEvery: false });
  const [a, b] = [newGuard(), newGuard()];
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
  for (const outcomes of raced)
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(["executed", "replayed"]);
  expect(effects.size).toBe(700);
  expect([...effects.values()].filter((made) => made !== 1)).toEqual([]);
  await Promise.all([a.close(), b.close()]);
});

it("named statements are used directly, and switch themselves off behind a PgBouncer that cannot do them", async (context) => {
  const url = pooled(context);
  const schema = newSchema();
  const { action, effects } = counted();

  const direct = recordingPool(database);
  const guard = createGuard({
    store: postgresStore({ pool: direct.pool, schema }),
    actions: [action],
    sweepEvery: false,
  });
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
  const behind = createGuard({
    store: postgresStore({ pool: through.pool, schema }),
    actions: [action],
    sweepEvery: false,
  });
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
  const FAULTS_WANTED = 150;
  /**
   * Parse or Bind: a statement of ours. Not the log-in, after whose failure PgBouncer sits out 15 s, and not its own SET
   * before a statement: swallowed there, it never looks at its client again (unless `query_timeout` is set).
   */
  const isStatement = (chunk: Buffer): boolean => chunk[0] === 0x50 || chunk[0] === 0x42;

  const through = (url: string, port: number): string => {
    const changed = new URL(url);
    changed.port = String(port);
    return changed.href;
  };

  it.for(["before", "behind"] as const)(
    "faults %s PgBouncer: no effect twice, none lost",
    { timeout: 300_000 },
    async (where, context) => {
      pooled(context);
      const cleanUp: (() => Promise<unknown>)[] = [];
      try {
        const own = await createDatabase(database);
        cleanUp.push(() => dropDatabase(own));
        const proxyTo = async (url: string) => {
          const { hostname, port } = new URL(url);
          const proxy = await startLostAckProxy({
            target: { host: hostname, port: Number(port) },
            boundary: postgresReplies,
          });
          cleanUp.push(() => proxy.close());
          return proxy;
        };
        const poolerTo = async (url: string) => {
          const pooler = (await startPgBouncer(url)) as PgBouncer;
          cleanUp.push(() => pooler.stop());
          return pooler.url;
        };
        const place = where === "before" ? await poolerTo(own) : own;
        const proxy = await proxyTo(place);
        const url = where === "before" ? through(place, proxy.port) : await poolerTo(through(place, proxy.port));
        const world = await startFlakyWorld();
        cleanUp.push(() => world.stop());
        const guards: PaymentGuard[] = [1, 2].map(() => {
          const store = postgresStore({ url, statementTimeoutMs: 300, maxConnections: 6, maxBatch: 4 });
          return paymentGuard({ store, worldUrl: `http://127.0.0.1:${world.port}` });
        });
        for (const { guard } of guards) cleanUp.push(() => guard.close());
        const [first] = guards as [PaymentGuard];

        await first.guard.receipts({ limit: 1 });
        const seed = Number(process.env.ONCEGUARD_TEST_SEED ?? randomInt(2 ** 31));
        console.log(`ONCEGUARD_TEST_SEED=${seed}`);
        proxy.byChance({ seed, probability: 0.15, faults: BROKEN, match: isStatement });
        const injected = () => proxy.injected.reset + proxy.injected.black_hole + proxy.injected.dropped_reply;
        const told: Told[] = [];
        for (let wave = 0; injected() < FAULTS_WANTED; wave++) {
          expect(wave, "waves until enough faults").toBeLessThan(40);
          const calls = Array.from({ length: 32 }, (_, n) => {
            const capability = CAPABILITIES[n % CAPABILITIES.length] ?? "none";
            return guards.map(({ pay }) => agent(pay, capability, `${where}.${wave}.${n}`));
          });
          told.push(...(await Promise.all(calls.flat())));
        }
        proxy.byChance(null);
        const receipts = await settled(own, first.guard);
        const verdict = judge(world.effects(), receipts, told);
        console.log(JSON.stringify({ where, seed, injected: proxy.injected, ...verdict }));
      } finally {
        for (const undo of cleanUp.reverse()) await undo();
      }
    },
  );
});
