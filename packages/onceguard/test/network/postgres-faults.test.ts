import { randomInt } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Capability } from "../../src/core/receipt.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { type Fault, type LostAckProxy, postgresReplies, startLostAckProxy } from "../../src/testing/lost-ack-proxy.ts";
import { type FlakyWorld, startFlakyWorld } from "../support/flaky-world.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { agent, CAPABILITIES, judge, type PaymentGuard, paymentGuard, settled, type Told } from "./support/payments.ts";

const FAULTS_WANTED = 1_000;
const INTENTS_PER_WAVE = 96;
const MOST_WAVES = 40;

/** Guards with a store and a pool each, as on so many machines; the same intents go to all of them. */
const GUARDS = 3;

const BROKEN: readonly Fault[] = [
  { mode: "reset" },
  { mode: "reset", forward: true },
  { mode: "black_hole" },
  { mode: "dropped_reply", ending: "cut" },
  { mode: "dropped_reply", ending: "cut" },
  { mode: "dropped_reply", ending: "hang" },
];

/** Replay the same chances with ONCEGUARD_TEST_SEED; what meets what still depends on the machine. */
const seed = Number(process.env.ONCEGUARD_TEST_SEED ?? randomInt(2 ** 31));

let database: string;
let world: FlakyWorld;
let toPostgres: LostAckProxy;
let toWorld: LostAckProxy;
const guards: PaymentGuard[] = [];

beforeAll(async () => {
  database = await createDatabase();
  const { hostname, port } = new URL(database);
  toPostgres = await startLostAckProxy({ target: { host: hostname, port: Number(port) }, boundary: postgresReplies });
  world = await startFlakyWorld();
  toWorld = await startLostAckProxy({ target: { host: "127.0.0.1", port: world.port } });

  const url = new URL(database);
  url.port = String(toPostgres.port);
  for (let n = 0; n < GUARDS; n++) {
    // Small batches: more statements to break, and more of each wave's intents hit.
    const store = postgresStore({ url: url.href, statementTimeoutMs: 300, maxConnections: 6, maxBatch: 4 });
    guards.push(paymentGuard({ store, worldUrl: `http://127.0.0.1:${toWorld.port}` }));
  }
});

afterAll(async () => {
  for (const { guard } of guards) await guard.close();
  await toPostgres?.close();
  await toWorld?.close();
  await world?.stop();
  if (database) await dropDatabase(database);
});

const broken = ({ injected }: LostAckProxy): number => injected.reset + injected.black_hole + injected.dropped_reply;

it(`${FAULTS_WANTED} faults before PostgreSQL and before the outside world: no effect twice, none lost, nothing false told`, async () => {
  console.log(`ONCEGUARD_TEST_SEED=${seed}`);
  toPostgres.byChance({ seed, probability: 0.12, faults: BROKEN });
  // Late, too: a request that arrives when its attempt (300 ms) is over, and the probe must not have been believed yet.
  const late: Fault[] = [
    { mode: "delay", ms: 100 },
    { mode: "delay", ms: 400 },
  ];
  toWorld.byChance({ seed: seed + 1, probability: 0.35, faults: [...BROKEN, ...late] });

  const told: Told[] = [];
  let waves = 0;
  const started = performance.now();
  while (broken(toPostgres) + broken(toWorld) < FAULTS_WANTED) {
    expect(++waves, "waves until enough faults").toBeLessThanOrEqual(MOST_WAVES);
    const callers = Array.from({ length: INTENTS_PER_WAVE }, (_, n) => {
      const capability: Capability = CAPABILITIES[n % CAPABILITIES.length] ?? "none";
      const intent = `${waves}.${n}`;
      // The same intent from two guards at once, as duplicates come: a retry that lands on another machine.
      return [n, n + 1].map((at) => agent((guards[at % GUARDS] as PaymentGuard).pay, capability, intent));
    });
    told.push(...(await Promise.all(callers.flat())));
  }
  toPostgres.byChance(null);
  toWorld.byChance(null);
  // What hangs in a black hole stays there until its caller gives up; what starts from now on comes through.
  const faultsDone = performance.now();
  const receipts = await settled(database, (guards[0] as PaymentGuard).guard);

  const verdict = judge(world.effects(), receipts, told);
  console.log(
    JSON.stringify({
      seed,
      waves,
      faultsMs: Math.round(faultsDone - started),
      settleMs: Math.round(performance.now() - faultsDone),
      toPostgres: toPostgres.injected,
      toWorld: toWorld.injected,
      ...verdict,
    }),
  );
  expect(broken(toPostgres) + broken(toWorld)).toBeGreaterThanOrEqual(FAULTS_WANTED);
  for (const proxy of [toPostgres, toWorld]) {
    for (const mode of ["reset", "black_hole", "dropped_reply"] as const) {
      expect(proxy.injected[mode], mode).toBeGreaterThan(0);
    }
  }
  // The store that is away is the only thing that may go wrong where nobody waits.
  const background = guards.flatMap((one) => one.background);
  expect(background.filter((error) => (error as { code?: string }).code !== "store_unavailable")).toEqual([]);
}, 180_000);
