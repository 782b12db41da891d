/**
 * Workers are killed, thousands of them, while they make the same payments; then effects, ledger, receipts and everything
 * that anybody was told have to be one story.
 *
 *   node bench/long/kills.ts [--kills 10000] [--seconds N] [--store sqlite,postgres,pgbouncer,failover] [--seed N]
 *                            [--workers 6] [--strike-every 250] [--json]
 *
 * The kills are shared out among the stores. Ends with 1 when something is wrong, and says where the evidence is kept.
 * TMPDIR says where stores and ledgers are.
 */
import { randomInt } from "node:crypto";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { type KillReport, killLoop } from "../../packages/onceguard/test/long/kill-loop.ts";
import { SITES, type SiteKind } from "../../packages/onceguard/test/long/store-site.ts";
import { bundledLife } from "./bundled-life.ts";
import { machine } from "./machine.ts";

const { values: options } = parseArgs({
  options: {
    kills: { type: "string", default: "10000" },
    seconds: { type: "string" },
    store: { type: "string", default: SITES.join(",") },
    seed: { type: "string", default: String(randomInt(2 ** 31)) },
    workers: { type: "string", default: "6" },
    "strike-every": { type: "string", default: "250" },
    json: { type: "boolean", default: false },
  },
});
const sites = options.store.split(",") as SiteKind[];
for (const site of sites)
  if (!SITES.includes(site)) throw new RangeError(`--store ${site}; expected ${SITES.join(", ")}`);
const share = (total: string): number => Math.ceil(Number(total) / sites.length);

const before = machine();
const reports: KillReport[] = [];
for (const [n, site] of sites.entries()) {
  const program = bundledLife(site === "sqlite" ? "sqlite" : "postgres");
  let told = performance.now();
  const report = await killLoop({
    site,
    kills: share(options.kills),
    ...(options.seconds !== undefined && { seconds: share(options.seconds) }),
    seed: Number(options.seed) + n,
    workers: Number(options.workers),
    strikeEvery: Number(options["strike-every"]),
    ...(program !== undefined && { program }),
    onProgress: ({ kills, strikes, faults, calls }) => {
      if (performance.now() - told < 5_000) return;
      told = performance.now();
      process.stderr.write(`${site}: ${kills} kills, ${strikes} strikes, ${faults} lost on the wire, ${calls} calls\n`);
    },
  });
  if (program !== undefined) rmSync(dirname(program), { recursive: true });
  reports.push(report);
  process.stderr.write(`${described(report)}\n`);
}
if (options.json) process.stdout.write(`${JSON.stringify({ machine: before, reports }, null, 2)}\n`);
process.exitCode = reports.some(({ violations }) => violations.length > 0) ? 1 : 0;

function described(report: KillReport): string {
  const { site, seed, kills, strikes, zombies, faults, calls, openCalls, effects, states, seconds, violations } =
    report;
  const { requests, sharedRequests } = report;
  const counts = Object.entries(states).map(([state, count]) => `${count} ${state}`);
  const wrong = violations.slice(0, 10).map(({ requestId, what }) => `  ${requestId}: ${what}`);
  return [
    `${site}, seed ${seed}: ${kills} kills, ${strikes} strikes, ${zombies} zombies, ${faults} lost on the wire, ${seconds} s`,
    `  ${calls} calls (${openCalls} cut off) for ${requests} requests (${sharedRequests} by several lives), ${effects} effects; receipts: ${counts.join(", ")}`,
    violations.length === 0 ? "  nothing wrong" : `  ${violations.length} VIOLATIONS, kept in ${report.evidence}`,
    ...wrong,
  ].join("\n");
}
