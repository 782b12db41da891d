import type { Analysis } from "./audit.ts";
import type { IgnoreComment } from "./facts/model.ts";
import type { PathClass } from "./project/path-class.ts";
import { type BoundaryRow, type Coverage, coverageOf, rowsOf } from "./report/report.ts";
import { evaluate } from "./rules/evaluate.ts";
import type { Finding } from "./rules/finding.ts";

/** What an audit has found before anything is selected: plain data, so that it can be kept until a file changes. */
export interface Audited {
  findings: Finding[];
  boundaries: BoundaryRow[];
  coverage: Omit<Coverage, "milliseconds">;
  ignores: { path: string; comments: IgnoreComment[] }[];
  /** All files that were read, with their content hash. */
  files: { path: string; hash: string }[];
}

export function auditedOf(
  analysis: Analysis,
  options: { classes: ReadonlySet<PathClass>; localState: boolean },
): Audited {
  const files = [...analysis.project.files.values()];
  return {
    findings: evaluate(analysis, options),
    boundaries: rowsOf(analysis),
    coverage: coverageOf(analysis, [...options.classes]),
    ignores: files.flatMap((one) => (one.ignores.length > 0 ? [{ path: one.path, comments: one.ignores }] : [])),
    files: files.map((one) => ({ path: one.path, hash: one.hash })),
  };
}
