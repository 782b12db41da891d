import type { BlastRadius, Touched } from "../../../core/blast-radius.ts";
import { type Difference, diff } from "../../../core/diff.ts";
import type { JsonValue } from "../../../core/json.ts";

/**
 * The radius as one HTML page: no script, no request to anywhere, and everything in it that came from a payload is
 * escaped. The policy in its head keeps it that way should something slip through.
 */
export function blastRadiusPage({ query, at, rows, token }: BlastRadius): string {
  const records = new Set(rows.map(({ receipt }) => receipt.recordId ?? receipt.requestId)).size;
  const maybe = rows.filter(({ certainty }) => certainty === "may_have_happened").length;
  const undoable = rows.filter(({ obstacle }) => obstacle === null).length;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Blast radius: ${records} records</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Blast radius</h1>
<p>${escaped(JSON.stringify(query))}, as of ${escaped(new Date(at).toISOString())}</p>
<dl>
<dt>Records</dt><dd>${records}</dd>
<dt>Requests</dt><dd>${rows.length}${maybe > 0 ? `, ${maybe} of them may have happened` : ""}</dd>
<dt>Can be undone</dt><dd>${undoable}</dd>
<dt>Token</dt><dd><code>${escaped(token)}</code></dd>
</dl>
<table>
<thead><tr><th>Record</th><th>Action</th><th>Request</th><th>State</th><th>Before, after</th><th>Later</th><th>Undo</th></tr></thead>
<tbody>
${rows.map(row).join("\n")}
</tbody>
</table>
</body>
</html>
`;
}

function row({ receipt, certainty, before, after, later, obstacle }: Touched): string {
  const isRead = before !== undefined || after !== undefined;
  const cells = [
    escaped(receipt.recordId ?? "-"),
    escaped(receipt.action),
    `<code>${escaped(receipt.requestId)}</code>`,
    `${receipt.state}${certainty === "may_have_happened" ? " (may have happened)" : ""}${receipt.conflict ? " conflict" : ""}`,
    isRead ? changes(diff(before, after)) : "not read",
    later.map((one) => `${escaped(one.action ?? "-")} by ${escaped(one.actor ?? one.runId ?? "?")}`).join("<br>") ||
      "-",
    obstacle ?? "yes",
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

function changes(list: readonly Difference[]): string {
  if (list.length === 0) return "no change";
  return list
    .map(({ path, from, to }) => `${escaped(path)} <del>${value(from)}</del> <ins>${value(to)}</ins>`)
    .join("<br>");
}

function value(given: JsonValue | undefined): string {
  return given === undefined ? "nothing" : escaped(JSON.stringify(given));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Also what would turn the reading direction around, or hide: shown by its code. */
function escaped(text: string): string {
  return text
    .replace(/[&<>"']/g, (char) => ENTITIES[char] as string)
    .replace(INVISIBLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #ddd}
th{position:sticky;top:0;background:#f5f5f5}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dd{margin:0}
code{font-size:12px;overflow-wrap:anywhere}del{color:#a40000;text-decoration:none}ins{color:#006b2d;text-decoration:none}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}th{background:#222}th,td{border-color:#333}del{color:#ff8a80}ins{color:#7ee2a8}}`;
