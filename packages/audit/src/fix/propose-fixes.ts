import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Analysis } from "../audit.ts";
import type { CallFact } from "../facts/model.ts";
import type { Finding } from "../rules/finding.ts";
import { keyCandidates } from "./key-candidates.ts";

/** A text to insert into a file. */
interface Insertion {
  path: string;
  at: number;
  text: string;
}

/** Providers whose key is an option of the call, and the argument it belongs to. */
const OPTION_AT: Record<string, number> = { stripe: 1, resend: 1, "trigger-dev": 1 };
/** Rules that a key answers. */
const RULES = new Set(["DUP001", "DUP008", "DUP009", "DUP012", "DUP014"]);
/** Operations that take the key: Resend reads it when it sends, and nowhere else. */
const KEYED_OPERATIONS: Record<string, RegExp> = {
  stripe: /./,
  resend: /^(?:emails\.(?:send|create)|batch\.(?:send|create))$/,
  "trigger-dev": /./,
};
/**
 * Ids of something that happens once. The id of a customer, a team or an audience would make one key for many operations,
 * and the second one would silently not happen.
 */
const ONE_TIME =
  /(?:^|[._])(?:order|invoice|payment|booking|reservation|request|event|evt|job|message|msg|delivery|ticket|shipment|claim|withdrawal|payout|transfer|refund|transaction|purchase|checkout|session|submission|application|notification|record)(?:Id|ID|_id|\.id|\._id|Number|Reference|Key)$/i;
const ID_FIRST =
  /^(?:retrieve|update|cancel|capture|confirm|pay|finalizeInvoice|sendInvoice|voidInvoice|refund|close|release|expire|reverse|createReversal)$/;

/**
 * Proposes a key where it is simple: the provider takes one as an option, and the arguments hold an id that stays the same.
 * Never one that is made of a clock, a random value or nothing at all.
 */
export function proposeFixes(analysis: Analysis, findings: readonly Finding[]): string[] {
  const insertions: Insertion[] = [];
  for (const finding of findings) {
    const one = finding.boundary;
    if (!one || !RULES.has(finding.rule) || one.key.kind !== "none") continue;
    const { boundary } = one;
    const at = OPTION_AT[boundary.sink.id];
    const name = boundary.sink.key.names[0];
    if (at === undefined || name === undefined || boundary.sink.key.place !== "option") continue;
    const index =
      boundary.sink.id === "stripe" && ID_FIRST.test(boundary.operation.split(".").at(-1) ?? "") ? at + 1 : at;
    if (!KEYED_OPERATIONS[boundary.sink.id]?.test(boundary.operation)) continue;
    const candidate = keyCandidates(analysis.evaluator, boundary, one.paths).find((one) => ONE_TIME.test(one.text));
    if (!candidate) continue;
    const key = `${boundary.operation.replaceAll(".", "-")}/\${${candidate.text}}`;
    const found = insertOption(analysis.project.root, boundary.call, index, `${name}: \`${key}\``);
    if (found && !insertions.some((other) => other.path === found.path && other.at === found.at))
      insertions.push(found);
  }
  const paths = [...new Set(insertions.map((one) => one.path))];
  return paths.map((path) =>
    diffOf(
      analysis.project.root,
      path,
      insertions.filter((one) => one.path === path),
    ),
  );
}

/** Adds an option to a call: as a new last argument, or into the object that is there. */
function insertOption(root: string, call: CallFact, index: number, option: string): Insertion | null {
  const { path } = call.fn.file;
  const source = readFileSync(join(root, path), "utf8");
  const existing = call.args[index];
  if (existing) {
    if (existing.k !== "object" || source[existing.pos] !== "{") return null;
    const empty = existing.props.length === 0;
    return { path, at: existing.pos + 1, text: ` ${option}${empty ? " " : ","}` };
  }
  if (call.args.length !== index || source[call.end - 1] !== ")" || call.args.some((one) => one.k === "spread"))
    return null;
  let at = call.end - 1;
  while (at > 0 && /\s/.test(source[at - 1] as string)) at--;
  const comma = source[at - 1] === "," ? " " : ", ";
  return { path, at, text: `${comma}{ ${option} }` };
}

const CONTEXT = 3;

/** One diff of a file, with the insertions that are close together in one hunk. */
function diffOf(root: string, path: string, insertions: readonly Insertion[]): string {
  const source = readFileSync(join(root, path), "utf8");
  const old = source.split("\n");
  const now = [...old];
  const changed = new Set<number>();
  for (const { at, text } of insertions.toSorted((a, b) => b.at - a.at)) {
    const before = source.slice(0, at);
    const row = before.split("\n").length - 1;
    const column = at - (before.lastIndexOf("\n") + 1);
    const line = now[row] as string;
    now[row] = line.slice(0, column) + text + line.slice(column);
    changed.add(row);
  }
  const rows = [...changed].sort((a, b) => a - b);
  const hunks: string[] = [];
  for (let index = 0; index < rows.length; ) {
    const first = rows[index] as number;
    let last = first;
    while (index < rows.length && (rows[index] as number) - last <= 2 * CONTEXT) last = rows[index++] as number;
    hunks.push(
      hunk(
        old,
        now,
        changed,
        Math.max(0, first - CONTEXT),
        Math.min(old.length - (old.at(-1) === "" ? 1 : 0), last + CONTEXT + 1),
      ),
    );
  }
  return [`--- a/${path}`, `+++ b/${path}`, ...hunks, ""].join("\n");
}

function hunk(
  old: readonly string[],
  now: readonly string[],
  changed: ReadonlySet<number>,
  from: number,
  to: number,
): string {
  const lines: string[] = [];
  for (let row = from; row < to; row++) {
    if (changed.has(row)) lines.push(`-${old[row]}`, `+${now[row]}`);
    else lines.push(` ${old[row]}`);
  }
  return [`@@ -${from + 1},${to - from} +${from + 1},${to - from} @@`, ...lines].join("\n");
}
