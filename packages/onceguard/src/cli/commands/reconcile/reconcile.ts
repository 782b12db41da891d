import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { durationMs } from "../../../core/duration.ts";
import { OnceguardError } from "../../../core/errors.ts";
import type { Halt } from "../../../core/halt.ts";
import type { Guard } from "../../../pipeline/guard.ts";
import { EXIT, NotSo } from "../../exit.ts";
import { durationOption } from "../../option-parsers.ts";
import { note, print, printJson, span } from "../../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";
import { receiptSummary } from "../../wire.ts";
import { isOpen, movedLine, type Pass, passOnWire, printPass } from "./print-pass.ts";

interface ReconcileOptions extends CommonOptions {
  readonly watch?: boolean;
  readonly every: string | number;
  readonly check?: boolean;
  readonly tenant?: string;
}

/** Longest list of what is still open. */
const LIMIT = 1_000;

export function reconcileCommand(): Command {
  return command(
    "reconcile",
    "Settle what is in doubt: ask the probes, re-send under keys that are valid, hand the rest to a person.",
    {
      summary: "settle what is in doubt",
      examples: [
        "onceguard reconcile",
        "onceguard reconcile deploy:42",
        "onceguard reconcile --watch",
        "onceguard reconcile --check   # for cron: exit 1 while a question is open",
      ],
      exits: [
        ["0", "done, whatever is left open"],
        ["1", "with --check: something is in doubt or in review; no such receipt; the store cannot be used"],
        ["2", "bad usage, or a config that cannot be used"],
      ],
    },
  )
    .argument("[id]", "only this request")
    .option("--watch", "go on until stopped")
    .option("--every <time>", "with --watch: how often", durationOption, "5s")
    .option("--check", "exit 1 if anything is left in doubt or in review")
    .option("--tenant <tenant>", "whose request id it is")
    .action((id: string | undefined, options: ReconcileOptions) => conclude(options, () => reconcile(id, options)));
}

async function reconcile(id: string | undefined, options: ReconcileOptions): Promise<number> {
  return withGuard(options, { actions: true }, async ({ guard, store }) => {
    const pass = (): Promise<Pass> =>
      id === undefined ? passOverAll(guard) : passOverOne(guard, id, options, store.name);
    if (options.watch) return watch(pass, options);
    const done = await pass();
    if (options.json) printJson(passOnWire(done));
    else printPass(done, options);
    const questions = done.open.filter(({ state }) => state === "in_doubt" || state === "review");
    return options.check && questions.length > 0 ? EXIT.not : EXIT.ok;
  });
}

async function passOverAll(guard: Guard): Promise<Pass> {
  const { moved } = await guard.reconcile();
  const open = await guard.receipts({ states: ["running", "retry_wait", "in_doubt", "review"], limit: LIMIT });
  const held = await guard.receipts({ states: ["held"], limit: LIMIT });
  return { moved, open: open.filter(isOpen), held, halts: await inForce(guard) };
}

function inForce(guard: Guard): Promise<readonly Halt[]> {
  return guard.halts({ inForce: true, limit: LIMIT });
}

async function passOverOne(guard: Guard, id: string, { tenant }: ReconcileOptions, store: string): Promise<Pass> {
  const at = tenant === undefined ? {} : { tenant };
  const before = await guard.receipt(id, at);
  if (!before) throw new NotSo(`there is no receipt for request id "${id}" in ${store}`);
  await guard.reconcile(id, at);
  const after = (await guard.receipt(id, at)) ?? before;
  return {
    moved: after.version > before.version ? [after] : [],
    open: isOpen(after) ? [after] : [],
    held: after.state === "held" ? [after] : [],
    halts: await inForce(guard),
  };
}

/** One pass after the other, saying only what moved. A store that is away is asked again. */
async function watch(pass: () => Promise<Pass>, options: ReconcileOptions): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const everyMs = Math.max(100, durationMs(options.every, "--every"));
  if (process.stderr.isTTY) note(`watching, every ${span(everyMs)}; Ctrl-C ends it`);
  while (!stop.signal.aborted) {
    try {
      const { moved } = await pass();
      if (options.json) for (const one of moved) print(JSON.stringify(receiptSummary(one)));
      else for (const one of moved) print(movedLine(one, options));
    } catch (error) {
      if (!(error instanceof OnceguardError) || error.code !== "store_unavailable") throw error;
      note(error.message);
    }
    await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
  }
  return EXIT.ok;
}
