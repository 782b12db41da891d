/**
 * First execution and replay on SQLite and PostgreSQL at 1, 16, 64 and 256 callers, beside the same statements without
 * Onceguard, and a tool call through the MCP gateway beside the same call without it, in one run on one machine. Only the
 * ratios carry over to another machine.
 *
 *   npm run bench [-- --seconds 2 --runs 5 --callers 1,16,64,256 --only sqlite|postgres|memory|storm|gateway --json]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { memoryStore } from "onceguard/memory";
import { postgresStore } from "onceguard/postgres";
import { sqliteStore } from "onceguard/sqlite";
import { startPostgres } from "../packages/onceguard/test/support/postgres.ts";
import { guardContenders, rawPostgres, rawSqlite } from "./contenders.ts";
import { gatewayContenders } from "./gateway.ts";
import { type Contender, type Measurement, measure, summarise } from "./measure.ts";
import { findPgbench, pgbench } from "./pgbench.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    runs: { type: "string", default: "5" },
    callers: { type: "string", default: "1,16,64,256" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const ms = Number(options.seconds) * 1_000;
const runs = Number(options.runs);
const concurrencies = options.callers.split(",").map(Number);

interface Row {
  readonly what: string;
  readonly callers: number;
  readonly onceguard: Measurement;
  readonly reference: string;
  readonly measured: Measurement;
  readonly ratio: number;
  /** From the project's performance goals; null where none is stated. */
  readonly target: number | null;
}

const rows: Row[] = [];

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Ours and the reference in turn, A B A B, so that a machine that slows down slows both. */
async function compare(
  what: string,
  ours: Contender,
  reference: string,
  theirs: (callers: number) => Promise<Measurement>,
  targets: Readonly<Record<number, number>>,
): Promise<void> {
  for (const callers of concurrencies) {
    const a: Measurement[] = [];
    const b: Measurement[] = [];
    for (let n = 0; n < runs; n++) {
      a.push(await measure(ours, callers, ms));
      b.push(await theirs(callers));
    }
    const onceguard = summarise(a);
    const measured = summarise(b);
    const row = {
      what,
      callers,
      onceguard,
      reference,
      measured,
      ratio: onceguard.perSecond / measured.perSecond,
      target: targets[callers] ?? null,
    };
    rows.push(row);
    progress(describe(row));
  }
}

function describe(row: Row): string {
  const figure = ({ perSecond, p50Ms, p99Ms }: Measurement): string =>
    `${perSecond.toFixed(0).padStart(7)}/s  p50 ${p50Ms.toFixed(2).padStart(6)}  p99 ${p99Ms.toFixed(2).padStart(7)} ms`;
  const goal = row.target === null ? "" : `  goal ${row.target}x ${row.ratio >= row.target ? "met" : "MISSED"}`;
  return `${row.what.padEnd(28)} ${String(row.callers).padStart(3)}  ${figure(row.onceguard)}  |  ${row.reference.padEnd(26)} ${figure(row.measured)}  |  ${row.ratio.toFixed(2)}x${goal}`;
}

const timed = (contender: Contender) => (callers: number) => measure(contender, callers, ms);

async function sqlite(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-bench-"));
  const { guard, first, replay } = await guardContenders("SQLite", sqliteStore({ path: join(folder, "guard.db") }));
  const raw = rawSqlite(join(folder, "raw.db"));
  await compare("SQLite first execution", first, raw.first.name, timed(raw.first), { 1: 0.7, 64: 2 });
  await compare("SQLite replay", replay, raw.first.name, timed(raw.first), {});
  await guard.close();
  raw.close();
  rmSync(folder, { recursive: true });
}

