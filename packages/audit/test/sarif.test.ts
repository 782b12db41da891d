import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { toSarif } from "../src/report/sarif.ts";
import { RULES } from "../src/rules/rule-catalogue.ts";
import { runAudit } from "../src/run-audit.ts";
import { sources } from "./support/sources.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const SHOP = fileURLToPath(new URL("fixtures/shop", import.meta.url));
interface Location {
  physicalLocation: { artifactLocation: { uri: string }; region: { startLine: number; startColumn: number } };
  message?: { text: string };
}
interface Result {
  ruleId: string;
  ruleIndex: number;
  level: string;
  message: { text: string };
  locations: Location[];
  partialFingerprints: Record<string, string>;
  codeFlows?: { threadFlows: { locations: { location: Location }[] }[] }[];
}

describe("SARIF", () => {
  const { report } = runAudit(SHOP);
  const log = JSON.parse(toSarif(report, "1.2.3"));
  const [run] = log.runs;
  const results: Result[] = run.results;

  it("has the shape that code scanning takes", () => {
    expect(log.version).toBe("2.1.0");
    expect(run.tool.driver).toMatchObject({ name: "onceguard audit", version: "1.2.3" });
    expect(results).toHaveLength(report.findings.length);
    for (const one of results) {
      expect(run.tool.driver.rules[one.ruleIndex].id).toBe(one.ruleId);
      expect(["error", "warning", "note"]).toContain(one.level);
      expect(one.locations[0]?.physicalLocation.region.startLine).toBeGreaterThan(0);
      expect(one.message.text).toMatch(/Missing: .* Fix: /);
    }
    expect(run.tool.driver.rules).toHaveLength(RULES.length);
  });

  it("names CWE-837", () => {
    expect(run.taxonomies[0].taxa[0].id).toBe("837");
    expect(run.tool.driver.rules[0].relationships[0].target.id).toBe("837");
  });

  it("leads from what repeats the effect to the effect", () => {
    const wrapped = results.find((one) => one.ruleId === "DUP016");
    const steps = wrapped?.codeFlows?.[0]?.threadFlows[0]?.locations.map((one) => one.location.message?.text) ?? [];
    expect(steps[0]).toContain("entry:http-route");
    expect(steps.at(-1)).toBe("the effect");
  });

  it("keeps fingerprints when lines move, and has no two alike", () => {
    const prints = (list: Result[]) => list.map((one) => one.partialFingerprints["onceguard/v1"] ?? "").sort();
    const before = prints(results);
    expect(new Set(before).size).toBe(before.length);
    const files = Object.fromEntries(
      Object.entries(sources(SHOP)).map(([path, text]) => [
        path,
        path.endsWith(".ts") ? `// a new line\n\n${text}` : text,
      ]),
    );
    const moved = runAudit(temporaryFolder(files));
    expect(prints(JSON.parse(toSarif(moved.report, "1")).runs[0].results)).toEqual(before);
  });
});
