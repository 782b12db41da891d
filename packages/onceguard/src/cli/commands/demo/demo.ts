import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { createGuard } from "../../../pipeline/create-guard.ts";
import { EXIT } from "../../exit.ts";
import { openStore, parseStoreUrl } from "../../open-store.ts";
import { note, printJson } from "../../output.ts";
import { type CommonOptions, conclude, helpAfter, jsonOption } from "../../session.ts";
import { startChild } from "./child.ts";
import { findingsDocument } from "./document.ts";
import { allHold, type Findings } from "./findings.ts";
import type { ProviderJob, ProviderMessage } from "./messages.ts";
import { progress } from "./progress.ts";
import { printFindings } from "./report.ts";
import { runScenario, type Stage } from "./run-scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { problemsOf } from "./verdict.ts";

interface DemoOptions extends CommonOptions {
  readonly keep?: boolean;
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
            "onceguard demo --json | jq .totals",
            "onceguard demo --store postgres://localhost/test   # the same on PostgreSQL",
          ],
          exits: [
            ["0", "guarded: one payment and one settled receipt per intent; unguarded: the duplicates"],
            ["1", "some of that did not hold, and it is said what"],
            ["2", "bad usage"],
          ],
        }),
      )
      .action((options: DemoOptions) => conclude(options, () => demo(options)))
  );
}

async function demo(options: DemoOptions): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-demo-"));
  const end = new AbortController();
  let interruptedBy: NodeJS.Signals | null = null;
  const interrupt = (signal: NodeJS.Signals): void => {
    interruptedBy = signal;
    end.abort();
  };
  for (const signal of INTERRUPTS) process.on(signal, interrupt);
  try {
    const findings = await play(options, folder, end.signal);
    if (options.json) printJson(findingsDocument(findings));
    else printFindings(findings);
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

const COMPILE_CACHE = "compiled";
const INTERRUPTS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

async function play(options: DemoOptions, folder: string, signal: AbortSignal): Promise<Findings> {
  const startedAt = performance.now();
  const storeUrl = options.store ?? `sqlite:${join(folder, "onceguard.db")}`;
  const ledger = join(folder, "ledger.jsonl");
  const guard = createGuard({
    store: await openStore(parseStoreUrl(storeUrl, process.cwd()), true),
    sweepEvery: false,
  });
  const children = { signal, compileCache: join(folder, COMPILE_CACHE) };
  const show = progress(SCENARIOS.length);
  try {
    await guard.receipts({ limit: 1 }); // a store that cannot be used is said before anything starts
    const provider = await startChild<ProviderJob, ProviderMessage>("provider", children);
    const listening = provider.next("listening");
    provider.start({ ledger });
    const stage: Stage = {
      // In a store that is used again, the invoices of an earlier demo have been paid already.
      runId: randomBytes(4).toString("hex"),
      provider,
      providerUrl: (await listening).url,
      ledger,
      storeUrl,
      guard,
      children,
    };
    const results = [];
    for (const scenario of SCENARIOS) {
      show.step(scenario.title);
      const result = await runScenario(stage, scenario);
      results.push({ ...result, problems: problemsOf(result) });
    }
    return {
      runId: stage.runId,
      seconds: Math.round(performance.now() - startedAt) / 1_000,
      results,
      store: options.store || options.keep ? withoutPassword(storeUrl) : null,
      ledger: options.keep ? ledger : null,
    };
  } finally {
    show.end();
    await guard.close();
  }
}

function withoutPassword(storeUrl: string): string {
  const url = URL.parse(storeUrl);
  if (!url?.password) return storeUrl;
  url.password = "...";
  return url.href;
}
