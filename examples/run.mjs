/**
 * Runs the examples. Each asserts its own result and exits with 1 when it does not hold; and it has to print what its README
 * says that it prints. One that exits with 77 cannot run here, and its last line on stderr says why.
 *
 *   node examples/run.mjs [--update] [story...]     (after `npm run build`)
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const args = process.argv.slice(2);
const update = args.includes("--update");
const named = args.filter((arg) => !arg.startsWith("--"));
const all = globSync("*/main.ts", { cwd: folder }).map(dirname).sort();
const unknown = named.filter((story) => !all.includes(story));
if (unknown.length > 0) {
  console.error(`There is no example ${unknown.join(", ")}. There are ${all.join(", ")}.`);
  process.exit(2);
}

const stories = named.length > 0 ? named : all;
const ended = stories.map(run);
const count = (how) => ended.filter((one) => one === how).length;
const left = count("skipped") === 0 ? "" : `, ${count("skipped")} skipped`;
console.log(`${count("holds")} of ${stories.length} examples hold${left}`);
process.exitCode = count("fails") === 0 ? 0 : 1;

function run(story) {
  const start = performance.now();
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(folder, story, "main.ts")], {
    encoding: "utf8",
    timeout: 480_000, // a hundred times what most of them take; one of them corrects ten thousand records
  });
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  if (status === 77) {
    console.log(`- ${story}: skipped, ${stderr.trim().split("\n").at(-1)}`);
    return "skipped";
  }
  const problem = status === 0 ? differs(story, stdout) : `it ended with ${signal ?? `exit code ${status}`}`;
  if (named.length > 0 || problem !== null) console.log(`${stdout}${stderr}`);
  console.log(problem === null ? `✔ ${story} (${seconds} s)` : `✘ ${story}: ${problem}`);
  return problem === null ? "holds" : "fails";
}

/** What is wrong with the README's copy of what it prints; null when nothing is, or when it has just been renewed. */
function differs(story, printed) {
  const path = join(folder, story, "README.md");
  const text = readFileSync(path, "utf8");
  const renewed = text.replace(/(?<=^```text\n)[\s\S]*?(?=^```)/m, () => printed);
  if (renewed === text && text.includes(printed)) return null;
  if (!update) return "its README shows another output; --update renews it";
  writeFileSync(path, renewed);
  return null;
}
