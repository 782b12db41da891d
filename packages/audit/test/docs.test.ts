import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { RULES } from "../src/rules/rule-catalogue.ts";

const DOCS = fileURLToPath(new URL("../../../docs/audit/", import.meta.url));

describe("the documentation of the rules", () => {
  it.each(RULES.map((one) => [one.id, one.title]))(
    "%s has a page with its shape, its reason and both fixes",
    (id, title) => {
      expect(existsSync(`${DOCS}${id}.md`)).toBe(true);
      const page = readFileSync(`${DOCS}${id}.md`, "utf8");
      expect(page).toContain(`# ${id}: ${title}`);
      for (const part of ["## The shape", "## Why it fires", "### With the provider's own means", "### With Onceguard"])
        expect(page).toContain(part);
      expect(page).not.toMatch(/exactly once/i);
    },
  );

  it("has no page of a rule that does not exist", () => {
    const pages = readdirSync(DOCS).filter((one) => one.startsWith("DUP"));
    expect(pages.sort()).toEqual(RULES.map((one) => `${one.id}.md`).sort());
  });
});
