import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Analysis } from "../audit.ts";
import type { CallFact } from "../facts/model.ts";
import { lineAt } from "../facts/model.ts";
import type { Finding } from "../rules/finding.ts";
import { keyCandidates } from "./key-candidates.ts";

/** A change of one line that a person can apply with `git apply`. */
export interface Patch {
  finding: Finding;
  path: string;
  diff: string;
}

/** Providers whose key is an option of the call, and the argument it belongs to. */
const OPTION_AT: Record<string, number> = { stripe: 1, resend: 1, "trigger-dev": 1 };
/** Rules that a key answers. */
const RULES = new Set(["DUP001", "DUP008", "DUP009", "DUP012", "DUP014"]);
/** Operations that take the key: Resend reads it when it sends, and nowhere else. */
const KEYED_OPERATIONS: Record<string, RegExp> = { stripe: /./, resend: /^(?:emails\.(?:send|create)|batch\.(?:send|create))$/, "trigger-dev": /./ };
/**
 * Ids of something that happens once. The id of a customer, a team or an audience would make one key for many operations,
 * and the second one would silently not happen.
 */
const ONE_TIME = /(?:^|[._])(?:order|invoice|payment|booking|reservation|request|event|evt|job|message|msg|delivery|ticket|shipment|claim|withdrawal|payout|transfer|refund|transaction|purchase|checkout|session|submission|application|notification|record)(?:Id|ID|_id|\.id|\._id|Number|Reference|Key)$/i;
const ID_FIRST = /^(?:retrieve|update|cancel|capture|confirm|pay|finalizeInvoice|sendInvoice|voidInvoice|refund|close|release|expire|reverse|createReversal)$/;

/**
 * Proposes a key where it is simple: the provider takes one as an option, and the arguments hold an id that stays the same.
 * Never one that is made of a clock, a random value or nothing at all.
 */
export function proposeFixes(analysis: Analysis, findings: readonly Finding[]): Patch[] {
  const patches: Patch[] = [];
  for (const finding of findings) {
    const one = finding.boundary;
    if (!one || !RULES.has(finding.rule) || one.key.kind !== "none") continue;
    const { boundary } = one;
    const at = OPTION_AT[boundary.sink.id];
    const name = boundary.sink.key.names[0];
    if (at === undefined || name === undefined || boundary.sink.key.place !== "option") continue;
    const index = boundary.sink.id === "stripe" && ID_FIRST.test(boundary.operation.split(".").at(-1) ?? "") ? at + 1 : at;
    if (!KEYED_OPERATIONS[boundary.sink.id]?.test(boundary.operation)) continue;
    const candidate = keyCandidates(analysis.evaluator, boundary, one.paths).find((one) => ONE_TIME.test(one.text));
    if (!candidate) continue;
    const key = `${boundary.operation.replaceAll(".", "-")}/\${${candidate.text}}`;
    const diff = insertOption(analysis.project.root, boundary.call, index, `${name}: \`${key}\``);
    if (diff) patches.push({ finding, path: boundary.call.fn.file.path, diff });
  }
  return patches;
}

/** Adds an option to a call: as a new last argument, or into the object that is there. */
function insertOption(root: string, call: CallFact, index: number, option: string): string | null {
  const { path } = call.fn.file;
  const source = readFileSync(join(root, path), "utf8");
  const existing = call.args[index];
  if (existing) {
    if (existing.k !== "object" || source[existing.pos] !== "{") return null;
    const empty = existing.props.length === 0;
    return diffOf(path, source, call, existing.pos + 1, ` ${option}${empty ? " " : ","}`);
  }
  if (call.args.length !== index || source[call.end - 1] !== ")" || call.args.some((one) => one.k === "spread")) return null;
  let at = call.end - 1;
  while (at > 0 && /\s/.test(source[at - 1] as string)) at--;
  const comma = source[at - 1] === "," ? " " : ", ";
  return diffOf(path, source, call, at, `${comma}{ ${option} }`);
}

function diffOf(path: string, source: string, call: CallFact, at: number, text: string): string {
  const lines = source.split("\n");
  const { line } = lineAt(call.fn.file, at);
  const start = call.fn.file.lineStarts[line - 1] as number;
  const old = lines[line - 1] as string;
  const now = old.slice(0, at - start) + text + old.slice(at - start);
  const before = lines.slice(Math.max(0, line - 4), line - 1);
  const after = lines.slice(line, line + 3);
  const first = line - before.length;
  const size = before.length + 1 + after.length;
  return [
    `--- a/${path}`,
    `+++ b/${path}`,
    `@@ -${first},${size} +${first},${size} @@`,
    ...before.map((one) => ` ${one}`),
    `-${old}`,
    `+${now}`,
    ...after.map((one) => ` ${one}`),
    "",
  ].join("\n");
}
