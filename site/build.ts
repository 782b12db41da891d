/**
 * Builds the documentation site into site/dist, and fails on what a reader would stumble over: a page that the table of
 * contents does not name, a dead link or anchor, a public export without a docstring, a drawing that is older than the code.
 *
 *   node site/build.ts [--no-demo]     (after a build of packages/onceguard; --no-demo leaves the recorded demo out)
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "vitepress";
import { DIST, DOCS, ROOT } from "./src/addresses.ts";
import { deadLinks } from "./src/check-links.ts";
import { unlisted } from "./src/contents.ts";
import { writeContent } from "./src/copy-pages.ts";
import { recordDemo, writeDemoPage } from "./src/demo.ts";
import { drawnFiles } from "./src/draw.ts";
import { inputsDigest } from "./src/inputs.ts";
import { writeLlms } from "./src/llms.ts";

const started = Date.now();
rmSync(DIST, { recursive: true, force: true });
const recorded = process.argv.includes("--no-demo") ? Promise.resolve(null) : recordDemo();
const problems = [
  ...unlisted().map((path) => `docs/${path} is in no table of docs/README.md, errors/README.md or audit/README.md`),
  ...[...drawnFiles()]
    .filter(([path, text]) => text !== readFileSync(`${DOCS}${path}`, "utf8"))
    .map(([path]) => `docs/${path} is older than the code: node site/draw.ts`),
  ...writeContent(),
];
writeDemoPage(await recorded);
end(problems);

await build(`${ROOT}site`);
writeLlms();
end(deadLinks().map((link) => `dead link in ${link}`));
writeFileSync(`${DIST}.inputs`, inputsDigest());
console.log(`The site is in site/dist, built in ${Math.round((Date.now() - started) / 1000)} s.`);

function end(found: readonly string[]): void {
  if (found.length === 0) return;
  for (const problem of found) console.error(problem);
  console.error(`${found.length} problem${found.length === 1 ? "" : "s"}; the site is not built.`);
  process.exit(1);
}
