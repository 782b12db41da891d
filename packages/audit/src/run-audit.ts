import { existsSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join, resolve } from "node:path";
import { type Analysis, analyze } from "./audit.ts";
import { type Audited, auditedOf } from "./audited.ts";
import { openReportCache } from "./cache/report-cache.ts";
import { RETRIES_VERSION } from "./catalogue/retries.ts";
import { SINKS_VERSION } from "./catalogue/sinks.ts";
import { type AuditConfig, readConfig } from "./config.ts";
import { InputError } from "./input-error.ts";
import { findFiles } from "./project/find-files.ts";
import { loadProject } from "./project/load-project.ts";
import type { PathClass } from "./project/path-class.ts";
import { buildReport, type Report } from "./report/report.ts";
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
  /** Also when a cached report would do: fixes and skeletons are made from it. */
  needsAnalysis?: boolean;
}

export interface AuditResult {
  report: Report;
  /** Null where the report is still the one of the last run, and `needsAnalysis` was not asked for. */
  analysis: Analysis | null;
}

/** Audits a folder. Throws an InputError for what cannot be audited. */
export function runAudit(path: string, options: AuditOptions = {}): AuditResult {
  const started = performance.now();
  const root = folderOf(path);
  const config = readConfig(root, options.config ?? null);
  const baseline = options.baseline ? readBaseline(options.baseline) : null;
  const { audited, analysis } = auditFolder(root, config, options);
  let found = audited.findings;
  if (options.rules) found = found.filter((one) => options.rules?.has(one.rule));
  if (options.diff) {
    const paths = audited.files.map((one) => one.path);
    found = touchedBy(found, changedLines(root, paths, options.diff));
  }
  const selection = accept(applyIgnores(audited.ignores, found), config, baseline);
  const report = buildReport(audited, selection.findings, {
    name: basename(root),
    milliseconds: performance.now() - started,
    accepted: selection.accepted,
    notes: selection.notes,
  });
  return { report, analysis };
}

/** Everything that is found in a folder, from the cache if nothing has changed. */
function auditFolder(
  root: string,
  config: AuditConfig,
  options: AuditOptions,
): { audited: Audited; analysis: Analysis | null } {
  const classes = new Set<PathClass>(["production", ...config.include, ...(options.include ?? [])]);
  const localState = options.localState ?? false;
  const cacheFolder = options.cacheFolder ?? null;
  const found = findFiles(root);
  const key = JSON.stringify([
    [...classes].sort(),
    localState,
    config.sinks,
    config.retries,
    SINKS_VERSION,
    RETRIES_VERSION,
  ]);
  const cache = openReportCache(cacheFolder, root, key, found);
  const kept = options.needsAnalysis ? null : cache.read();
  if (kept)
    return { audited: { ...kept, coverage: { ...kept.coverage, cached: kept.coverage.files } }, analysis: null };
  const project = loadProject(root, { cacheFolder, include: classes, found });
  const analysis = analyze(project, { classes, sinks: config.sinks, retries: config.retries });
  const audited = auditedOf(analysis, { classes, localState });
  cache.write(audited);
  return { audited, analysis };
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
