/**
 * How fast is the console with a million receipts? Fills a PostgreSQL of its own, or a SQLite file, serves it, and measures the API and the
 * first view in Chromium. Not part of the tests: it takes minutes and about two gigabytes.
 *
 *   node packages/dashboard/scripts/million.ts [rows] [--sqlite] [--stay]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { chromium } from "playwright-core";
import type { Store } from "../../onceguard/src/core/ports.ts";
import { serveHttp } from "../../onceguard/src/http/node/serve.ts";
import { createGuard } from "../../onceguard/src/pipeline/create-guard.ts";
import { postgresStore } from "../../onceguard/src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../onceguard/src/stores/sqlite/sqlite-store.ts";
import { startPostgres } from "../../onceguard/test/support/postgres.ts";

const rows = Number(process.argv[2] ?? 1_000_000);
const { store, execute, stop } = process.argv.includes("--sqlite") ? await onSqlite() : await onPostgres();
const guard = createGuard({ store, sweepEvery: false, spill: false });
await guard.receipts({ limit: 1 });
const serving = await serveHttp({ guard, actions: [], port: 0, console: true });
try {
  await fill();
  console.log(`serving at ${serving.url}`);
  for (const path of [
    "/v1/overview?window=24h",
    "/v1/overview?window=7d",
    "/v1/receipts?limit=50",
    "/v1/receipts?limit=50&state=failed",
    "/v1/receipts?limit=50&state=review",
    "/v1/receipts?limit=50&state=held",
    "/v1/receipts?limit=50&action=rare_action",
    "/v1/receipts?limit=50&record_id=order:777",
    "/v1/receipts?limit=50&run_id=run-77",
    "/v1/reviews",
    "/v1/runs",
    "/v1/log?limit=100",
    "/v1/receipts/req-500000",
  ]) {
    const times: number[] = [];
    for (let n = 0; n < 3; n++) {
      const started = performance.now();
      const response = await fetch(serving.url + path);
      await response.arrayBuffer();
      times.push(Math.round(performance.now() - started));
      if (response.status !== 200) console.log(path, response.status);
    }
    console.log(`${path.padEnd(50)} ${times.join(" ms, ")} ms`);
  }
  await deepPages(serving.url);
  await firstView(serving.url);
  if (process.argv.includes("--stay")) await new Promise(() => undefined);
} finally {
  await serving.close();
  await guard.close();
  await stop();
}

/** Pages far from the newest cost what the first one costs. */
async function deepPages(url: string): Promise<void> {
  let after = "";
  for (let page = 1; page <= 60; page++) {
    const started = performance.now();
    const { next } = (await (await fetch(`${url}/v1/receipts?limit=500${after}`)).json()) as { next: string | null };
    if (page % 20 === 0) console.log(`page ${page} of 500: ${Math.round(performance.now() - started)} ms`);
    if (next === null) break;
    after = `&after=${next}`;
  }
}

async function firstView(url: string): Promise<void> {
  const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args });
  const page = await browser.newPage();
  for (const view of ["", "#/receipts", "#/reviews", "#/runs"]) {
    await page.goto("about:blank");
    const started = performance.now();
    await page.goto(`${url}/console/${view}`);
    await page.locator("main[data-ready=true]").waitFor();
    console.log(`first view ${view || "overview"}: ${Math.round(performance.now() - started)} ms`);
  }
  await browser.close();
}

