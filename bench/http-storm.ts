/**
 * `onceguard serve` on PostgreSQL under a storm of duplicates, with its processes being killed: one effect each, and how long
 * an answer takes beside a bare handler on the same stack. In one run on one machine; only the ratios carry over to another.
 *
 *   node bench/http-storm.ts [--ids 1000 --duplicates 20 --connections 256 --kills 6 --json]     (after `npm run build`)
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { createDatabase, startPostgres } from "../packages/onceguard/test/support/postgres.ts";

const { values: options } = parseArgs({
  options: {
    ids: { type: "string", default: "1000" },
    duplicates: { type: "string", default: "20" },
    connections: { type: "string", default: "256" },
    kills: { type: "string", default: "6" },
    json: { type: "boolean", default: false },
  },
});
const ids = Number(options.ids);
const duplicates = Number(options.duplicates);
const connections = Number(options.connections);
const kills = Number(options.kills);
const WORKERS = 2;
const MAIN = fileURLToPath(new URL("../packages/onceguard/dist/cli/main.js", import.meta.url));

interface Round {
  readonly what: string;
  readonly requests: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  /** Requests that had to be sent again: a connection that broke, or an answer that says so. */
  readonly again: number;
  readonly effects: number;
  readonly twice: number;
  readonly never: number;
}

const postgres = process.env.ONCEGUARD_TEST_POSTGRES_URL ? null : await startPostgres();
const folder = mkdtempSync(join(tmpdir(), "onceguard-storm-"));
const desk = fork(fileURLToPath(new URL("./storm-desk.ts", import.meta.url)), [], { stdio: "inherit" });
try {
  const [deskPort] = (await once(desk, "message")) as [number];
  const deskUrl = `http://127.0.0.1:${deskPort}`;
  const rounds = [await bare(deskUrl), await guarded(deskUrl, 0), await guarded(deskUrl, kills)];
  report(rounds);
  process.exitCode = rounds.slice(1).every(({ twice, never }) => twice === 0 && never === 0) ? 0 : 1;
} finally {
  desk.kill();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** The same stack without the guard: every duplicate is another effect. */
async function bare(deskUrl: string): Promise<Round> {
  const child = fork(fileURLToPath(new URL("./storm-bare.ts", import.meta.url)), [deskUrl], { stdio: "inherit" });
  const [port] = (await once(child, "message")) as [number];
  try {
    return await storm("a bare handler", deskUrl, [port], "bare", () => undefined);
  } finally {
    child.kill();
  }
}

async function guarded(deskUrl: string, killed: number): Promise<Round> {
  const store = await createDatabase(postgres?.url ?? process.env.ONCEGUARD_TEST_POSTGRES_URL);
  const order = {
    name: "order",
    kind: "http",
    riskTier: "side_effecting",
    keyFields: ["ref"],
    url: `${deskUrl}/orders`,
    idempotencyHeader: "Idempotency-Key",
    probe: { url: `${deskUrl}/orders?ref={ref}`, happenedWhen: "items[0].ref" },
    settleDelay: "100ms",
    retry: { base: "50ms", maxAttempts: 20 },
  };
  writeFileSync(join(folder, "onceguard.config.json"), JSON.stringify({ store, actions: [order], lease: "2s" }));
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => startWorker(0)));
  const ports = workers.map(({ port }) => port);
  let over = false;
  const killer = async (): Promise<void> => {
    for (let n = 0; n < killed && !over; n++) {
      await sleep(700);
      const at = n % WORKERS;
      const victim = workers[at] as Worker;
      victim.child.kill("SIGKILL");
      await once(victim.child, "exit");
      workers[at] = await startWorker(victim.port);
    }
  };
  try {
    const what = killed === 0 ? "onceguard serve" : `onceguard serve, ${killed} times killed`;
    const killing = killer();
    const round = await storm(what, deskUrl, ports, `g${killed}`, () => undefined);
    over = true;
    await killing;
    return round;
  } finally {
    for (const { child } of workers) child.kill("SIGKILL");
  }
}

