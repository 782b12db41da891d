import type { Finding } from "../rules/finding.ts";
import { ruleOf } from "../rules/rule-catalogue.ts";
import type { Report } from "./report.ts";

/** The report as data. Additions are allowed within a version of the schema, changes are not. */
export function toJson(report: Report): string {
  const { boundaries, findings, accepted, ...rest } = report;
  return `${JSON.stringify(
    {
      schema: "onceguard-audit/1",
      ...rest,
      findings: findings.map(asData),
      accepted: accepted.map(({ finding, why }) => ({ ...asData(finding), accepted: why })),
      boundaries: boundaries.filter((one) => !one.local),
    },
    null,
    2,
  )}\n`;
}

export function asData(finding: Finding): Record<string, unknown> {
  return {
    rule: finding.rule,
    title: ruleOf(finding.rule).title,
    severity: finding.severity,
    place: finding.place,
    message: finding.message,
    missing: finding.missing,
    fixes: finding.fixes,
    families: finding.families,
    flow: finding.flow,
    fingerprint: finding.fingerprint,
  };
}
