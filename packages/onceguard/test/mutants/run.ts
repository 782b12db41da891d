// Breaks one rule at a time in a copy of the code, and expects the tests to notice.
//
//   node packages/onceguard/test/mutants/run.ts [part of a name] [--jobs 3]
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startPostgres } from "../support/postgres.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";

const root = fileURLToPath(new URL("../../../..", import.meta.url));
const { values, positionals } = parseArgs({
  options: { jobs: { type: "string", default: "3" } },
  allowPositionals: true,
});

/** What the tests need of the workspace. */
const PARTS = [
  "package.json",
  "vitest.config.ts",
  ...[
    "src",
    "test",
    "package.json",
    "tsconfig.base.json",
    "tsconfig.core.json",
    "tsconfig.json",
    "tsconfig.test.json",
  ].map((part) => `packages/onceguard/${part}`),
];

type Verdict = "caught" | "SURVIVED" | "DOES NOT APPLY" | "TESTS FAIL WITHOUT IT";

const chosen = MUTANTS.filter(({ name }) => name.includes(positionals[0] ?? ""));
const baseline = new Map<string, boolean>();
const verdicts = new Map<Mutant, Verdict>();
const queue = [...chosen];

// One server for all of them, instead of one for each run.
const server = process.env.ONCEGUARD_TEST_POSTGRES_URL ? null : await startPostgres();
if (server) process.env.ONCEGUARD_TEST_POSTGRES_URL = server.url;

// First that the tests pass as things are: a test that fails anyway has caught nothing. All at once, and only where that
// fails one by one.
const tests = [...new Set(chosen.flatMap((mutant) => mutant.tests))];
const allPass = await passes(copyOf(null), tests);
await each(tests, async (test) => {
  baseline.set(test, allPass || (await passes(copyOf(null), [test])));
});
await each(queue, async (mutant) => {
  const start = performance.now();
  const verdict = await judge(mutant);
  verdicts.set(mutant, verdict);
  const seconds = ((performance.now() - start) / 1_000).toFixed(0).padStart(4);
  process.stdout.write(`  ${verdict.padEnd(8)}${seconds} s  ${mutant.name}\n`);
});

await server?.stop();
const caught = [...verdicts.values()].filter((verdict) => verdict === "caught").length;
process.stdout.write(`${caught} of ${chosen.length} mutants caught\n`);
process.exitCode = caught === chosen.length && chosen.length > 0 ? 0 : 1;

async function judge(mutant: Mutant): Promise<Verdict> {
  for (const test of mutant.tests) if (!baseline.get(test)) return "TESTS FAIL WITHOUT IT";
  const copy = copyOf(mutant);
  if (copy === null) return "DOES NOT APPLY";
  return (await passes(copy, mutant.tests)) ? "SURVIVED" : "caught";
}

/** A copy of the package with the rule broken; null when the text to replace is not there just once. */
function copyOf(mutant: null): string;
function copyOf(mutant: Mutant): string | null;
function copyOf(mutant: Mutant | null): string | null {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-mutant-"));
  for (const part of PARTS) cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  if (mutant === null) return folder;
  const path = join(folder, "packages/onceguard", mutant.file);
  let text = readFileSync(path, "utf8");
  for (const [from, to] of mutant.replace) {
    if (text.split(from).length !== 2) {
      rmSync(folder, { recursive: true });
      return null;
    }
    text = text.replace(from, () => to);
  }
  writeFileSync(path, text);
  return folder;
}

async function passes(folder: string, tests: readonly string[]): Promise<boolean> {
  // What hangs is caught as well, and sooner than in a run where everything should pass.
  const limits = ["--bail=1", "--testTimeout=60000"];
  const args = ["run", ...limits, "--reporter=dot", ...tests.map((test) => `packages/onceguard/${test}`)];
  const vitest = join(root, "node_modules/.bin/vitest");
  const path = [dirname(process.execPath), process.env.PATH].join(":");
  const child = spawn(vitest, args, { cwd: folder, stdio: "ignore", env: { ...process.env, PATH: path } });
  const code = await new Promise((resolve) => child.on("close", resolve));
  rmSync(folder, { recursive: true, force: true });
  return code === 0;
}

async function each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
}
