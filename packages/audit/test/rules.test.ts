import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { RULES } from "../src/rules/rule-catalogue.ts";
import { runAudit } from "../src/run-audit.ts";
import { expectations } from "./support/expectations.ts";

const SHOP = fileURLToPath(new URL("fixtures/shop", import.meta.url));

describe("the rules, on a shop with true and false cases", () => {
  const { report } = runAudit(SHOP);
  const found = report.findings.map((one) => `${one.place.path}:${one.place.line} ${one.rule}`).sort();
  const expected = expectations(SHOP);

  it.each(RULES.map((one) => one.id))("%s: finds what is true, and nothing else", (rule) => {
    const wanted = expected.filter((one) => one.endsWith(rule));
    expect(wanted.length, "a true case in the fixtures").toBeGreaterThan(0);
    expect(found.filter((one) => one.endsWith(rule))).toEqual(wanted);
  });

  it("says nothing that is not expected", () => {
    expect(found).toEqual(expected);
  });
});
