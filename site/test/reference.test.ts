import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../src/addresses.ts";
import { type Exported, readExports } from "../src/reference/read-exports.ts";
import { referencePages, undocumented } from "../src/reference/reference-pages.ts";
import { type Subpath, subpaths } from "../src/reference/subpaths.ts";

describe("the reference", () => {
  let exports: ReadonlyMap<Subpath, readonly Exported[]>;

  beforeAll(() => {
    if (!existsSync(subpaths()[0]?.file ?? "")) {
      execFileSync("tsc", ["--build", "packages/onceguard/tsconfig.json"], { cwd: ROOT, stdio: "inherit" });
    }
    exports = readExports(subpaths());
  });

  it("has a docstring for every public export", () => {
    expect(undocumented(exports)).toEqual([]);
  });

  it("has a page for every subpath of the package, with every name that it exports at run time", async () => {
    const pages = referencePages(exports, (guide) => guide);
    const { exports: declared } = JSON.parse(readFileSync(`${ROOT}packages/onceguard/package.json`, "utf8")) as {
      exports: Record<string, string>;
    };
    expect(exports.size).toBe(Object.keys(declared).filter((key) => key !== "./package.json").length);
    for (const [subpath, symbols] of exports) {
      const page = pages.get(subpath.page) ?? "";
      for (const { name } of symbols)
        expect(page, `${subpath.specifier} ${name}`).toMatch(new RegExp(`[#\`]${name}[}\`\\])]`));
    }
    const module = (await import("../../packages/onceguard/src/index.ts")) as object;
    const [root = []] = exports.values();
    const names = new Set(root.map(({ name }) => name));
    expect(Object.keys(module).filter((name) => !names.has(name))).toEqual([]);
  });

  it("explains a symbol at the first subpath that exports it, and leads there from the others", () => {
    const pages = referencePages(exports, (guide) => guide);
    const homes = [...pages].filter(([, text]) => text.includes("{#Receipt}")).map(([path]) => path);
    expect(homes).toEqual(["reference/onceguard.md"]);
    expect(pages.get("reference/store.md")).toContain("(onceguard.md#Receipt)");
  });
});

describe("an export without a docstring", () => {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-reference-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("is found, also behind a re-export, and what has only tags counts as without", () => {
    writeFileSync(
      join(folder, "inner.d.ts"),
      "export interface Bare { readonly a: string }\n/** Says it. */\nexport declare const told: 1;\n",
    );
    writeFileSync(
      join(folder, "index.d.ts"),
      'export { type Bare, told } from "./inner.ts";\n/** @throws Error always */\nexport declare function tagged(): void;\n',
    );
    const subpath = { specifier: "x", page: "reference/x.md", file: join(folder, "index.d.ts"), guide: "stores.md" };
    expect([...undocumented(readExports([subpath]))].sort()).toEqual(["x: Bare", "x: tagged"]);
  });
});
