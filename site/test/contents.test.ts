import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { docsUrl } from "../../packages/onceguard/src/core/errors.ts";
import { DOCS, inRepository, REPOSITORY } from "../src/addresses.ts";
import { deadLinks } from "../src/check-links.ts";
import { allPages, contents, FOLDERS, pagesOfFolder, unlisted } from "../src/contents.ts";
import { onSite, sitePage } from "../src/copy-pages.ts";
import { linksIn, mapLinks, rowsOf, titleOf } from "../src/markdown.ts";
import { sidebar } from "../src/sidebar.ts";
import { slugOf } from "../src/slug.ts";

it("names every page of docs/ in a table of contents, once", () => {
  expect(unlisted()).toEqual([]);
  const named = contents().flatMap(({ pages }) => pages.map(({ path }) => path));
  expect(named.filter((path, n) => named.indexOf(path) !== n)).toEqual([]);
  for (const path of named) expect(existsSync(`${DOCS}${path}`), path).toBe(true);
});

it("makes the sidebar of the same tables, with the pages of a folder below its own", () => {
  const links = [...JSON.stringify(sidebar()).matchAll(/"link":"([^"]+)"/g)].map(([, link]) => link);
  const pages = allPages().filter((path) => path !== "README.md");
  const expected = pages.map(
    (path) =>
      `/${onSite(path)
        .replace(/(^|\/)index\.md$/, "$1")
        .replace(/\.md$/, "")}`,
  );
  expect(expected.filter((link) => !links.includes(link))).toEqual([]);
  expect(sidebar().map((section) => section.text)).toContain("Guides by task");
});

it("has every error code's page and every rule of the audit in its folder's table", () => {
  for (const folder of FOLDERS) {
    const pages = pagesOfFolder(folder).map(({ path }) => path);
    const there = allPages().filter((path) => path.startsWith(`${folder}/`) && !path.endsWith("README.md"));
    expect([...pages].sort()).toEqual(there);
  }
});

it("turns links into pages of the site, or into links to the repository, and reports what does not exist", () => {
  const page = [
    "[a](stores.md#backups) [b](errors/README.md) [c](../examples/) [d](../deploy/Dockerfile#L1) [e](https://x.example/y)",
    "[f](#here) [g](audit/) `[h](not-a-link.md)` [`i`](../SECURITY.md) [j](gone.md) [k](README.md)",
  ].join("\n");
  const { markdown, dead } = sitePage("actions.md", page);
  expect(dead).toEqual(["gone.md"]);
  expect(linksIn(markdown)).toEqual([
    "./stores.md#backups",
    "./errors/index.md",
    `${REPOSITORY}/tree/main/examples/`,
    `${REPOSITORY}/blob/main/deploy/Dockerfile#L1`,
    "https://x.example/y",
    "#here",
    "./audit/index.md",
    inRepository("SECURITY.md"),
    "gone.md",
    "./contents.md",
  ]);
  expect(markdown).toContain("`[h](not-a-link.md)`");
  // A file's name is no name for a reader of the site.
  expect(sitePage("actions.md", "[stores.md](stores.md#backups), [errors/](errors/README.md)").markdown).toBe(
    "[Stores](./stores.md#backups), [Errors](./errors/index.md)",
  );
  expect(sitePage("errors/unknown-action.md", "[a](../outcomes.md)").markdown).toBe("[a](../outcomes.md)");
  for (const path of allPages()) expect(sitePage(path, readFileSync(`${DOCS}${path}`, "utf8")).dead, path).toEqual([]);
});

it("keeps to one address of the repository, which the errors' links use too", () => {
  expect(docsUrl("unknown_action")).toBe(inRepository("docs/errors/unknown-action.md"));
});

it("finds dead links, dead anchors and dead links into the repository in what was built", () => {
  const folder = `${mkdtempSync(join(tmpdir(), "onceguard-links-"))}/`;
  const link = (target: string) => `<a class="x" href="${target}">x</a>`;
  const alive = ["./b.html#here", "#top", "/b", "b.html", "https://x.example/gone", inRepository("SECURITY.md")];
  const dead = ["./c.html", "./b.html#gone", "#gone", "/c", inRepository("gone.md")];
  writeFileSync(`${folder}a.html`, `<h1 id="top">a</h1>${[...alive, ...dead].map(link).join("")}<img src="./no.png">`);
  writeFileSync(`${folder}b.html`, '<h2 id="here">b</h2>');
  expect(deadLinks(folder)).toEqual([...dead, "./no.png"].map((target) => `a.html: ${target}`));
  rmSync(folder, { recursive: true });
});

it("makes anchors as GitHub does", () => {
  expect(slugOf("SafeAgent's clients")).toBe("safeagents-clients");
  expect(slugOf("`in_doubt`: what now?")).toBe("in_doubt-what-now");
  expect(slugOf("Backups & restores")).toBe("backups--restores");
});

it("leaves code alone, and finds links whose words hold code", () => {
  const text = "```md\n[a](b.md)\n```\n[`c`](d.md) and ``[e](f.md)``\n";
  expect(linksIn(text)).toEqual(["d.md"]);
  expect(mapLinks(text, () => "x")).toBe("```md\n[a](b.md)\n```\n[`c`](x) and ``[e](f.md)``\n");
  expect(titleOf("# `a` and b\n")).toBe("a and b");
  expect(rowsOf("| a | b |\n|---|---|\n| `x\\|y` | z |")).toEqual([["`x\\|y`", "z"]]);
});
