import type { Finding, FlowStep, Place } from "../rules/finding.ts";
import { docsUrl, RULES } from "../rules/rule-catalogue.ts";
import type { Severity } from "../rules/severity.ts";
import type { Report } from "./report.ts";

const LEVELS: Record<Severity, "error" | "warning" | "note"> = {
  critical: "error",
  high: "error",
  medium: "warning",
  low: "note",
  info: "note",
};
/** What GitHub sorts by. */
const SCORES: Record<Severity, string> = { critical: "9.0", high: "7.5", medium: "5.0", low: "3.0", info: "1.0" };

/** SARIF 2.1.0, with the way from the retry to the effect as a code flow. */
export function toSarif(report: Report, version: string): string {
  const used = RULES.filter((rule) =>
    [...report.findings, ...report.accepted.map((one) => one.finding)].some((one) => one.rule === rule.id),
  );
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "onceguard audit",
            version,
            informationUri: "https://github.com/onceguard/onceguard",
            rules: used.map((rule) => ({
              id: rule.id,
              name: rule.title.replace(
                /[^A-Za-z0-9]+(.)?/g,
                (_, next: string | undefined) => next?.toUpperCase() ?? "",
              ),
              shortDescription: { text: rule.title },
              fullDescription: { text: rule.why },
              helpUri: docsUrl(rule.id),
              properties: { tags: ["idempotency", "external/cwe/cwe-837"] },
              relationships: [{ target: { id: "837", toolComponent: { name: "CWE" } }, kinds: ["superset"] }],
            })),
          },
        },
        taxonomies: [
          {
            name: "CWE",
            organization: "MITRE",
            shortDescription: { text: "The MITRE Common Weakness Enumeration" },
            taxa: [{ id: "837", name: "Improper Enforcement of a Single, Unique Action" }],
          },
        ],
        columnKind: "utf16CodeUnits",
        originalUriBaseIds: { ROOT: { description: { text: "The audited folder" } } },
        results: [
          ...report.findings.map((one) => result(one, used)),
          ...report.accepted.map(({ finding, why }) => ({
            ...result(finding, used),
            suppressions: [{ kind: why.startsWith("baseline") ? "external" : "inSource", justification: why }],
          })),
        ],
        invocations: [
          {
            executionSuccessful: true,
            toolExecutionNotifications: report.coverage.notRead.map((one) => ({
              level: "note",
              message: { text: `not read: ${one.why}` },
              locations: [{ physicalLocation: { artifactLocation: artifact(one.path) } }],
            })),
          },
        ],
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function result(finding: Finding, rules: readonly { id: string }[]): Record<string, unknown> {
  return {
    ruleId: finding.rule,
    ruleIndex: rules.findIndex((one) => one.id === finding.rule),
    level: LEVELS[finding.severity],
    message: { text: `${finding.message}. Missing: ${finding.missing}. Fix: ${finding.fixes.join("; or ")}.` },
    locations: [location(finding.place)],
    partialFingerprints: { "onceguard/v1": finding.fingerprint },
    properties: {
      severity: finding.severity,
      "security-severity": SCORES[finding.severity],
      families: finding.families,
    },
    // From what repeats it to the effect, as a reader follows it.
    ...(finding.flow.length > 0
      ? { codeFlows: [{ threadFlows: [{ locations: finding.flow.toReversed().map(flowLocation) }] }] }
      : {}),
  };
}

function flowLocation(step: FlowStep): Record<string, unknown> {
  return { location: { ...location(step.place), message: { text: step.text } } };
}

function location(place: Place): Record<string, unknown> {
  return {
    physicalLocation: {
      artifactLocation: artifact(place.path),
      region: { startLine: place.line, startColumn: place.column },
    },
  };
}

function artifact(path: string): { uri: string; uriBaseId: string } {
  return { uri: path.split("/").map(encodeURIComponent).join("/"), uriBaseId: "ROOT" };
}
