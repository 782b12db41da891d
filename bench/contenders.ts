import { DatabaseSync } from "node:sqlite";
import { createGuard, defineAction, type Guard, type Store } from "onceguard";
import pg from "pg";
import type { Contender } from "./measure.ts";

const PAYLOAD = { orderId: "A1", amount: 500, currency: "EUR", note: "a short note that a model wrote" };
const KNOWN = 1_000;
const unique = `${Date.now().toString(36)}${process.pid}`;

const pay = defineAction({
  name: "pay",
  riskTier: "side_effecting",
  keyFields: ["orderId"],
  execute: (payload: typeof PAYLOAD) => ({ paid: payload.amount }),
});

/** The guard over a store: a first execution per id, and replays of ids that are known. */
export async function guardContenders(
  name: string,
  store: Store,
): Promise<{ guard: Guard<[typeof pay]>; first: Contender; replay: Contender }> {
  const guard = createGuard({ store, actions: [pay], sweepEvery: false });
  const call = (orderId: string) => guard.execute("pay", { ...PAYLOAD, orderId });
  for (let n = 0; n < KNOWN; n += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, i) => call(`known-${n + i}`)));
  }
  return {
    guard,
    first: {
      name: `${name}: first execution`,
      operation: async (n) => expect(await call(`${unique}-${n}`), "executed"),
    },
    replay: {
      name: `${name}: replay`,
      operation: async (n) => expect(await call(`known-${n % KNOWN}`), "replayed"),
    },
  };
}

function expect(outcome: { status: string }, status: string): void {
  if (outcome.status !== status) throw new Error(`expected ${status}, got ${JSON.stringify(outcome)}`);
}

const COLUMNS =
  "tenant, request_id, action, risk_tier, capability, key_source, fingerprint, payload, state, conflict, may_have_applied, fencing_token, generation, attempt_number, version, owner_token, created_at, updated_at, generation_at, due_at";
const INSERT_VALUES =
  "'default', $1, 'pay', 'side_effecting', 'none', 'business_key', $2, $3, 'running', false, false, 1, 1, 1, 1, $4, (extract(epoch from now()) * 1000)::bigint, 0, 0, 1";
export const BENCH_INSERT = `INSERT INTO bench_request (${COLUMNS}) VALUES (${INSERT_VALUES}) ON CONFLICT DO NOTHING`;
export const BENCH_UPDATE =
  "UPDATE bench_request SET state = 'succeeded', result = $2, version = version + 1, due_at = NULL WHERE request_id = $1 AND tenant = 'default' AND fencing_token = 1 AND state = 'running'";
const BENCH_SELECT = "SELECT * FROM bench_request WHERE request_id = $1 AND tenant = 'default'";
const FINGERPRINT = "0".repeat(64);

/** The same two statements on the same table through a plain `pg` pool of 10, prepared; and a bare SELECT. */
export async function rawPostgres(
  url: string,
): Promise<{ first: Contender; replay: Contender; close: () => Promise<void> }> {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  await pool.query("CREATE TABLE IF NOT EXISTS bench_request (LIKE onceguard.request INCLUDING ALL)");
  const payload = JSON.stringify(PAYLOAD);
  const insert = (id: string) =>
    pool.query({ name: "insert", text: BENCH_INSERT, values: [id, FINGERPRINT, payload, id] });
  const update = (id: string) => pool.query({ name: "update", text: BENCH_UPDATE, values: [id, '{"paid":500}'] });
  for (let n = 0; n < KNOWN; n++) {
    await insert(`known-${n}`);
    await update(`known-${n}`);
  }
  return {
    first: {
      name: "pg, two prepared statements",
      operation: async (n) => {
        await insert(`${unique}-${FINGERPRINT.slice(24)}-${n}`);
        await update(`${unique}-${FINGERPRINT.slice(24)}-${n}`);
      },
    },
    replay: {
      name: "pg, bare SELECT",
      operation: (n) => pool.query({ name: "select", text: BENCH_SELECT, values: [`known-${n % KNOWN}`] }),
    },
    close: () => pool.end(),
  };
}

/** A bare loop of two commits on the same driver, as durable as the guard. */
export function rawSqlite(path: string): { first: Contender; close: () => void } {
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  db.exec("CREATE TABLE IF NOT EXISTS bench_request (id TEXT PRIMARY KEY, payload TEXT, state TEXT, result TEXT)");
  const insert = db.prepare(
    "INSERT INTO bench_request (id, payload, state) VALUES (?, ?, 'running') ON CONFLICT DO NOTHING",
  );
  const update = db.prepare(
    "UPDATE bench_request SET state = 'succeeded', result = ? WHERE id = ? AND state = 'running'",
  );
  const payload = JSON.stringify(PAYLOAD);
  return {
    first: {
      name: "node:sqlite, two commits",
      operation: async (n) => {
        insert.run(`${unique}-${n}`, payload);
        update.run('{"paid":500}', `${unique}-${n}`);
      },
    },
    close: () => db.close(),
  };
}
