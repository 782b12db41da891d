import { SEVERITIES, type Severity } from "../rules/severity.ts";
import type { Report } from "./report.ts";
import { plain } from "./safe-text.ts";

export interface TerminalOptions {
  color: boolean;
  /** Also low and info, and every way. */
  all: boolean;
}

const COLORS: Record<Severity, string> = { critical: "1;31", high: "31", medium: "33", low: "36", info: "2" };

/** One line per finding: where, what is missing, the fix. */
export function toTerminal(report: Report, { color, all }: TerminalOptions): string {
  const paint = (code: string, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const lines: string[] = [];
  const shown = report.findings.filter((one) => all || (one.severity !== "low" && one.severity !== "info"));
  for (const one of shown) {
    lines.push(
      `${paint(COLORS[one.severity], one.severity.padEnd(8))} ${one.rule} ${plain(one.place.path)}:${one.place.line}  ${plain(one.message)}${paint("2", ` | missing: ${plain(one.missing)} | fix: ${plain(one.fixes[0] ?? "")}`)}`,
    );
    if (all)
      for (const step of one.flow)
        lines.push(paint("2", `           ${plain(step.place.path)}:${step.place.line} ${plain(step.text)}`));
  }
  if (shown.length > 0) lines.push("");
  for (const note of report.notes) lines.push(`note: ${plain(note)}`);
  lines.push(...summary(report, report.findings.length - shown.length));
  return `${lines.join("\n")}\n`;
}

function summary(report: Report, hidden: number): string[] {
  const { coverage, counts, boundaries } = report;
  const outside = boundaries.filter((one) => !one.local);
  const open = outside.filter((one) => one.protection === "no" && one.paths.length > 0).length;
  const found = SEVERITIES.filter((one) => counts[one] > 0).map((one) => `${counts[one]} ${one}`);
  const lines = [
    `${coverage.files} files, ${coverage.lines} lines, ${coverage.milliseconds} ms. ${outside.length} calls change something outside; ${open} of them can be repeated and nothing stops it.`,
    found.length > 0 ? `Findings: ${found.join(", ")}.` : "No findings.",
  ];
  if (hidden > 0) lines.push(`${hidden} of low weight are not shown: --all shows them.`);
  if (report.accepted.length > 0) lines.push(`${report.accepted.length} accepted before are not shown.`);
  if (coverage.notRead.length > 0)
    lines.push(`${coverage.notRead.length} files were not read, or in part: --json lists them.`);
  return lines;
}
