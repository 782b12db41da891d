import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { durationMs } from "../../core/duration.ts";
import { OnceguardError } from "../../core/errors.ts";
import { isLapsed, type Receipt } from "../../core/receipt.ts";
import type { Guard } from "../../pipeline/create-guard.ts";
import { EXIT, NotSo } from "../exit.ts";
import { nextStep } from "../next-step.ts";
import { durationOption } from "../option-parsers.ts";
import { note, paint, paintState, print, printJson, printTable, span, visible } from "../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../session.ts";
import { receiptSummary } from "../wire.ts";

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

interface Pass {
  readonly moved: readonly Receipt[];
  /** Whatever is neither settled nor under way. */
  readonly open: readonly Receipt[];
}

async function reconcile(id: string | undefined, options: ReconcileOptions): Promise<number> {
  return withGuard(options, { actions: true }, async ({ guard, config, store }) => {
    if (!config && !options.json) note("no config here: questions that an action's own code must answer stay open");
    const pass = (): Promise<Pass> =>
      id === undefined ? passOverAll(guard) : passOverOne(guard, id, options, store.name);
    if (options.watch) return watch(pass, options);
    const { moved, open } = await pass();
    if (options.json) printJson(onWire({ moved, open }));
    else printPass({ moved, open });
    const questions = open.filter(({ state }) => state === "in_doubt" || state === "review");
    return options.check && questions.length > 0 ? EXIT.not : EXIT.ok;
  });
}

async function passOverAll(guard: Guard): Promise<Pass> {
  const { moved } = await guard.reconcile();
  const open = await guard.receipts({ states: ["running", "retry_wait", "in_doubt", "review"], limit: LIMIT });
  return { moved, open: open.filter(isOpen) };
}

async function passOverOne(guard: Guard, id: string, { tenant }: ReconcileOptions, store: string): Promise<Pass> {
  const at = tenant === undefined ? {} : { tenant };
  const before = await guard.receipt(id, at);
  if (!before) throw new NotSo(`there is no receipt for request id "${id}" in ${store}`);
  await guard.reconcile(id, at);
  const after = (await guard.receipt(id, at)) ?? before;
  return { moved: after.version > before.version ? [after] : [], open: isOpen(after) ? [after] : [] };
}

function isOpen(receipt: Receipt): boolean {
  const { state } = receipt;
  return state === "in_doubt" || state === "review" || state === "retry_wait" || isLapsed(receipt);
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

function movedLine(receipt: Receipt, options: CommonOptions): string {
  const next = nextStep(receipt, options);
  const time = paint("dim", new Date(receipt.updatedAt).toISOString());
  return `${time}  ${visible(receipt.requestId)}  ${paintState(receipt.state)}  ${why(receipt)}${next === null ? "" : paint("dim", `  ${next}`)}`;
}

function printPass({ moved, open }: Pass): void {
  const byId = new Map([...moved, ...open].map((one) => [`${one.tenant} ${one.requestId}`, one]));
  if (byId.size === 0) {
    print("Nothing is in doubt.");
    return;
  }
  printTable(
    [
      { title: "" },
      { title: "REQUEST", shrink: true },
      { title: "ACTION" },
      { title: "STATE" },
      { title: "WHY", shrink: true },
      { title: "NEXT" },
    ],
    [...byId.values()].map((one) => [
      moved.some(({ requestId, tenant }) => requestId === one.requestId && tenant === one.tenant)
        ? paint("green", "moved")
        : "",
      visible(one.requestId),
      visible(one.action),
      paintState(one.state),
      why(one),
      nextOf(one),
    ]),
  );
  print();
  print(`${moved.length} moved, ${open.length} still open.`);
}

function nextOf(receipt: Receipt): string {
  const { state, action, dueAt, readAt } = receipt;
  if (state === "review") return "onceguard review";
  if (!isOpen(receipt)) return "-";
  if (action === "run") return "the same `onceguard run` again";
  if (dueAt !== null && dueAt > readAt) return `due in ${span(dueAt - readAt + 999)}`;
  return "a config that has its action";
}

function why({ reason, failure, evidence }: Receipt): string {
  return visible(reason ?? failure?.code ?? (evidence === null ? "-" : `known by ${evidence}`));
}

function onWire({ moved, open }: Pass): unknown {
  return { moved: moved.map(receiptSummary), open: open.map(receiptSummary) };
}
