/**
 * What the action log adds to a first execution, and what the isolation of tenants adds to it: the same guard on the same
 * database with and without, in turn. Only the ratios carry over to another machine.
 *
 *   node bench/throughput/hot-path.ts [--seconds 2 --runs 7 --callers 1,16,64 --only sqlite|postgres --json]     (after `npm run build`)
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { type PostgresPool, postgresStore, tenantRoles } from "onceguard/postgres";
import { sqliteStore } from "onceguard/sqlite";
import pg from "pg";
import { startPostgres } from "../../packages/onceguard/test/support/postgres.ts";
import { guardContenders } from "./contenders.ts";
import { type Contender, type Measurement, measure, median, summarise } from "./measure.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    runs: { type: "string", default: "7" },
    callers: { type: "string", default: "1,16,64" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const ms = Number(options.seconds) * 1_000;
const runs = Number(options.runs);

interface Row {
  readonly what: string;
  readonly callers: number;
  readonly measured: Measurement;
  /** Time per execution against the same without it: the median of the ratios of neighbouring runs. */
  readonly cost: number;
  /** Likewise, of the processor time of client and server: what other programs do to the clock is not in it. */
  readonly cpuCost: number;
  readonly cpuMicros: number;
  readonly against: string;
}

const rows: Row[] = [];

/** Each of them in turn, over and over; so that a machine that slows down slows all. */
async function compare(
  server: number | null,
  variants: readonly (Contender & { readonly against: string | null })[],
): Promise<void> {
  for (const callers of options.callers.split(",").map(Number)) {
    const measured = variants.map((): Measurement[] => []);
    const cpu = variants.map((): number[] => []);
    for (let run = 0; run < runs; run++) {
      for (let n = 0; n < variants.length; n++) {
        const at = (n + run) % variants.length; // nobody is always the one after the same
        const one = await measure(variants[at] as Contender, callers, ms, server);
        measured[at]?.push(one);
        cpu[at]?.push((one.clientMicros ?? 0) + (one.serverMicros ?? 0));
      }
    }
    for (const [n, { name, against }] of variants.entries()) {
      const reference = against === null ? n : variants.findIndex((one) => one.name === against);
      const ratio = (of: (n: number, run: number) => number): number =>
        median(Array.from({ length: runs }, (_, run) => of(n, run) / of(reference, run)));
      const row = {
        what: name,
        callers,
        measured: summarise(measured[n] as Measurement[]),
        cost: ratio((one, run) => 1 / (measured[one]?.[run]?.perSecond ?? Number.NaN)),
        cpuCost: ratio((one, run) => cpu[one]?.[run] ?? Number.NaN),
        cpuMicros: median(cpu[n] as number[]),
        against: against ?? name,
      };
      rows.push(row);
      const { perSecond, p50Ms, p99Ms } = row.measured;
      const costs = `  ${row.cost.toFixed(2)}x the time, ${row.cpuCost.toFixed(2)}x the processor time of: ${against}`;
      process.stderr.write(
        `${name.padEnd(31)} ${String(callers).padStart(3)}  ${perSecond.toFixed(0).padStart(6)}/s  p50 ${p50Ms.toFixed(2).padStart(6)}  p99 ${p99Ms.toFixed(2).padStart(6)} ms  ${row.cpuMicros.toFixed(0).padStart(5)} us${against === null ? "" : costs}\n`,
      );
    }
  }
}

const ends: (() => Promise<unknown>)[] = [];

async function variant(
  name: string,
  against: string | null,
  store: Parameters<typeof guardContenders>[1],
): Promise<Contender & { readonly against: string | null }> {
  const { guard, first } = await guardContenders(name, store);
  ends.push(() => guard.close());
  return { name, against, operation: first.operation };
}

/** The same statements, but for the lines of the log. */
function withoutLog(pool: pg.Pool): PostgresPool {
  const bare = (text: string): string => text.replace(/, logged AS \(\s*INSERT INTO [\s\S]*?\n\)(?=\s*SELECT)/, "");
  return {
    query: (query) => pool.query(typeof query === "string" ? query : { ...query, text: bare(query.text) }),
    connect: () => pool.connect() as never,
    end: () => pool.end(),
  };
}

async function postgres(): Promise<void> {
  const server = await startPostgres();
  const place = (user: string): string => server.url.replace("//postgres@", `//${user}@`);
  const pools: pg.Pool[] = [];
  const pooled = (user: string): pg.Pool => {
    const pool = new pg.Pool({ connectionString: place(user), max: 10 });
    pool.on("error", () => undefined); // an idle connection may hear of the end of the server
    pools.push(pool);
    return pool;
  };
  try {
    const admin = pooled("postgres");
    await admin.query("CREATE ROLE service LOGIN; CREATE ROLE tenant LOGIN");
    const roles = tenantRoles({ pool: admin, schema: "isolated" });
    await roles.allow({ role: "service", tenant: "*" });
    await roles.allow({ role: "tenant", tenant: "default" });
    const postmaster = Number(readFileSync(join(server.dataDir, "postmaster.pid"), "utf8").split("\n")[0]);
    await compare(process.platform === "linux" ? postmaster : null, [
      await variant("PostgreSQL, without the log", null, postgresStore({ pool: withoutLog(admin), schema: "bare" })),
      await variant(
        "PostgreSQL",
        "PostgreSQL, without the log",
        postgresStore({ pool: pooled("postgres"), schema: "logged" }),
      ),
      await variant(
        "PostgreSQL, isolated: a service",
        "PostgreSQL",
        postgresStore({ pool: pooled("service"), schema: "isolated" }),
      ),
      await variant(
        "PostgreSQL, isolated: one tenant",
        "PostgreSQL",
        postgresStore({ pool: pooled("tenant"), schema: "isolated" }),
      ),
    ]);
    const { rows: counts } = await admin.query(
      "SELECT (SELECT count(*)::int FROM bare.log) AS bare, (SELECT count(*)::int FROM logged.log) AS logged",
    );
    if (counts[0].bare > 0 || counts[0].logged === 0)
      throw new Error(`the log was not switched off: ${JSON.stringify(counts)}`);
  } finally {
    for (const end of ends.splice(0)) await end();
    for (const pool of pools) await pool.end();
    await server.stop();
  }
}

async function sqlite(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-bench-"));
  const database = new DatabaseSync(join(folder, "bare.db"));
  const prepare = database.prepare.bind(database);
  // As many parameters, and nothing written.
  database.prepare = (sql: string) =>
    prepare(/^INSERT INTO onceguard_log /.test(sql) ? `SELECT ${sql.match(/\?/g)?.join(", ")} WHERE false` : sql);
  try {
    await compare(null, [
      await variant("SQLite, without the log", null, sqliteStore({ database })),
      await variant("SQLite", "SQLite, without the log", sqliteStore({ path: join(folder, "logged.db") })),
    ]);
    const [row] = database.prepare("SELECT count(*) AS n FROM onceguard_log").all();
    if (Number(row?.n) > 0) throw new Error("the log was not switched off");
  } finally {
    for (const end of ends.splice(0)) await end();
    database.close();
    rmSync(folder, { recursive: true });
  }
}

for (const [name, part] of Object.entries({ postgres, sqlite })) {
  if (options.only === undefined || options.only === name) await part();
}
if (options.json)
  process.stdout.write(`${JSON.stringify({ node: process.version, seconds: ms / 1_000, runs, rows }, null, 2)}\n`);
