import { DatabaseSync } from "node:sqlite";
import { KNOWN, PAYLOAD, RESULT, unique } from "./contenders.ts";
import type { Contender } from "./measure.ts";
import { poolOf } from "./pool.ts";

const COLUMNS =
  "tenant, request_id, action, risk_tier, capability, key_source, fingerprint, payload, serialized, state, conflict, may_have_applied, fencing_token, generation, attempt_number, version, owner_token, created_at, updated_at, generation_at, due_at";
const INSERT_VALUES =
  "'default', $1, 'pay', 'side_effecting', 'none', 'business_key', $2, $3, false, 'running', false, false, 1, 1, 1, 1, $4, (extract(epoch from now()) * 1000)::bigint, 0, 0, 1";
export const BENCH_INSERT = `INSERT INTO bench_request (${COLUMNS}) VALUES (${INSERT_VALUES}) ON CONFLICT DO NOTHING`;
export const BENCH_UPDATE =
  "UPDATE bench_request SET state = 'succeeded', result = $2, version = version + 1, due_at = NULL WHERE request_id = $1 AND tenant = 'default' AND fencing_token = 1 AND state = 'running'";
const BENCH_SELECT = "SELECT * FROM bench_request WHERE request_id = $1 AND tenant = 'default'";
export const FINGERPRINT = "0".repeat(64);

export interface Bare {
  readonly first: Contender;
  readonly replay: Contender;
  readonly close: () => Promise<void>;
}

/** The same two statements on the same table through a plain `pg` pool of 10, prepared; and a bare SELECT. No log. */
export async function barePostgres(url: string, schema = "onceguard"): Promise<Bare> {
  const pool = poolOf(url);
  const { rows } = await pool.query("SELECT reloptions FROM pg_class WHERE oid = $1::regclass", [`${schema}.request`]);
  const options = (rows[0]?.reloptions as string[] | null)?.join(", ");
  const storage = options === undefined ? "" : `WITH (${options})`;
  await pool.query(`CREATE TABLE IF NOT EXISTS bench_request (LIKE ${schema}.request INCLUDING ALL) ${storage}`);
  const payload = JSON.stringify(PAYLOAD);
  const result = JSON.stringify(RESULT);
  const insert = (id: string) =>
    pool.query({ name: "insert", text: BENCH_INSERT, values: [id, FINGERPRINT, payload, id] });
  const update = (id: string) => pool.query({ name: "update", text: BENCH_UPDATE, values: [id, result] });
  for (let n = 0; n < KNOWN; n++) {
    await insert(`known-${n}`);
    await update(`known-${n}`);
  }
  return {
    first: {
      name: "pg, two prepared statements",
      operation: async (n) => {
        const id = `${unique}-${FINGERPRINT.slice(24)}-${n}`;
        await insert(id);
        await update(id);
      },
    },
    replay: {
      name: "pg, bare SELECT",
      operation: (n) => pool.query({ name: "select", text: BENCH_SELECT, values: [`known-${n % KNOWN}`] }),
    },
    close: () => pool.end(),
  };
}

/** A bare loop of two commits on the same driver, as durable as the guard, on a table with one index and no log. */
export function bareSqlite(path: string): Bare {
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  db.exec("CREATE TABLE IF NOT EXISTS bench_request (id TEXT PRIMARY KEY, payload TEXT, state TEXT, result TEXT)");
  const insert = db.prepare(
    "INSERT INTO bench_request (id, payload, state) VALUES (?, ?, 'running') ON CONFLICT DO NOTHING",
  );
  const update = db.prepare(
    "UPDATE bench_request SET state = 'succeeded', result = ? WHERE id = ? AND state = 'running'",
  );
  const select = db.prepare("SELECT * FROM bench_request WHERE id = ?");
  const payload = JSON.stringify(PAYLOAD);
  const execute = (id: string): void => {
    insert.run(id, payload);
    update.run(JSON.stringify(RESULT), id);
  };
  for (let n = 0; n < KNOWN; n++) execute(`known-${n}`);
  return {
    first: { name: "node:sqlite, two commits", operation: async (n) => execute(`${unique}-${n}`) },
    replay: { name: "node:sqlite, bare SELECT", operation: async (n) => select.get(`known-${n % KNOWN}`) },
    close: async () => db.close(),
  };
}
