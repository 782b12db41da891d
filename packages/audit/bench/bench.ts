/**
 * Measures the audit as a command, each run in a process of its own.
 *
 *   node bench/bench.ts [FOLDER] [RUNS]
 *
 * Without FOLDER it audits about 100,000 lines: the sources of this repository, copied often enough.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TARGET_LINES = 100_000;
const PACKAGES = fileURLToPath(new URL("../../", import.meta.url));
const CLI = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

const [given, count = "7"] = process.argv.slice(2);
if (!existsSync(CLI)) {
  console.error("build first: npm run build");
  process.exit(2);
}
const work = mkdtempSync(join(tmpdir(), "onceguard-audit-bench-"));
try {
  const folder = given ?? makeFolder(join(work, "repository"));
  const cache = join(work, "cache");
  const cold = runs(() => {
    rmSync(cache, { recursive: true, force: true });
    return run(folder, ["--cache", cache]);
  });
  const uncached = runs(() => run(folder, ["--no-cache"]));
  run(folder, ["--cache", cache]);
  const warm = runs(() => run(folder, ["--cache", cache]));
  const lines = cold[0]?.lines ?? 0;
  console.log(`${lines} lines, ${Number(count)} runs each: median (best to worst), lines per second, peak memory`);
  for (const [name, results] of [
    ["cold, writes a cache", cold],
    ["cold, no cache", uncached],
    ["warm", warm],
  ] as const)
    console.log(`${name.padEnd(22)}${summary(results, lines)}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

interface Run {
  milliseconds: number;
  megabytes: number;
  lines: number;
}

function runs(one: () => Run): Run[] {
  return Array.from({ length: Number(count) }, one).sort((a, b) => a.milliseconds - b.milliseconds);
}

/** The whole command, from the start of the process to its end. */
function run(folder: string, options: string[]): Run {
  const script = `import(${JSON.stringify(CLI)}).then(({ main }) => { process.exitCode = main(process.argv.slice(1)); require("node:fs").writeSync(2, String(process.resourceUsage().maxRSS)); });`;
  const started = performance.now();
  const { stdout, stderr, status } = spawnSync(process.execPath, ["-e", script, "--", folder, "--json", ...options], {
    encoding: "utf8",
    maxBuffer: 1 << 30,
  });
  const milliseconds = performance.now() - started;
  if (status !== 0) throw new Error(stderr);
  const { coverage } = JSON.parse(stdout) as { coverage: { lines: number } };
  return { milliseconds, megabytes: Number(stderr) / 1024, lines: coverage.lines };
}

function summary(results: readonly Run[], lines: number): string {
  const middle = results[results.length >> 1] as Run;
  const seconds = (one: Run | undefined) => ((one?.milliseconds ?? 0) / 1000).toFixed(2);
  const memory = Math.max(...results.map((one) => one.megabytes));
  return `${seconds(middle)} s (${seconds(results[0])} to ${seconds(results.at(-1))})  ${Math.round(lines / (middle.milliseconds / 1000))}/s  ${Math.round(memory)} MB`;
}

/** Copies of the sources next to this package, and of the fixture repository, each under a name of its own. */
function makeFolder(folder: string): string {
  const sources = readdirSync(PACKAGES).map((name) => join(PACKAGES, name, "src"));
  const fixture = join(PACKAGES, "audit/test/fixtures/shop/src");
  let lines = 0;
  for (let copy = 0; lines < TARGET_LINES; copy++)
    for (const [index, from] of [...sources, fixture].entries()) {
      if (!existsSync(from) || lines >= TARGET_LINES) continue;
      const to = join(folder, "packages", `p${copy}-${index}`, "src");
      mkdirSync(to, { recursive: true });
      cpSync(from, to, { recursive: true, filter: (path) => !/\.test\.ts$|\.json$/.test(path) });
      writeFileSync(join(folder, "packages", `p${copy}-${index}`, "package.json"), `{"name":"p${copy}-${index}"}`);
      lines += countLines(to);
    }
  writeFileSync(join(folder, "package.json"), `{"name":"bench","private":true}`);
  return folder;
}

function countLines(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && one.name.endsWith(".ts"))
    .reduce((sum, one) => sum + readFileSync(join(one.parentPath, one.name), "utf8").split("\n").length, 0);
}