interface Filled {
  readonly store: Store;
  /** Runs SQL; `{request}` and `{log}` stand for the tables, `{numbers}` for a query that gives `n` from 1 to the number of rows. */
  readonly execute: (sql: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

async function onPostgres(): Promise<Filled> {
  const server = await startPostgres();
  const names = {
    request: "onceguard.request",
    log: "onceguard.log",
    numbers: `SELECT n::bigint FROM generate_series(1, ${rows}) AS n`,
  };
  const execute = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query(sql.replaceAll(/\{(\w+)\}/g, (_, name: keyof typeof names) => names[name]));
    await client.end();
  };
  return { store: postgresStore({ url: server.url }), execute, stop: () => server.stop() };
}

async function onSqlite(): Promise<Filled> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-million-"));
  const path = join(folder, "onceguard.db");
  const many = `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${rows}) SELECT n FROM c`;
  const names = { request: "onceguard_request", log: "onceguard_log", numbers: many };
  const execute = async (sql: string): Promise<void> => {
    const database = new DatabaseSync(path);
    database.exec(sql.replaceAll(/\{(\w+)\}/g, (_, name: keyof typeof names) => names[name]));
    database.close();
  };
  return { store: sqliteStore({ path }), execute, stop: async () => rmSync(folder, { recursive: true, force: true }) };
}

/** One in a thousand is open; one in a hundred has failed; the rest has succeeded, over thirty days. A tenth was asked for again. */
async function fill(): Promise<void> {
  const started = performance.now();
  const first = Date.now() - rows * 2_592;
  const failure = JSON.stringify({ certainty: "definite", tier: null, code: "declined", message: "declined" });
  const versions = { actionVersion: "1", policyVersion: "1", caseId: null, outcome: null, approval: null };
  const hold = JSON.stringify({ waitsFor: "approval", reasons: ["over 500"], ...versions });
  await execute(`
INSERT INTO {request} (tenant, request_id, action, record_id, risk_tier, capability, key_source, fingerprint, payload,
  run_id, actor, amount, serialized, state, conflict, may_have_applied, fencing_token, generation, attempt_number, version,
  owner_token, result, failure, evidence, reason, route, hold, created_at, updated_at, generation_at, attempt_ended_at, due_at)
SELECT 'default', 'req-' || n, CASE WHEN n % 50000 = 0 THEN 'rare_action' ELSE 'refund_payment' END, 'order:' || n % 200000,
  'irreversible', 'probe', 'business_key', 'fingerprint-of-' || n, '{"amount":' || n % 9000 || ',"note":"${"x".repeat(200)}"}',
  'run-' || n % 5000, 'agent-' || n % 7, n % 9000, 1 = 0, state, 1 = 0, state = 'in_doubt', 1, 1, 1, 2, '',
  CASE WHEN state = 'succeeded' THEN '{"refunded":true,"id":"re_' || n || '"}' END,
  CASE WHEN state = 'failed' THEN '${failure}' END,
  CASE WHEN state = 'succeeded' THEN 'effect' END, CASE WHEN state = 'review' THEN 'uncertain' END,
  CASE WHEN state = 'review' THEN 'operator' END, CASE WHEN state = 'held' THEN '${hold}' END,
  at, at, at, at, CASE WHEN state IN ('review', 'held', 'in_doubt') THEN at + 60000 END
FROM (SELECT n, ${first} + n * 2592 AS at,
  CASE WHEN n % 3000 = 0 THEN 'review' WHEN n % 3000 = 1 THEN 'held' WHEN n % 3000 = 2 THEN 'in_doubt'
       WHEN n % 100 = 7 THEN 'failed' ELSE 'succeeded' END AS state
  FROM ({numbers}) AS numbers) AS made`);
  await execute(`
INSERT INTO {log} (tenant, request_id, event, action, record_id, run_id, actor, cause, state, version, fencing_token, attempt_number, at)
SELECT tenant, request_id, event, action, record_id, run_id, actor, 'first', CASE event WHEN 'claim' THEN 'running' ELSE state END,
  1, 1, 1, created_at
FROM {request}, (SELECT 'claim' AS event UNION ALL SELECT 'success' UNION ALL SELECT 'replayed') AS e
WHERE event <> 'replayed' OR CAST(amount AS integer) % 10 < 1
ORDER BY created_at, event`);
  await execute("ANALYZE");
  console.log(`${rows} receipts filled in ${Math.round((performance.now() - started) / 1_000)} s`);
}
