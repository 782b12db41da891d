import { existsSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join, resolve } from "node:path";
import { type Analysis, analyze } from "./audit.ts";
import { type AuditConfig, readConfig } from "./config.ts";
import { InputError } from "./input-error.ts";
import { loadProject } from "./project/load-project.ts";
import type { PathClass } from "./project/path-class.ts";
import { buildReport, type Report } from "./report/report.ts";
import { evaluate } from "./rules/evaluate.ts";
import type { Finding } from "./rules/finding.ts";
import { readBaseline } from "./select/baseline.ts";
import { changedLines, touchedBy } from "./select/git-diff.ts";
import { applyIgnores, type Selection } from "./select/ignores.ts";

export interface AuditOptions {
  /** Path classes besides production. */
  include?: readonly PathClass[];
  /** Only these rules. */
  rules?: ReadonlySet<string> | null;
  localState?: boolean;
  /** A file written by --write-baseline. */
  baseline?: string | null;
  /** Only what differs from this commit. */
  diff?: string | null;
  /** Instead of onceguard.audit.json in the folder. */
  config?: string | null;
  /** Where facts are kept; null keeps none. */
  cacheFolder?: string | null;
}

export interface AuditResult {
  report: Report;
  analysis: Analysis;
}

/** Audits a folder. Throws an InputError for what cannot be audited. */
export function runAudit(path: string, options: AuditOptions = {}): AuditResult {
  const started = performance.now();
  const root = folderOf(path);
  const config = readConfig(root, options.config ?? null);
  const baseline = options.baseline ? readBaseline(options.baseline) : null;
  const audited: PathClass[] = [...new Set<PathClass>(["production", ...config.include, ...(options.include ?? [])])];
  const classes = new Set(audited);
  const project = loadProject(root, { cacheFolder: options.cacheFolder ?? null, include: classes });
  const analysis = analyze(project, { classes, sinks: config.sinks });
  let found = evaluate(analysis, { classes, localState: options.localState ?? false });
  if (options.rules) found = found.filter((one) => options.rules?.has(one.rule));
  if (options.diff) found = touchedBy(found, changedLines(project, options.diff));
  const selection = accept(applyIgnores(project, found), config, baseline);
  const report = buildReport(analysis, selection.findings, {
    name: basename(root),
    milliseconds: performance.now() - started,
    audited,
    accepted: selection.accepted,
    notes: selection.notes,
  });
  return { report, analysis };
}

function folderOf(path: string): string {
  const root = resolve(path);
  if (!existsSync(root)) throw new InputError(`there is no folder ${path}`);
  if (!statSync(root).isDirectory()) throw new InputError(`${path} is a file: give the folder it is in`);
  return realpathSync(root);
}

function accept(selection: Selection, config: AuditConfig, baseline: ReadonlySet<string> | null): Selection {
  const findings: Finding[] = [];
  const accepted = [...selection.accepted];
  for (const finding of selection.findings) {
    const known = baseline?.has(finding.fingerprint);
    const entry = config.accept.find(
      (one) => (one.rules.includes(finding.rule) || one.rules.includes("*")) && covers(one.path, finding.place.path),
    );
    if (known) accepted.push({ finding, why: "baseline" });
    else if (entry) accepted.push({ finding, why: entry.reason });
    else findings.push(finding);
  }
  return { findings, accepted, notes: selection.notes };
}

/** A file, or a folder with everything below it. */
function covers(accepted: string, path: string): boolean {
  const folder = accepted.replace(/\/(?:\*\*)?$/, "");
  return path === folder || path.startsWith(`${folder}/`);
}

/** Where facts are kept unless somebody says otherwise. */
export function defaultCacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "onceguard", "audit");
}
