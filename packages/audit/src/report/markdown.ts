import type { Finding } from "../rules/finding.ts";
import { docsUrl, ruleOf } from "../rules/rule-catalogue.ts";
import { SEVERITIES } from "../rules/severity.ts";
import { assumptions } from "./assumptions.ts";
import type { BoundaryRow, Report } from "./report.ts";
import { code, markdown } from "./safe-text.ts";

/** The written report. */
export function toMarkdown(report: Report): string {
  const outside = report.boundaries.filter((one) => !one.local);
  return [
    `# Where ${markdown(report.name)} can do it twice`,
    "",
    figures(report, outside),
    "## Findings",
    "",
    report.findings.length === 0 ? "None." : report.findings.map(card).join("\n"),
    "## What changes something outside",
    "",
    table(
      ["operation", "where", "weight", "protection", "key is kept"],
      outside.map((one) => [
        code(one.name),
        code(`${one.place.path}:${one.place.line}`),
        one.tier,
        one.protection,
        markdown(one.keyLifetime),
      ]),
    ),
    "## What repeats it",
    "",
    table(
      ["operation", "where", "repeated by", "by itself"],
      outside.flatMap((one) =>
        one.paths.map((path) => [
          code(one.name),
          code(`${one.place.path}:${one.place.line}`),
          code(path.label),
          path.weight >= 3 ? "yes" : path.weight === 2 ? "sometimes" : "when asked again",
        ]),
      ),
    ),
    "## Five questions before production",
    "",
    ...outside.filter((one) => one.paths.length > 0).map(questions),
    "## Coverage and assumptions",
    "",
    coverage(report),
    ...assumptions().map((one) => `- ${one}`),
    "",
  ].join("\n");
}

function figures(report: Report, outside: readonly BoundaryRow[]): string {
  const open = outside.filter((one) => one.protection === "no" && one.paths.length > 0).length;
  return table(
    ["", ""],
    [
      ["calls that change something outside", String(outside.length)],
      ["of these repeated, and nothing stops it", String(open)],
      ...SEVERITIES.map((one) => [`findings: ${one}`, String(report.counts[one])]),
      ["files, lines", `${report.coverage.files}, ${report.coverage.lines}`],
    ],
  );
}

function card(finding: Finding): string {
  const rule = ruleOf(finding.rule);
  const lines = [
    `### [${finding.rule}](${docsUrl(finding.rule)}) ${rule.title} (${finding.severity})`,
    "",
    `${code(`${finding.place.path}:${finding.place.line}`)}: ${markdown(finding.message)}.`,
    "",
    `- missing: ${markdown(finding.missing)}`,
    ...finding.fixes.map((one) => `- fix: ${markdown(one)}`),
  ];
  if (finding.flow.length > 0) {
    lines.push("", "How it comes to run again:", "");
    finding.flow.toReversed().forEach((step, index) => {
      lines.push(`${index + 1}. ${code(`${step.place.path}:${step.place.line}`)} ${markdown(step.text)}`);
    });
  }
  lines.push("");
  return lines.join("\n");
}

function questions(row: BoundaryRow): string {
  return [
    `### ${code(row.name)} at ${code(`${row.place.path}:${row.place.line}`)}`,
    "",
    table(
      ["question", "answer", "because", "proof"],
      row.answers.map((one) => [
        one.question,
        one.answer,
        markdown(one.because),
        one.proof ? code(`${one.proof.path}:${one.proof.line}`) : "",
      ]),
    ),
  ].join("\n");
}

function coverage(report: Report): string {
  const { classes, audited, notRead } = report.coverage;
  const lines = [
    `- files by purpose: ${Object.entries(classes)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ")}; audited: ${audited.join(", ")}`,
    `- catalogue: effects of ${report.catalogue.sinks}, retries of ${report.catalogue.retries}`,
    ...notRead.slice(0, 50).map((one) => `- not read: ${code(one.path)} (${markdown(one.why)})`),
  ];
  if (notRead.length > 50) lines.push(`- and ${notRead.length - 50} more`);
  if (report.accepted.length > 0)
    lines.push(
      ...report.accepted.map(
        ({ finding, why }) =>
          `- accepted: ${finding.rule} ${code(`${finding.place.path}:${finding.place.line}`)} (${markdown(why)})`,
      ),
    );
  return lines.join("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "None.\n";
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line), ""].join("\n");
}
