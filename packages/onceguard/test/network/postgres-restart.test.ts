import { afterAll, beforeAll, expect, it } from "vitest";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { type FlakyWorld, startFlakyWorld } from "../support/flaky-world.ts";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { agent, CAPABILITIES, judge, type PaymentGuard, paymentGuard, settled, type Told } from "./support/payments.ts";
import { until } from "./support/until.ts";

/** PostgreSQL ends like a process that is killed (SIGQUIT: no checkpoint, connections cut), this often. */
const CRASHES = 4;
const CALLERS = 24;
const ACKNOWLEDGED_BETWEEN = 60;

let server: PostgresServer;
let world: FlakyWorld;
const guards: PaymentGuard[] = [];

beforeAll(async () => {
  server = await startPostgres();
  world = await startFlakyWorld();
  guards.push(newGuard(), newGuard());
});

afterAll(async () => {
  for (const { guard } of guards) await guard.close();
  await world?.stop();
  await server?.stop();
});

function newGuard(): PaymentGuard {
  const store = postgresStore({ url: server.url, statementTimeoutMs: 500, maxConnections: 6 });
  return paymentGuard({ store, worldUrl: `http://127.0.0.1:${world.port}` });
}

it(`PostgreSQL crashes ${CRASHES} times under load: no effect twice, no acknowledged receipt lost, no exception`, async () => {
  const told: Told[] = [];
  const asked = { succeeded: 0, uncertain: 0 };
  let stopped = false;
  let intents = 0;

  async function caller(n: number): Promise<void> {
    const guard = guards[n % guards.length] as PaymentGuard;
    while (!stopped) {
      const number = intents++;
      const capability = CAPABILITIES[number % CAPABILITIES.length] ?? "none";
      const pay: PaymentGuard["pay"] = async (...call) => {
        const outcome = await guard.pay(...call);
        if (outcome.status === "executed" || outcome.status === "replayed") asked.succeeded++;
        else if (outcome.status === "unavailable" || outcome.status === "in_doubt") asked.uncertain++;
        return outcome;
      };
      told.push(await agent(pay, capability, `intent-${number}`));
    }
  }

  const load = Array.from({ length: CALLERS }, (_, n) => caller(n));
  const outages: number[] = [];
  for (let crash = 0; crash < CRASHES; crash++) {
    const before = asked.succeeded;
    await until(() => asked.succeeded >= before + ACKNOWLEDGED_BETWEEN);
    const uncertain = asked.uncertain;
    const from = performance.now();
    await server.stopImmediate();
    // A process that starts while the store is away: an answer, and nothing is sent.
    const newcomer = newGuard();
    const answer = await newcomer.pay("downstream_key", `newcomer-${crash}`);
    expect(answer).toMatchObject({ status: "unavailable", dispatched: false });
    // Every caller at the time hears that it is uncertain, not an exception and not silence.
    await until(() => asked.uncertain >= uncertain + CALLERS / 2);
    await server.restart();
    outages.push(Math.round(performance.now() - from));
    // The same guard object works once its store is back.
    const later = await agent(newcomer.pay, "downstream_key", `newcomer-${crash}`);
    expect(later.outcomes.at(-1)?.status).toBe("executed");
    told.push({ ...later, outcomes: [answer, ...later.outcomes] });
    await newcomer.guard.close();
  }
  const before = asked.succeeded;
  await until(() => asked.succeeded >= before + ACKNOWLEDGED_BETWEEN);
  stopped = true;
  await Promise.all(load);

  const receipts = await settled(server.url, (guards[0] as PaymentGuard).guard);
  const verdict = judge(world.effects(), receipts, told);
  console.log(JSON.stringify({ outages, acknowledged: asked.succeeded, ...verdict }));
  expect(verdict.effects).toBeGreaterThanOrEqual(ACKNOWLEDGED_BETWEEN * (CRASHES + 1));
  expect(new Set(Object.keys(verdict.told))).toContain("unavailable");
  const background = guards.flatMap((one) => one.background);
  expect(background.filter((error) => (error as { code?: string }).code !== "store_unavailable")).toEqual([]);
}, 180_000);