interface Worker {
  readonly child: ChildProcess;
  readonly port: number;
}

async function startWorker(port: number): Promise<Worker> {
  const child = spawn(process.execPath, [MAIN, "serve", "--quiet", "--listen", String(port)], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  for (const until = Date.now() + 30_000; ; await sleep(10)) {
    const found = /serving at http:\/\/[\d.]+:(\d+)/.exec(text)?.[1];
    if (found !== undefined) return { child, port: Number(found) };
    if (Date.now() > until || child.exitCode !== null) throw new Error(`a worker did not start: ${text}`);
  }
}

/** Every id many times, in any order, over so many connections; each request is sent again until it says that it is done. */
async function storm(
  what: string,
  deskUrl: string,
  ports: readonly number[],
  name: string,
  _tick: () => void,
): Promise<Round> {
  const each = Math.max(1, Math.floor(connections / ports.length));
  const pools = ports.map((port) => new Pool(`http://127.0.0.1:${port}`, { connections: each, pipelining: 1 }));
  const requests = Array.from({ length: ids * duplicates }, (_, n) => `${name}-${n % ids}`);
  shuffle(requests);
  const times: number[] = [];
  let again = 0;
  const one = async (ref: string): Promise<void> => {
    const body = JSON.stringify({ action: "order", payload: { ref } });
    for (let tries = 0; ; tries++) {
      const pool = pools[Math.floor(Math.random() * pools.length)] as Pool;
      const started = performance.now();
      try {
        const answer = await pool.request({
          method: "POST",
          path: "/v1/execute",
          headers: { "content-type": "application/json" },
          body,
          headersTimeout: 60_000,
        });
        const text = await answer.body.text();
        if (answer.statusCode === 200) {
          times.push(performance.now() - started);
          return;
        }
        if (tries > 200) throw new Error(`${ref} never ended: ${answer.statusCode} ${text}`);
      } catch (error) {
        if (tries > 200) throw error;
      }
      again += 1;
      await sleep(50 + Math.random() * 100);
    }
  };
  const started = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let ref = requests[next++]; ref !== undefined; ref = requests[next++]) await one(ref);
  };
  await Promise.all(Array.from({ length: connections }, caller));
  const seconds = (performance.now() - started) / 1_000;
  await Promise.all(pools.map((pool) => pool.destroy()));
  const counts = (await (await fetch(`${deskUrl}/counts?prefix=${name}-`)).json()) as Record<string, number>;
  const effects = Object.values(counts);
  times.sort((a, b) => a - b);
  return {
    what,
    requests: requests.length,
    seconds,
    p50: at(times, 0.5),
    p99: at(times, 0.99),
    again,
    effects: effects.reduce((sum, count) => sum + count, 0),
    twice: effects.filter((count) => count > 1).length,
    never: ids - effects.length,
  };
}

function at(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

function shuffle(list: string[]): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [list[i], list[j]] = [list[j] as string, list[i] as string];
  }
}

function report(rounds: readonly Round[]): void {
  const reference = rounds[0] as Round;
  if (options.json) {
    console.log(JSON.stringify({ ids, duplicates, connections, workers: WORKERS, rounds }, null, 2));
    return;
  }
  console.log(
    `${ids} ids x ${duplicates} duplicates, ${connections} connections, ${WORKERS} processes on one PostgreSQL\n`,
  );
  console.log(
    "| | requests/s | p50 ms | p99 ms | p50 ratio | p99 ratio | sent again | effects | ids twice | ids never |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|");
  for (const { what, requests, seconds, p50, p99, again, effects, twice, never } of rounds) {
    const rate = Math.round(requests / seconds).toLocaleString("en-US");
    const ratios = `${(p50 / reference.p50).toFixed(2)} | ${(p99 / reference.p99).toFixed(2)}`;
    console.log(
      `| ${what} | ${rate} | ${p50.toFixed(1)} | ${p99.toFixed(1)} | ${ratios} | ${again} | ${effects} | ${twice} | ${never} |`,
    );
  }
}
