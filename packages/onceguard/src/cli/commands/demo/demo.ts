import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { Command, Option } from "commander";
import { EXIT, UsageError } from "../../exit.ts";
import { note, paint, print, printJson } from "../../output.ts";
import { type CommonOptions, conclude, helpAfter, jsonOption } from "../../session.ts";
import { findingsDocument } from "./document.ts";
import { allHold, type Findings, type JudgedResult } from "./findings.ts";
import { progress } from "./progress.ts";
import { printFindings } from "./report.ts";
import { runScenario, type Stage } from "./run-scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { COMPILE_CACHE, withStage } from "./stage.ts";
import { problemsOf } from "./verdict.ts";
import { readPage } from "./web/page-files.ts";
import { recordScenarios } from "./web/record.ts";
import { recordingPage } from "./web/recording.ts";
import { serveShow } from "./web/serve-show.ts";

interface DemoOptions extends CommonOptions {
  readonly keep?: boolean;
  readonly web?: boolean;
  readonly record?: string;
}

const DESCRIPTION = `Watch an agent that retries pay twice, and once with the guard in between.

A payment provider runs in a process of its own and writes every payment to a ledger on disk before it answers.
An agent pays one invoice per scenario, first with a plain payment tool, then with the same tool behind the guard:

  - the response is lost, times out, or is a 500, after the payment was made
  - a 503, and nothing was paid: it must still be paid
  - kill -9 of the agent after the payment, or before it; then a fresh process
  - 50 duplicates at the same time, from 4 processes
  - the model plans the call again, in other words and under a new tool call id

The provider either honours Idempotency-Key ("keys"), or ignores it and can be asked what it has paid ("lookup").
Only its ledger is believed. Nothing leaves this machine, and it takes less than half a minute.`;

/** `onceguard demo`: the whole point, on the newcomer's own machine. */
export function demoCommand(): Command {
  return (
    new Command("demo")
      .summary("watch an agent that retries pay twice, and once with the guard")
      .description(DESCRIPTION)
      .option("--keep", "keep the receipts and the provider's ledger to look at")
      .addOption(
        new Option("--web", "play it on a page of this machine: your buttons, both sides at once").conflicts("record"),
      )
      .option("--record <file>", "also write a recording of it: one HTML file that replays what happened")
      // Not ONCEGUARD_STORE and not the config's: a demo has no business in a real store unless it is told so.
      .option("--store <url>", "sqlite:path or postgres://... (default: a file in a temporary folder)")
      .addOption(new Option("--config <file>").hideHelp()) // every command takes it; the demo brings its own action
      .addOption(jsonOption())
      .addHelpText(
        "after",
        helpAfter({
          examples: [
            "onceguard demo",
            "onceguard demo --keep                              # then onceguard receipts --store ...",
            "onceguard demo --web                               # retry, lose a response, kill -9, by hand",
            "onceguard demo --record demo.html                  # to show to others, offline too",
            "onceguard demo --json | jq .totals",
            "onceguard demo --store postgres://localhost/test   # the same on PostgreSQL",
          ],
          exits: [
            ["0", "guarded: one payment and one settled receipt per intent; unguarded: the duplicates"],
            ["", "with --web: it was ended by Ctrl-C"],
            ["1", "some of that did not hold, and it is said what"],
            ["2", "bad usage"],
          ],
        }),
      )
      .action((options: DemoOptions) => conclude(options, () => demo(options)))
  );
}

async function demo(options: DemoOptions): Promise<number> {
  const into = options.record === undefined ? null : dirname(resolve(options.record));
  if (into !== null && !existsSync(into)) throw new UsageError(`--record: there is no folder ${into}`);
  const folder = mkdtempSync(join(tmpdir(), "onceguard-demo-"));
  const end = new AbortController();
  let interruptedBy: NodeJS.Signals | null = null;
  const interrupt = (signal: NodeJS.Signals): void => {
    interruptedBy = signal;
    end.abort();
  };
  for (const signal of INTERRUPTS) process.on(signal, interrupt);
  try {
    if (options.web) return await serveDemo(options, folder, end.signal);
    const findings = await play(options, folder, end.signal);
    if (options.json) printJson(findingsDocument(findings));
    else printFindings(findings);
    if (options.record !== undefined) note(`The recording is in ${options.record}`);
    if (allHold(findings)) return EXIT.ok;
    note(whatFailed(findings));
    return EXIT.not;
  } catch (error) {
    if (interruptedBy === null) throw error;
    return 128 + constants.signals[interruptedBy as NodeJS.Signals];
  } finally {
    end.abort(); // kills what still runs
    for (const signal of INTERRUPTS) process.off(signal, interrupt);
    const rubbish = options.keep ? join(folder, COMPILE_CACHE) : folder;
    // Tried again for a moment: a process that has just been killed may have been making a file.
    rmSync(rubbish, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

/** Which scenarios; what it is about each of them stands in the table and in the document. */
function whatFailed({ results }: Findings): string {
  const failed = results.filter(({ problems }) => problems.length > 0);
  return `${failed.length} of ${results.length} scenarios did not hold: ${failed.map(({ scenario }) => scenario.id).join(", ")}`;
}

const INTERRUPTS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** All scenarios, with or without a recording. */
async function play(options: DemoOptions, folder: string, signal: AbortSignal): Promise<Findings> {
  const startedAt = performance.now();
  const storeUrl = storeUrlOf(options, folder);
  const show = progress(SCENARIOS.length);
  try {
    return await withStage(storeUrl, folder, signal, async (stage) => ({
      results: await (options.record === undefined
        ? playAll(stage, show.step)
        : record(stage, options.record, show.step)),
      runId: stage.runId,
      seconds: Math.round(performance.now() - startedAt) / 1_000,
      store: options.store || options.keep ? withoutPassword(storeUrl) : null,
      ledger: options.keep ? stage.ledger : null,
    }));
  } finally {
    show.end();
  }
}

async function playAll(stage: Stage, step: (title: string) => void): Promise<readonly JudgedResult[]> {
  const results = [];
  for (const scenario of SCENARIOS) {
    step(scenario.title);
    const result = await runScenario(stage, scenario);
    results.push({ ...result, problems: problemsOf(result) });
  }
  return results;
}

async function record(stage: Stage, file: string, step: (title: string) => void): Promise<readonly JudgedResult[]> {
  const { results, happenings } = await recordScenarios(stage, step);
  writeFileSync(file, recordingPage(readPage(), { recorded_at: new Date().toISOString(), happenings }));
  return results;
}

/** Until it is interrupted, which is how it ends well. */
async function serveDemo(options: DemoOptions, folder: string, signal: AbortSignal): Promise<number> {
  const storeUrl = storeUrlOf(options, folder);
  await withStage(storeUrl, folder, signal, async (stage) => {
    const { url, close } = await serveShow(stage);
    const { ledger } = stage;
    if (options.json) printJson({ url, store: withoutPassword(storeUrl), ledger });
    else {
      print(`Open ${paint("bold", url)} in a browser. Ctrl-C ends it.`);
      print(paint("dim", `The provider's ledger: ${ledger}`));
    }
    if (!signal.aborted) await once(signal, "abort");
    close();
  });
  return EXIT.ok;
}

function storeUrlOf({ store }: DemoOptions, folder: string): string {
  return store ?? `sqlite:${join(folder, "onceguard.db")}`;
}

function withoutPassword(storeUrl: string): string {
  const url = URL.parse(storeUrl);
  if (!url?.password) return storeUrl;
  url.password = "...";
  return url.href;
}
