import type { Analysis, AuditedBoundary } from "../audit.ts";
import { nameOf } from "../boundaries/boundary.ts";
import { plain } from "../report/safe-text.ts";
import type { Finding } from "../rules/finding.ts";
import { keyCandidates } from "./key-candidates.ts";

/** Rules whose answer is an action of Onceguard. */
const RULES = new Set([
  "DUP001",
  "DUP002",
  "DUP003",
  "DUP004",
  "DUP007",
  "DUP008",
  "DUP009",
  "DUP010",
  "DUP011",
  "DUP012",
  "DUP013",
  "DUP014",
  "DUP015",
  "DUP017",
  "DUP021",
  "DUP022",
]);

/** Writes a module of `defineAction` skeletons, one per boundary that has such a finding. */
export function emitActions(analysis: Analysis, findings: readonly Finding[]): string {
  const boundaries = new Map<AuditedBoundary, Finding>();
  for (const finding of findings)
    if (finding.boundary && RULES.has(finding.rule) && !boundaries.has(finding.boundary))
      boundaries.set(finding.boundary, finding);
  const names = new Set<string>();
  const actions = [...boundaries].map(([one, finding]) => actionFor(analysis, one, finding, names));
  return [
    "// Written by `onceguard audit --emit-actions`. A start, not an answer: check keyFields and record with somebody who knows",
    "// what makes two requests the same, fill in execute and probe, and move each call over to guard.execute.",
    'import { defineAction } from "onceguard";',
    'import { z } from "zod";',
    "",
    ...actions,
  ].join("\n");
}

function actionFor(analysis: Analysis, one: AuditedBoundary, finding: Finding, names: Set<string>): string {
  const { boundary } = one;
  const candidates = keyCandidates(analysis.evaluator, boundary, one.paths);
  const fields = [...new Set(candidates.map((candidate) => fieldName(candidate.text)))].slice(0, 4);
  const known = fields.length > 0;
  const keyFields = known ? fields : ["recordId"];
  const name = uniqueName(
    boundary.sink.id,
    boundary.http ? `${boundary.operation} ${boundary.http.url}` : boundary.operation,
    names,
  );
  const tier = boundary.tier === "irreversible" ? "irreversible" : "side_effecting";
  const life = boundary.sink.key.lifetimeHours;
  const lines = [
    `/** ${comment(`${finding.place.path}:${finding.place.line} ${finding.rule}: ${finding.message}`)} */`,
    `export const ${camel(name)} = defineAction({`,
    `  name: ${JSON.stringify(name)},`,
    `  riskTier: "${tier}",`,
    ...(known ? [] : ["  // TODO: no id was found among the arguments; name the field that tells two requests apart."]),
    `  input: z.object({ ${keyFields.map((field) => `${field}: z.string()`).join(", ")} }),`,
    `  keyFields: ${JSON.stringify(keyFields)},`,
    `  record: (payload) => \`${name}:\${payload.${keyFields[0]}}\`,`,
    ...(life && life >= 1
      ? [
          `  // ${comment(boundary.sink.key.retention ?? `${life} h`)}`,
          `  downstreamKey: { lifetime: "${Math.floor(life)}h", margin: "${life >= 6 ? "1h" : "10m"}" },`,
        ]
      : []),
    `  // TODO probe: ${comment(boundary.sink.probe ?? "how can the provider be asked whether it happened?")}`,
    "  execute: async (_payload, { idempotencyKey }): Promise<unknown> => {",
    `    // TODO: move the call of ${comment(nameOf(boundary))} here${boundary.sink.key.place === "none" ? "" : `, with ${boundary.sink.key.names[0]}: idempotencyKey`}.`,
    `    throw new Error(\`not moved yet: \${idempotencyKey}\`);`,
    "  },",
    "});",
    "",
  ];
  return lines.join("\n");
}

/** `order.customer.id` -> `customerId`, `orderId` -> `orderId`. */
function fieldName(text: string): string {
  const parts = text.split(".");
  const last = parts.at(-1) as string;
  const owner = parts.at(-2);
  const name = /^(?:id|_id|uuid|key|number|reference)$/.test(last) && owner ? `${owner}_${last}` : last;
  return camel(name);
}

function camel(text: string): string {
  const joined = text.replace(/[^A-Za-z0-9]+(.)?/g, (_, next: string | undefined) => next?.toUpperCase() ?? "");
  const name = joined.charAt(0).toLowerCase() + joined.slice(1);
  return /^[A-Za-z]/.test(name) ? name : `action${name}`;
}

function uniqueName(sink: string, operation: string, names: Set<string>): string {
  const base =
    `${sink}_${operation}`
      .replace(/https?:\/\/|\{\}/g, "")
      .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
      .replace(/[^A-Za-z0-9]+/g, "_")
      .replace(/^_+|_+$/g, "")
      .toLowerCase()
      .slice(0, 60) || "action";
  let name = base;
  for (let count = 2; names.has(name); count++) name = `${base}_${count}`;
  names.add(name);
  return name;
}

/** Text of the target inside a comment can neither end it nor break the line. */
function comment(text: string): string {
  return plain(text).replaceAll("*/", "* /");
}
