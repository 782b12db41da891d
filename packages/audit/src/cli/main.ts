import { writeFileSync } from "node:fs";
import { emitActions } from "../fix/emit-actions.ts";
import { proposeFixes } from "../fix/propose-fixes.ts";
import { InputError } from "../input-error.ts";
import { toHtml } from "../report/html.ts";
import { toJson } from "../report/json.ts";
import { toMarkdown } from "../report/markdown.ts";
import { plain } from "../report/safe-text.ts";
import { toSarif } from "../report/sarif.ts";
import { toTerminal } from "../report/terminal.ts";
import { atLeast } from "../rules/severity.ts";
import { type AuditResult, defaultCacheFolder, runAudit } from "../run-audit.ts";
import { writeBaseline } from "../select/baseline.ts";
import { chosen } from "../select/chosen.ts";
import { VERSION } from "../version.ts";
import { HELP } from "./help.ts";
import { type CliOptions, parseOptions } from "./options.ts";

/** The command line. Returns the exit code: 0 done, 1 findings that --fail-on names, 2 bad usage or input. */
export function main(argv: readonly string[]): number {
  try {
    const options = parseOptions(argv);
    if (options.help) return say(HELP);
    if (options.version) return say(`${VERSION}\n`);
    const result = runAudit(options.path, {
      ...options,
      needsAnalysis: options.fix || options.emitActions !== null,
      cacheFolder: options.noCache ? null : (options.cache ?? defaultCacheFolder()),
    });
    write(result, options);
    const { failOn } = options;
    return failOn !== null && result.report.findings.some((one) => atLeast(one.severity, failOn)) ? 1 : 0;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    process.stderr.write(`onceguard audit: ${plain(error.message)}\n`);
    return 2;
  }
}

/** Files first: if one cannot be written, nothing was said yet. */
function write(result: AuditResult, options: CliOptions): void {
  const { report, analysis } = result;
  if (options.sarif) file(options.sarif, toSarif(report, VERSION));
  if (options.markdown) file(options.markdown, toMarkdown(report));
  if (options.html) file(options.html, toHtml(report));
  if (options.emitActions && analysis)
    file(options.emitActions, emitActions(analysis, chosen(report.findings, options.only)));
  if (options.writeBaseline) writeBaseline(options.writeBaseline, report.findings);
  if (options.json) say(toJson(report));
  else if (options.fix && analysis)
    say(proposeFixes(analysis, chosen(report.findings, options.only)).join("") || "# No finding has a simple fix.\n");
  else say(toTerminal(report, { color: usesColor(), all: options.all }));
}

function file(path: string, content: string): void {
  try {
    writeFileSync(path, content);
  } catch (error) {
    throw new InputError(`cannot write ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

function say(text: string): 0 {
  process.stdout.write(text);
  return 0;
}

function usesColor(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR;
}

// `onceguard audit | head`: a reader that has seen enough is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});
