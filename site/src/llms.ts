import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { CONTENT, DIST, DOCS, ROOT } from "./addresses.ts";
import { contents, FOLDERS, type Page, pagesOfFolder, type Section } from "./contents.ts";
import { onSite, withSiteLinks } from "./copy-pages.ts";
import { mapLinks } from "./markdown.ts";
import { subpaths } from "./reference/subpaths.ts";

const ABOUT = readFileSync(`${ROOT}site/llms-head.md`, "utf8");

/** The files of llmstxt.org: an index, everything in one file, and each page as Markdown at its address plus `.md`. */
export function writeLlms(): void {
  const sections = contents();
  save("llms.txt", index(sections));
  save(
    "llms-full.txt",
    [ABOUT, ...sections.flatMap(({ pages }) => pages.map(({ path }) => source(path)))].join("\n\n---\n\n"),
  );
  const folders = FOLDERS.flatMap(pagesOfFolder);
  for (const { path } of [{ path: "README.md" }, ...sections.flatMap(({ pages }) => pages), ...folders]) {
    save(markdownOf(onSite(path)), toMarkdownLinks(withSiteLinks(path, read(path)).markdown));
  }
  for (const { page } of subpaths()) save(markdownOf(page), toMarkdownLinks(readFileSync(`${CONTENT}${page}`, "utf8")));
}

/** `concepts.md` is shown at `concepts.html`, and its Markdown is at `concepts.html.md`. */
export function markdownOf(page: string): string {
  return page.replace(/\.md$/, ".html.md");
}

function index(sections: readonly Section[]): string {
  const list = (pages: readonly Page[]) =>
    pages.map(
      ({ path, title, answers }) => `- [${title}](${markdownOf(onSite(path))})${answers ? `: ${answers}` : ""}`,
    );
  const parts = sections.map(({ title, pages }) => [`## ${title}`, "", ...list(pages), ""].join("\n"));
  const exports = subpaths().map(
    ({ specifier, page }) => `- [${specifier}](${markdownOf(page)}): every export, with its docstring`,
  );
  const optional = FOLDERS.flatMap((folder) => list(pagesOfFolder(folder)));
  return [
    ABOUT,
    ...parts,
    `## Every export\n\n${exports.join("\n")}\n`,
    `## Optional\n\n${optional.join("\n")}\n`,
  ].join("\n");
}

/** Links between pages lead to the Markdown of the other page. */
function toMarkdownLinks(markdown: string): string {
  return mapLinks(markdown, (target) => (/^[a-z]+:/.test(target) ? target : target.replace(/\.md(?=#|$)/, ".html.md")));
}

function source(path: string): string {
  return `<!-- ${posix.join("docs", path)} -->\n\n${read(path)}`;
}

function read(path: string): string {
  return readFileSync(`${DOCS}${path}`, "utf8");
}

function save(path: string, text: string): void {
  mkdirSync(dirname(`${DIST}${path}`), { recursive: true });
  writeFileSync(`${DIST}${path}`, text);
}