async function postgres(): Promise<void> {
  const server = await startPostgres();
  try {
    const { guard, first, replay } = await guardContenders("PostgreSQL", postgresStore({ url: server.url }));
    const raw = await rawPostgres(server.url);
    await compare("PostgreSQL first execution", first, raw.first.name, timed(raw.first), {
      1: 0.9,
      16: 1.7,
      64: 2.3,
      256: 2.5,
    });
    await compare("PostgreSQL replay", replay, raw.replay.name, timed(raw.replay), { 1: 0.8, 64: 3 });
    const program = findPgbench();
    if (program) {
      await compare(
        "PostgreSQL first execution",
        first,
        "pgbench, same statements",
        (callers) => pgbench(program, server.url, callers, ms),
        { 16: 0.9, 64: 1.5, 256: 2 },
      );
    } else progress("pgbench is not installed (Debian: postgresql-contrib); its floor is left out");
    await guard.close();
    await raw.close();
  } finally {
    await server.stop();
  }
}

async function memory(): Promise<void> {
  const { guard, first, replay } = await guardContenders("memory", memoryStore());
  for (const contender of [first, replay]) {
    const { perSecond } = summarise([await measure(contender, 1, ms), await measure(contender, 1, ms)]);
    progress(`${contender.name.padEnd(28)}   1  ${(1e6 / perSecond).toFixed(1)} us per call`);
  }
  await guard.close();
}

/** 100 callers at once with one id: what the last of them waits for, against one execution alone. */
async function storm(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-bench-"));
  const { guard, first } = await guardContenders("SQLite", sqliteStore({ path: join(folder, "guard.db") }));
  const single = await measure(first, 1, ms);
  const storms: number[] = [];
  for (let n = 0; n < 100; n++) {
    const start = performance.now();
    const call = () => guard.execute("pay", { orderId: `storm-${n}`, amount: 1, currency: "EUR", note: "" });
    await Promise.all(Array.from({ length: 100 }, call));
    storms.push(performance.now() - start);
  }
  storms.sort((a, b) => a - b);
  progress(
    `storm of 100 on one id         p99 ${(storms[98] as number).toFixed(2)} ms against p99 ${single.p99Ms.toFixed(2)} ms for one execution alone: ${((storms[98] as number) / single.p99Ms).toFixed(2)}x  goal at most 2x`,
  );
  await guard.close();
  rmSync(folder, { recursive: true });
}

/** A call through the MCP gateway over stdio beside the same call without it, each with one caller who waits. */
async function gateway(): Promise<void> {
  const { direct, close, ...contenders } = await gatewayContenders();
  for (const contender of Object.values(contenders)) {
    const ours: Measurement[] = [];
    const theirs: Measurement[] = [];
    for (let n = 0; n < runs; n++) {
      ours.push(await measure(contender, 1, ms));
      theirs.push(await measure(direct, 1, ms));
    }
    const [a, b] = [summarise(ours), summarise(theirs)];
    const added = a.p50Ms - b.p50Ms;
    const goal = contender === contenders.safe ? `  goal under 1 ms added ${added < 1 ? "met" : "MISSED"}` : "";
    progress(
      `gateway: ${contender.name.padEnd(20)} p50 ${a.p50Ms.toFixed(2)}  p99 ${a.p99Ms.toFixed(2)} ms  |  directly p50 ${b.p50Ms.toFixed(2)}  p99 ${b.p99Ms.toFixed(2)} ms  |  p50 ${(a.p50Ms / b.p50Ms).toFixed(2)}x, ${added.toFixed(2)} ms added${goal}`,
    );
    rows.push({
      what: `gateway, ${contender.name}`,
      callers: 1,
      onceguard: a,
      reference: "the same server directly",
      measured: b,
      ratio: a.perSecond / b.perSecond,
      target: null,
    });
  }
  close();
}

const parts = { memory, sqlite, storm, gateway, postgres } as const;
for (const [name, part] of Object.entries(parts)) {
  if (options.only === undefined || options.only.split(",").includes(name)) await part();
}
if (options.json)
  process.stdout.write(`${JSON.stringify({ node: process.version, seconds: ms / 1_000, runs, rows }, null, 2)}\n`);
