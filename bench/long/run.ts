/**
 * All long runs, one after the other: the kill loop on every store, then a soak on each.
 *
 *   npm run bench:long [-- --kills 10000 --seconds 3600 --minutes 10 --rate 200]
 *
 * What each of them takes besides: see kills.ts and soak.ts. Ends with 1 when one of them does.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    kills: { type: "string", default: "10000" },
    seconds: { type: "string" },
    seed: { type: "string" },
    minutes: { type: "string", default: "10" },
    rate: { type: "string", default: "200" },
  },
});

function run(program: string, given: Readonly<Record<string, string | undefined>>): boolean {
  const args = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
  const path = fileURLToPath(new URL(program, import.meta.url));
  return spawnSync(process.execPath, [path, ...args], { stdio: "inherit" }).status === 0;
}

const { kills, seconds, seed, minutes, rate } = options;
const went = [
  run("kills.ts", { kills, seconds, seed }),
  run("soak.ts", { store: "sqlite", minutes, rate }),
  run("soak.ts", { store: "postgres", minutes, rate }),
];
process.exitCode = went.every(Boolean) ? 0 : 1;
