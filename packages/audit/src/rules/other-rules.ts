import type { Analysis, AuditedBoundary } from "../audit.ts";
import { nameOf } from "../boundaries/boundary.ts";
import { unknownWrite } from "../boundaries/unknown-write.ts";
import type { RetryContext } from "../contexts/context.ts";
import { labelOf } from "../keys/label.ts";
import type { PathClass } from "../project/path-class.ts";
import { findPaths } from "../reach/find-paths.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { atCall, type Draft, describe } from "./finding.ts";
import { weightOf } from "./severity.ts";

/** DUP018: local writes that count twice. Inserts only on request, because a unique key cannot be seen from here. */
export function localRules(one: AuditedBoundary, inserts: boolean): Draft[] {
  const { boundary } = one;
  if (!boundary.local || boundary.natural) return [];
  const counts =
    /^(?:incr|decr|lpush|rpush|xadd|zincrby|increment|decrement)/.test(boundary.operation.split(".").at(-1) ?? "") ||
    /update|upsert/i.test(boundary.operation);
  if (!counts && !inserts) return [];
  const path = one.paths.find((candidate) => weightOf(candidate) >= 2);
  if (!path || labelOf(one) !== "no") return [];
  return [
    {
      rule: "DUP018",
      severity: counts ? "medium" : "low",
      at: atCall(boundary.call),
      path,
      one,
      subject: boundary.operation,
      message: `${nameOf(boundary)} ${counts ? "counts" : "adds a row"} again whenever ${describe(path)} repeats it`,
      missing: "a unique key, or the id of what is being counted",
      fixes: [
        "write what is counted as rows with a unique key, and insert them with ON CONFLICT DO NOTHING",
        "do it in the transaction of the Onceguard receipt",
      ],
    },
  ];
}

/** DUP020: what a tool promises to its host, against what it does. */
export function annotationRules(evaluator: Evaluator, boundaries: readonly AuditedBoundary[]): Draft[] {
  const drafts: Draft[] = [];
  const seen = new Set<string>();
  for (const one of boundaries) {
    if (one.boundary.local) continue;
    for (const path of one.paths) {
      const { context } = path;
      const found = context.family.startsWith("tool:") ? annotationsOf(evaluator, context) : null;
      if (!found) continue;
      const key = `${context.at.fn.file.path}:${context.at.pos}`;
      const readOnly = found.readOnly && one.boundary.kind !== "fs-write";
      const repeatable = found.idempotent && !one.boundary.natural && labelOf(one) === "no";
      if (seen.has(key) || (!readOnly && !repeatable)) continue;
      seen.add(key);
      const claim = readOnly ? "readOnlyHint: true" : "idempotentHint: true";
      drafts.push({
        rule: "DUP020",
        severity: one.boundary.tier === "irreversible" ? "high" : "medium",
        at: context.at,
        path,
        one,
        subject: `${context.label} ${claim}`,
        message: `${describe(path)} says ${claim}, and it makes ${nameOf(one.boundary)}${readOnly ? "" : " without a key"}`,
        missing: "an annotation that is true",
        fixes: [
          readOnly
            ? "take readOnlyHint away"
            : "take idempotentHint away, or make it true with a key from the arguments",
          "guard the tool with Onceguard: then idempotentHint: true is true",
        ],
      });
    }
  }
  return drafts;
}

function annotationsOf(evaluator: Evaluator, context: RetryContext): { readOnly: boolean; idempotent: boolean } | null {
  for (const holder of [context.options, ...(context.call?.args ?? [])]) {
    if (!holder || holder.k === "function") continue;
    const annotations = findOption(evaluator, holder, ["annotations"])?.value ?? holder;
    const isTrue = (name: string) => findOption(evaluator, annotations, [name])?.value;
    const readOnly = isTrue("readOnlyHint");
    const idempotent = isTrue("idempotentHint");
    if (readOnly || idempotent)
      return {
        readOnly: readOnly?.k === "lit" && readOnly.v === true,
        idempotent: idempotent?.k === "lit" && idempotent.v === true,
      };
  }
  return null;
}

/** DUP090: something like a write, of a package that the catalogue does not know, on a path that repeats by itself. */
export function unknownClients(analysis: Analysis, classes: ReadonlySet<PathClass>): Draft[] {
  const { project, evaluator, graph, contexts, catalogue } = analysis;
  const drafts: Draft[] = [];
  const known = new Set(analysis.boundaries.map((one) => one.boundary.call));
  for (const [file, pathClass] of project.classes) {
    if (!classes.has(pathClass)) continue;
    for (const call of file.calls) {
      const found = known.has(call) ? null : unknownWrite(evaluator, catalogue, call)?.name;
      if (!found) continue;
      const path = [...findPaths(evaluator, graph, contexts, call).values()].find((one) => weightOf(one) >= 3);
      if (!path) continue;
      drafts.push({
        rule: "DUP090",
        severity: "low",
        at: atCall(call),
        path,
        one: null,
        subject: found,
        message: `${found} may change something, and ${describe(path)} repeats it`,
        missing: "to know what it does",
        fixes: [
          "add it to sinks in onceguard.audit.json, or say there that it only reads",
          "if it writes: run it through Onceguard",
        ],
      });
    }
  }
  return drafts;
}
