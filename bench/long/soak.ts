/**
 * A guard under constant load for a long time: its memory and its latency have to stay as they are. New payments come in at
 * their times, whether earlier ones are done or not (open loop), so that a pause is in the latency of all who waited.
 *
 *   node bench/long/soak.ts [--minutes 10] [--store sqlite|postgres] [--rate 200] [--windows 40] [--json]
 *
 * Ends with 1 when something grows, or when something happened twice.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Store } from "onceguard";
import { postgresStore } from "onceguard/postgres";
import { sqliteStore } from "onceguard/sqlite";
import { type Tolerance, type Trend, trendOf } from "../../packages/onceguard/test/long/trend.ts";
import { startPostgres } from "../../packages/onceguard/test/support/postgres.ts";
import { machine } from "./machine.ts";
import { soakGuard } from "./soak-guard.ts";

// The nursery grows with the largest burst and is never given back, which would look like a leak for a long time.
const FLAGS = ["--expose-gc", "--max-semi-space-size=8"];
const collect = globalThis.gc;
if (collect === undefined) {
  const { status } = spawnSync(process.execPath, [...FLAGS, ...process.argv.slice(1)], { stdio: "inherit" });
  process.exit(status ?? 1);
}

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    store: { type: "string", default: "sqlite" },
    rate: { type: "string", default: "200" },
    windows: { type: "string", default: "40" },
    json: { type: "boolean", default: false },
  },
});
const windows = Number(options.windows);
const windowMs = (Number(options.minutes) * 60_000) / windows;
/** Code is compiled, pools and caches are filled. */
const WARM_UP = 0.2;

interface Sample {
  /** Used, after a collection. */
  readonly heapMB: number;
  /** Of the collector, used or not. */
  readonly heapTotalMB: number;
  readonly externalMB: number;
  readonly rssMB: number;
  readonly loopDelayP99Ms: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly calls: number;
}

type Judged = Exclude<keyof Sample, "calls" | "heapTotalMB">;

const TOLERANCES: Readonly<Record<Judged, Tolerance>> = {
  heapMB: { relative: 0.05, absolute: 2 },
  externalMB: { relative: 0.05, absolute: 2 },
  // A high-water mark, which creeps up to the largest burst.
  rssMB: { relative: 0.15, absolute: 20 },
  loopDelayP99Ms: { relative: 0.5, absolute: 5 },
  p50Ms: { relative: 0.25, absolute: 1 },
  p99Ms: { relative: 0.5, absolute: 10 },
};

async function openStore(): Promise<{ readonly store: Store; readonly remove: () => Promise<void> }> {
  if (options.store === "postgres") {
    const server = await startPostgres();
    return { store: postgresStore({ url: server.url }), remove: () => server.stop() };
  }
  const folder = mkdtempSync(join(tmpdir(), "onceguard-soak-"));
  const remove = async () => rmSync(folder, { recursive: true });
  return { store: sqliteStore({ path: join(folder, "onceguard.db") }), remove };
}

const { store, remove } = await openStore();
const { call, forget, duplicates, told, close } = soakGuard(store);
const delay = monitorEventLoopDelay({ resolution: 10 });
const samples: Sample[] = [];
const before = machine();

/** One window: calls at their times, then what it was like. */
async function window(n: number): Promise<void> {
  const latencies: number[] = [];
  const open = new Set<Promise<void>>();
  const interval = 1_000 / Number(options.rate);
  const start = performance.now();
  delay.reset();
  delay.enable();
  for (let due = start; due < start + windowMs; due += interval) {
    const wait = due - performance.now();
    if (wait > 1) await sleep(wait);
    const done = call().then(() => void latencies.push(performance.now() - due));
    open.add(done);
    void done.finally(() => open.delete(done));
  }
  await Promise.all(open);
  delay.disable();
  const expired = await forget();
  latencies.sort((a, b) => a - b);
  const at = (quantile: number): number => latencies[Math.floor(latencies.length * quantile)] ?? Number.NaN;
  collect?.();
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
  const sample = {
    heapMB: heapUsed / 2 ** 20,
    heapTotalMB: heapTotal / 2 ** 20,
    externalMB: external / 2 ** 20,
    rssMB: rss / 2 ** 20,
    loopDelayP99Ms: delay.percentile(99) / 1e6,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    calls: latencies.length,
  };
  samples.push(sample);
  const figures = Object.entries(sample).map(([name, value]) => `${name} ${value.toFixed(1)}`);
  process.stderr.write(`${String(n + 1).padStart(3)}/${windows}  ${figures.join("  ")}  expired ${expired}\n`);
}

for (let n = 0; n < windows; n++) await window(n);
await close();
await remove();

const judged = samples.slice(Math.floor(windows * WARM_UP));
const trends = Object.fromEntries(
  Object.entries(TOLERANCES).map(([name, tolerance]) => [
    name,
    trendOf(
      judged.map((sample) => sample[name as keyof Sample]),
      tolerance,
    ),
  ]),
) as Record<Judged, Trend>;
const twice = duplicates();

process.stderr.write(
  `\n${options.store}, ${options.rate} calls per second for ${options.minutes} minutes; judged: ${judged.length} windows of ${(windowMs / 1_000).toFixed(1)} s\n`,
);
for (const [name, { median, growth, low, high, grows }] of Object.entries(trends)) {
  const figures = [median, growth, low, high].map((value) => value.toFixed(2).padStart(8)).join("");
  process.stderr.write(`${name.padEnd(15)} median, growth, 99.9 % from, to: ${figures}  ${grows ? "GROWS" : "flat"}\n`);
}
process.stderr.write(`told: ${JSON.stringify(told())}; happened twice: ${twice}\n`);
if (options.json) {
  const report = { machine: before, ...options, trends, told: told(), duplicates: twice, samples };
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
}
process.exitCode = twice > 0 || Object.values(trends).some(({ grows }) => grows) ? 1 : 0;
