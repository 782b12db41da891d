import type { Analysis } from "../audit.ts";
import type { PathClass } from "../project/path-class.ts";
import { type Draft, type Finding, finish, nameOfFunction } from "./finding.ts";
import { keyRules } from "./key-rules.ts";
import { annotationRules, localRules, unknownClients } from "./other-rules.ts";
import { pathRules } from "./path-rules.ts";
import { isGuess, lower, SEVERITIES } from "./severity.ts";
import { surroundingRules } from "./surrounding-rules.ts";

export interface EvaluateOptions {
  classes: ReadonlySet<PathClass>;
  /** Also inserts into the own database. */
  localState: boolean;
}

/** All findings, the worst first. */
export function evaluate(analysis: Analysis, options: EvaluateOptions): Finding[] {
  const drafts: Draft[] = [];
  for (const one of analysis.boundaries) {
    if (one.boundary.local) drafts.push(...localRules(one, options.localState));
    else
      drafts.push(
        ...keyRules(one),
        ...pathRules(one),
        ...surroundingRules(analysis.evaluator, one, analysis.boundaries),
      );
  }
  drafts.push(
    ...annotationRules(analysis.evaluator, analysis.boundaries),
    ...unknownClients(analysis, options.classes),
  );
  return number(drafts).sort(byWeight);
}

/** Findings that are alike in one function are counted from its top, so that each keeps its fingerprint. */
function number(drafts: Draft[]): Finding[] {
  const counts = new Map<string, number>();
  const places = new Set<string>();
  const findings: Finding[] = [];
  for (const draft of drafts.toSorted((a, b) => a.at.pos - b.at.pos)) {
    const key = [draft.rule, draft.at.fn.file.path, nameOfFunction(draft.at.fn), draft.subject].join("\0");
    const place = `${key}\0${draft.at.pos}`;
    if (places.has(place)) continue;
    places.add(place);
    const ordinal = counts.get(key) ?? 0;
    counts.set(key, ordinal + 1);
    findings.push(
      finish(draft.path && isGuess(draft.path) ? { ...draft, severity: lower(draft.severity) } : draft, ordinal),
    );
  }
  return findings;
}

function byWeight(a: Finding, b: Finding): number {
  const severity = SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity);
  if (severity !== 0) return severity;
  if (a.place.path !== b.place.path) return a.place.path < b.place.path ? -1 : 1;
  return a.place.line - b.place.line || a.place.column - b.place.column || (a.rule < b.rule ? -1 : 1);
}
