import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { CONTENT, DOCS, inRepository, ROOT } from "./addresses.ts";
import { allPages } from "./contents.ts";
import { diagrams } from "./diagrams/index.ts";
import { type Diagram, inline } from "./diagrams/svg.ts";
import { firstTable, mapLinks, titleOf } from "./markdown.ts";
import { readExports } from "./reference/read-exports.ts";
import { referencePages, undocumented } from "./reference/reference-pages.ts";
import { subpaths } from "./reference/subpaths.ts";

const DIAGRAMS: ReadonlyMap<string, Diagram> = new Map(diagrams().map((diagram) => [diagram.name, diagram]));

/**
 * Makes the pages as VitePress reads them: docs/ with links that work on the site, drawings in place, the reference, and
 * the home page.
 *
 * @returns what is wrong, line by line: links that lead nowhere, exports without a docstring
 */
export function writeContent(): readonly string[] {
  rmSync(CONTENT, { recursive: true, force: true });
  const problems: string[] = [];
  const exports = readExports(subpaths());
  problems.push(...undocumented(exports).map((name) => `${name} has no docstring`));
  for (const [path, markdown] of referencePages(exports, (guide) => titleOf(read(guide)))) write(path, markdown);
  for (const path of allPages()) {
    const { markdown, dead } = sitePage(path, read(path));
    problems.push(...dead.map((target) => `docs/${path}: ${target} does not exist`));
    write(onSite(path), markdown);
  }
  write("index.md", homePage(readFileSync(`${ROOT}site/home.md`, "utf8")));
  cpSync(`${DOCS}images`, `${CONTENT}images`, { recursive: true });
  mkdirSync(`${CONTENT}public`, { recursive: true });
  cpSync(`${ROOT}packages/dashboard/src/icon.svg`, `${CONTENT}public/icon.svg`);
  return problems;
}

/** Where a page of docs/ is on the site. A folder's README is its index; the one of docs/ itself is not the home page. */
export function onSite(path: string): string {
  return path === "README.md" ? "contents.md" : path.replace(/(^|\/)README\.md$/, "$1index.md");
}

/** A page of docs/ as it stands on the site, and its links to files that do not exist. */
export function sitePage(
  path: string,
  markdown: string,
): { readonly markdown: string; readonly dead: readonly string[] } {
  const text = drawn(markdown);
  const { markdown: linked, dead } = withSiteLinks(path, text);
  const isWide = text !== markdown || /^\|(?:---\|){5,}$/m.test(text);
  return { markdown: isWide ? `${WIDE}${linked}` : linked, dead };
}

/** The same page with links as they are on the site, and nothing else changed. */
export function withSiteLinks(
  path: string,
  text: string,
): { readonly markdown: string; readonly dead: readonly string[] } {
  const dead: string[] = [];
  const markdown = mapLinks(text, (target, words) => {
    const moved = targetOnSite(path, target);
    if (moved === null) dead.push(target);
    return [moved ?? target, titled(path, target, words)];
  });
  return { markdown, dead };
}

/** In the repository a link may say a file's name; a reader of the site sees no files. */
function titled(page: string, target: string, words: string): string {
  const file = posix.join(posix.dirname(page), target.replace(/#.*/, "").replace(/\/$/, "/README.md"));
  const isName = [target, posix.basename(file), `${posix.dirname(file)}/`].some((name) => words === `[${name}]`);
  return isName && !file.startsWith("..") && existsSync(`${DOCS}${file}`) ? `[${titleOf(read(file))}]` : words;
}

/** A page with drawings or wide tables has no column beside it. */
const WIDE = "---\naside: false\npageClass: drawn\n---\n\n";

/** What a link of a page leads to on the site; null when there is no such file in the repository. */
function targetOnSite(page: string, target: string): string | null {
  if (/^([a-z]+:|#)/.test(target)) return target;
  const [file = "", anchor] = target.split("#", 2);
  const path = posix.join("docs", posix.dirname(page), file);
  if (!existsSync(`${ROOT}${path}`)) return null;
  const isFolder = statSync(`${ROOT}${path}`).isDirectory();
  const hash = anchor === undefined ? "" : `#${anchor}`;
  const inDocs = isFolder ? posix.join(path, "README.md") : path;
  if (inDocs.startsWith("docs/") && /\.(md|png|svg)$/.test(inDocs)) {
    const from = posix.dirname(onSite(page));
    const relative = posix.relative(from, onSite(inDocs.slice("docs/".length)));
    return `${relative.startsWith(".") ? "" : "./"}${relative}${hash}`;
  }
  return `${inRepository(isFolder && !path.endsWith("/") ? `${path}/` : path)}${hash}`;
}

/** Drawings go into the page, where they take its colours. */
function drawn(markdown: string): string {
  return markdown.replaceAll(/^!\[[^\]]*\]\(images\/([a-z-]+)\.svg\)$/gm, (whole, name: string) => {
    const diagram = DIAGRAMS.get(name);
    return diagram ? inline(diagram) : whole;
  });
}

/** `<!-- sample: PAGE N -->` and `<!-- table: PAGE -->` stand for what other pages say, and is tested there. */
function homePage(markdown: string): string {
  return markdown
    .replaceAll(/^<!-- sample: (\S+) (\d+) -->$/gm, (_, page: string, n: string) => {
      const sample = [...read(page).matchAll(/^```ts\n[\s\S]*?^```\n(?:\n*^```text\n[\s\S]*?^```)?/gm)][Number(n) - 1];
      if (sample === undefined) throw new Error(`${page} has no sample ${n}.`);
      return sample[0];
    })
    .replaceAll(/^<!-- table: (\S+) -->$/gm, (_, page: string) => firstTable(read(page)));
}

function read(path: string): string {
  return readFileSync(`${DOCS}${path}`, "utf8");
}

function write(path: string, markdown: string): void {
  mkdirSync(dirname(`${CONTENT}${path}`), { recursive: true });
  writeFileSync(`${CONTENT}${path}`, markdown);
}
