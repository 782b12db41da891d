/**
 * The throughput benchmark: what a guarded action costs, beside what one would otherwise use, in one run on one machine. Only
 * the ratios carry over to another machine. Tables in Markdown on stdout, progress on stderr.
 *
 *   npm run bench [-- --only sqlite,postgres --quick --seconds 1 --runs 3 --callers 1,16,64,256 --receipts 1000000
 *                     --json FILE]
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { cost } from "./parts/cost.ts";
import { gateway } from "./parts/gateway.ts";
import { growth } from "./parts/growth.ts";
import { memory } from "./parts/memory.ts";
import { openLoop } from "./parts/open-loop.ts";
import { others } from "./parts/others.ts";
import { postgres } from "./parts/postgres.ts";
import { sqlite } from "./parts/sqlite.ts";
import { steps } from "./parts/steps.ts";
import { storm } from "./parts/storm.ts";
import { waiting } from "./parts/waiting.ts";
import { markdown, type Table, verdict } from "./report.ts";
import { progress, type Settings } from "./settings.ts";

const PARTS: Readonly<Record<string, (settings: Settings) => Promise<readonly Table[]>>> = {
  memory,
  waiting,
  sqlite,
  postgres,
  storm,
  "open-loop": openLoop,
  cost,
  gateway,
  others,
  steps,
  growth,
};

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    seconds: { type: "string" },
    runs: { type: "string" },
    callers: { type: "string" },
    receipts: { type: "string" },
    json: { type: "string" },
  },
});
const standard = options.quick
  ? { seconds: "0.2", runs: "1", callers: "1,64", receipts: "20000" }
  : { seconds: "1", runs: "3", callers: "1,16,64,256", receipts: "1000000" };
const settings: Settings = {
  seconds: Number(options.seconds ?? standard.seconds),
  runs: Number(options.runs ?? standard.runs),
  callers: (options.callers ?? standard.callers).split(",").map(Number),
  receipts: Number(options.receipts ?? standard.receipts),
};
const chosen = options.only?.split(",") ?? Object.keys(PARTS);
const unknown = chosen.filter((name) => PARTS[name] === undefined);
if (unknown.length > 0) throw new Error(`no part ${unknown.join(", ")}; there are ${Object.keys(PARTS).join(", ")}`);

const started = performance.now();
const machine = `${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}), Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`;
const tables: Table[] = [];
for (const name of chosen) {
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  progress(`--- ${name} (${seconds} s so far)`);
  tables.push(...((await PARTS[name]?.(settings)) ?? []));
}

const how = `One run on ${machine}; medians of ${settings.runs} runs of ${settings.seconds} s each, in turn.`;
process.stdout.write(`${how}\n\n${tables.map(markdown).join("\n")}\n${verdict(tables)}\n`);
if (options.json !== undefined) {
  writeFileSync(options.json, `${JSON.stringify({ machine, settings, tables }, null, 2)}\n`);
}
