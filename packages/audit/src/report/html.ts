import type { Finding } from "../rules/finding.ts";
import { docsUrl, ruleOf } from "../rules/rule-catalogue.ts";
import { SEVERITIES } from "../rules/severity.ts";
import { assumptions } from "./assumptions.ts";
import { STYLE } from "./html-style.ts";
import type { BoundaryRow, Report } from "./report.ts";
import { html } from "./safe-text.ts";

/** One file, no scripts, nothing loaded: it can be mailed and opened anywhere. */
export function toHtml(report: Report): string {
  const outside = report.boundaries.filter((one) => !one.local);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Where ${html(report.name)} can do it twice</title><style>${STYLE}</style></head><body><main>
<header><p class="brand">onceguard audit</p><h1>Where ${html(report.name)} can do it twice</h1>
<div class="figures">${figures(report, outside)}</div></header>
<section><h2>Findings</h2>${report.findings.length === 0 ? "<p>None.</p>" : report.findings.map(card).join("\n")}</section>
<section><h2>What changes something outside</h2>${inventory(outside)}</section>
<section><h2>What repeats it</h2>${paths(outside)}</section>
<section><h2>Five questions before production</h2>${outside
    .filter((one) => one.paths.length > 0)
    .map(questions)
    .join("\n")}</section>
<section><h2>Coverage and assumptions</h2>${coverage(report)}</section>
</main></body></html>
`;
}

function figures(report: Report, outside: readonly BoundaryRow[]): string {
  const open = outside.filter((one) => one.protection === "no" && one.paths.length > 0).length;
  const figure = (count: number, text: string, kind = "") =>
    `<div class="figure ${kind}"><b>${count}</b><span>${text}</span></div>`;
  return [
    figure(outside.length, "calls change something outside"),
    figure(open, "can be repeated, and nothing stops it", open > 0 ? "bad" : ""),
    ...SEVERITIES.filter((one) => report.counts[one] > 0).map((one) => figure(report.counts[one], one, one)),
    figure(report.coverage.lines, "lines read"),
  ].join("");
}

function card(finding: Finding): string {
  const rule = ruleOf(finding.rule);
  const flow = finding.flow.toReversed().map((step) => `<li><code>${at(step.place)}</code> ${html(step.text)}</li>`);
  return `<article class="card ${finding.severity}" id="${finding.fingerprint}">
<h3><span class="tag">${finding.severity}</span> <a href="${docsUrl(finding.rule)}">${finding.rule}</a> ${html(rule.title)}</h3>
<p><code>${at(finding.place)}</code></p><p>${html(finding.message)}.</p><p class="why">${html(rule.why)}</p>
<p><b>Missing:</b> ${html(finding.missing)}</p><ul>${finding.fixes.map((one) => `<li>${html(one)}</li>`).join("")}</ul>
${flow.length > 0 ? `<details><summary>How it comes to run again</summary><ol>${flow.join("")}</ol></details>` : ""}</article>`;
}

function at(place: { path: string; line: number }): string {
  return `${html(place.path)}:${place.line}`;
}

function inventory(rows: readonly BoundaryRow[]): string {
  return table(
    ["operation", "where", "weight", "protection", "key is kept"],
    rows.map((one) => [
      `<code>${html(one.name)}</code>`,
      `<code>${at(one.place)}</code>`,
      html(one.tier),
      `<span class="p-${one.protection === "no" ? "no" : "some"}">${html(one.protection)}</span>`,
      html(one.keyLifetime),
    ]),
  );
}

function paths(rows: readonly BoundaryRow[]): string {
  return table(
    ["operation", "where", "repeated by", "by itself"],
    rows.flatMap((one) =>
      one.paths.map((path) => [
        `<code>${html(one.name)}</code>`,
        `<code>${at(one.place)}</code>`,
        html(path.label),
        path.weight >= 3 ? "yes" : path.weight === 2 ? "sometimes" : "when asked again",
      ]),
    ),
  );
}

function questions(row: BoundaryRow): string {
  const rows = row.answers.map((one) => [
    html(one.question),
    `<span class="a-${one.answer}">${one.answer}</span>`,
    html(one.because),
    one.proof ? `<code>${at(one.proof)}</code>` : "",
  ]);
  return `<details><summary><code>${html(row.name)}</code> at <code>${at(row.place)}</code></summary>${table(["question", "answer", "because", "proof"], rows)}</details>`;
}

function coverage(report: Report): string {
  const { classes, audited, notRead } = report.coverage;
  const items = [
    `Files by purpose: ${html(
      Object.entries(classes)
        .map(([name, count]) => `${name} ${count}`)
        .join(", "),
    )}; audited: ${html(audited.join(", "))}`,
    `Catalogue: effects of ${html(report.catalogue.sinks)}, retries of ${html(report.catalogue.retries)}`,
    ...notRead.slice(0, 200).map((one) => `Not read: <code>${html(one.path)}</code> (${html(one.why)})`),
    ...(notRead.length > 200 ? [`And ${notRead.length - 200} more`] : []),
    ...report.accepted.map(
      ({ finding, why }) => `Accepted: ${finding.rule} <code>${at(finding.place)}</code> (${html(why)})`,
    ),
    ...assumptions().map(html),
  ];
  return `<ul>${items.map((one) => `<li>${one}</li>`).join("")}</ul>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "<p>None.</p>";
  const cells = (row: readonly string[], tag: string) =>
    `<tr>${row.map((one) => `<${tag}>${one}</${tag}>`).join("")}</tr>`;
  return `<div class="scroll"><table><thead>${cells(head, "th")}</thead><tbody>${rows.map((row) => cells(row, "td")).join("")}</tbody></table></div>`;
}
