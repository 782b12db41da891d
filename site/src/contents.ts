import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { DOCS } from "./addresses.ts";
import { linksIn, rowsOf, titleOf } from "./markdown.ts";

/** A page of the documentation. */
export interface Page {
  /** Its file in `docs/`. */
  readonly path: string;
  readonly title: string;
  /** The question that it answers, in Markdown. */
  readonly answers: string;
}

export interface Section {
  readonly title: string;
  readonly pages: readonly Page[];
}

/** The table of contents has one source: the tables of docs/README.md, each under its heading. */
export function contents(): readonly Section[] {
  const readme = read("README.md");
  return readme
    .split(/^## /m)
    .slice(1)
    .filter((part) => part.includes("\n| page | answers |"))
    .map((part) => ({
      title: part.slice(0, part.indexOf("\n")).trim(),
      pages: rowsOf(/^\|.*(?:\n\|.*)+/m.exec(part)?.[0] ?? "").map(([link = "", answers = ""]) => {
        const path = linksIn(link)[0] ?? link;
        return { path, title: titleOf(read(path)), answers };
      }),
    }));
}

/** The pages that a folder's README.md names (errors, rules of the audit), in its order. */
export function pagesOfFolder(folder: string): readonly Page[] {
  const named = linksIn(read(`${folder}/README.md`))
    .map((target) => posix.join(folder, target.replace(/#.*/, "")))
    .filter((path) => posix.dirname(path) === folder && path.endsWith(".md") && !path.endsWith("/README.md"));
  return [...new Set(named)].map((path) => ({ path, title: titleOf(read(path)), answers: "" }));
}

/** Folders with a table of contents of their own. */
export const FOLDERS: readonly string[] = ["errors", "audit"];

/** Every page there is, whether it is named anywhere or not. */
export function allPages(): readonly string[] {
  return globSync("**/*.md", { cwd: DOCS })
    .map((path) => path.replaceAll("\\", "/"))
    .sort();
}

/** Pages that no table names, and so nobody finds. */
export function unlisted(): readonly string[] {
  const listed = new Set(["README.md", ...contents().flatMap(({ pages }) => pages.map(({ path }) => path))]);
  for (const folder of FOLDERS) for (const { path } of pagesOfFolder(folder)) listed.add(path);
  return allPages().filter((path) => !listed.has(path));
}

function read(path: string): string {
  return readFileSync(`${DOCS}${path}`, "utf8");
}
