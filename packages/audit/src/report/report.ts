import type { Analysis, AuditedBoundary } from "../audit.ts";
import { nameOf } from "../boundaries/boundary.ts";
import { RETRIES_VERSION } from "../catalogue/retries.ts";
import { SINKS_VERSION } from "../catalogue/sinks.ts";
import type { CallFact } from "../facts/model.ts";
import { labelOf, type Protection } from "../keys/label.ts";
import type { PathClass } from "../project/path-class.ts";
import { atCall, describe, type Finding, type Place, placeAt } from "../rules/finding.ts";
import { SEVERITIES, type Severity, weightOf } from "../rules/severity.ts";
import { type Answer, fiveQuestions } from "./five-questions.ts";

/** Everything that the formats show, without the syntax behind it. */
export interface Report {
  name: string;
  catalogue: { sinks: string; retries: string };
  coverage: Coverage;
  counts: Record<Severity, number>;
  boundaries: BoundaryRow[];
  findings: Finding[];
  /** Findings that a baseline knows, or that a comment accepts with a reason. */
  accepted: { finding: Finding; why: string }[];
  /** Ignore comments that are not obeyed, and the like. */
  notes: string[];
}

export interface Coverage {
  files: number;
  lines: number;
  milliseconds: number;
  cached: number;
  /** Tests, examples and tools that were left out. */
  skipped: number;
  classes: Record<string, number>;
  audited: PathClass[];
  notRead: { path: string; why: string }[];
}

export interface BoundaryRow {
  name: string;
  place: Place;
  kind: string;
  tier: string;
  protection: Protection;
  key: string;
  /** How long the provider remembers a key. */
  keyLifetime: string;
  paths: { family: string; label: string; weight: number; steps: Place[] }[];
  hidden: string[];
  answers: Answer[];
  local: boolean;
}

export function coverageOf({ project }: Analysis, audited: PathClass[]): Omit<Coverage, "milliseconds"> {
  const classes: Record<string, number> = {};
  for (const one of project.classes.values()) classes[one] = (classes[one] ?? 0) + 1;
  return {
    files: project.files.size,
    lines: project.lines,
    cached: project.cached,
    skipped: project.skipped,
    classes,
    audited,
    notRead: project.notRead,
  };
}

export function rowsOf(analysis: Analysis): BoundaryRow[] {
  const localWrites = new Set(analysis.boundaries.flatMap(({ boundary }) => (boundary.local ? [boundary.call] : [])));
  return analysis.boundaries.map((one) => rowOf(one, localWrites));
}

export function buildReport(
  { boundaries, coverage }: { boundaries: BoundaryRow[]; coverage: Omit<Coverage, "milliseconds"> },
  findings: Finding[],
  rest: { name: string; milliseconds: number; accepted: Report["accepted"]; notes: string[] },
): Report {
  return {
    name: rest.name,
    catalogue: { sinks: SINKS_VERSION, retries: RETRIES_VERSION },
    coverage: { ...coverage, milliseconds: Math.round(rest.milliseconds) },
    counts: Object.fromEntries(
      SEVERITIES.map((severity) => [severity, findings.filter((one) => one.severity === severity).length]),
    ) as Record<Severity, number>,
    boundaries,
    findings,
    accepted: rest.accepted,
    notes: rest.notes,
  };
}

function rowOf(one: AuditedBoundary, localWrites: ReadonlySet<CallFact>): BoundaryRow {
  const { boundary, key } = one;
  const { place, retention, lifetimeHours } = boundary.sink.key;
  return {
    name: nameOf(boundary),
    place: placeAt(atCall(boundary.call)),
    kind: boundary.kind,
    tier: boundary.tier,
    protection: labelOf(one),
    key: key.detail,
    keyLifetime:
      place === "none" ? "takes no key" : (retention ?? (lifetimeHours ? `${lifetimeHours} h` : "not documented")),
    paths: one.paths.map((path) => ({
      family: path.context.family,
      label: describe(path),
      weight: weightOf(path),
      steps: path.steps.map((step) => placeAt(atCall(step.call))),
    })),
    hidden: one.hidden,
    answers: fiveQuestions(one, localWrites),
    local: boundary.local,
  };
}
