import type { Command } from "commander";
import { durationMs } from "../../../core/duration.ts";
import { durationText } from "../../../core/duration-text.ts";
import type { Receipt, State } from "../../../core/receipt.ts";
import { type Retention, retentionPasses } from "../../../pipeline/retention.ts";
import { UsageError } from "../../exit.ts";
import { numberOption, spanOption } from "../../option-parsers.ts";
import { count, paintState, print, printJson, printTable, progress, timeText, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, locate, type Session, withGuard } from "../../session.ts";
import { timeOnWire } from "../../wire.ts";

interface RetentionOptions extends CommonOptions {
  readonly olderThan?: string;
  readonly action?: string;
  readonly tenant?: string;
  readonly batch: number;
  readonly dryRun?: boolean;
}

const PAGE = 500;

/** What is to be forgotten, and how that is said. */
interface Task {
  readonly retention: Retention;
  readonly words: string;
  readonly wire: Readonly<Record<string, unknown>>;
}

export function retentionCommand(): Command {
  return command(
    "retention",
    "Forget payloads and results of requests that were settled long ago. What stays is the request id with its fingerprint and how it ended, so that a late retry meets an answer and never executes again. What is open, waits for a person, or is contradicted by evidence, is kept whole.",
    {
      summary: "forget payloads and results of old settled requests",
      examples: [
        "onceguard retention --older-than 90d --dry-run     # how many, of which actions",
        "onceguard retention --older-than 90d               # in cron; may be cut off and run again",
        "onceguard retention --older-than 7d --action send_mail",
        "onceguard retention                                # by the `retention` rules of the config",
      ],
      exits: [
        ["0", "done, even if there was nothing to forget"],
        ["1", "the store is not there or cannot be used"],
        ["2", "bad usage: nothing was forgotten"],
      ],
    },
  )
    .option("--older-than <time>", "settled at least this long ago: 90d, 36h (default: the config's rules)", spanOption)
    .option("--action <name>", "with --older-than: only this action")
    .option("--tenant <tenant>", "with --older-than: only this tenant")
    .option("--batch <n>", "requests per batch; it can be stopped between two", numberOption, 100)
    .option("--dry-run", "only count")
    .action((options: RetentionOptions) => conclude(options, () => retention(options)));
}

async function retention(options: RetentionOptions): Promise<void> {
  const task = await taskOf(options);
  await withGuard(options, {}, (session) =>
    options.dryRun ? dryRun(session, task, options) : forget(session, task, options),
  );
}

/** @throws UsageError where neither the command line nor the config says what to forget */
async function taskOf(options: RetentionOptions): Promise<Task> {
  const { olderThan, action, tenant } = options;
  if (olderThan !== undefined) {
    const only = { ...(action !== undefined && { action }), ...(tenant !== undefined && { tenant }) };
    const olderThanMs = durationMs(olderThan, "--older-than");
    return {
      retention: { olderThan, ...only },
      words: scopeWords(options, olderThanMs),
      wire: { older_than_ms: olderThanMs },
    };
  }
  if (action !== undefined || tenant !== undefined)
    throw new UsageError("--action and --tenant go with --older-than; the config's rules name theirs themselves");
  const { config } = await locate(options, true);
  const rules = config?.config.retention;
  if (config === null || rules === undefined)
    throw new UsageError("say how old: --older-than 90d, or `retention` rules in the config");
  return { retention: { rules }, words: ` by the rules of ${config.path}`, wire: { rules } };
}

async function forget({ guard }: Session, task: Task, { batch, json }: RetentionOptions): Promise<void> {
  const stop = stopped();
  try {
    const { expired } = await guard.expire({
      ...task.retention,
      batch,
      onProgress: (n) => {
        progress(`${n} forgotten, going on`);
        stop.throwIfAborted();
      },
    });
    progress(null);
    if (json) printJson({ ...task.wire, expired, dry_run: false });
    else print(`${count(expired, "request")} forgotten${task.words}.`);
  } finally {
    progress(null);
  }
}

/** Ctrl-C ends it between two batches; what is done is done. */
function stopped(): AbortSignal {
  const stop = new AbortController();
  const done = new Error("Stopped. What was forgotten so far stays forgotten; run it again for the rest.");
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort(done));
  return stop.signal;
}

interface Kind {
  readonly action: string;
  readonly state: State;
  readonly count: number;
  readonly oldest: number;
}

async function dryRun({ guard, store }: Session, task: Task, { json }: RetentionOptions): Promise<void> {
  await guard.receipts({ limit: 1 }); // opens the store; its clock decides what is old
  const kinds = new Map<string, Kind>();
  let found = 0;
  let kept = 0;
  for (const { query, isMeant } of retentionPasses(task.retention, await store.now())) {
    let page: readonly Receipt[];
    let after: Receipt | undefined;
    do {
      page = await guard.receipts({ ...query, after, limit: PAGE });
      kept += page.filter((receipt) => receipt.conflict && isMeant({ ...receipt, conflict: false })).length;
      for (const receipt of page.filter(isMeant)) {
        add(kinds, receipt);
        found += 1;
      }
      progress(`${found} found, going on`);
      after = page.at(-1);
    } while (page.length === PAGE);
  }
  progress(null);
  const sorted = [...kinds.values()].sort((a, b) => b.count - a.count);
  if (json) {
    const wire = sorted.map(({ oldest, ...kind }) => ({ ...kind, oldest: timeOnWire(oldest) }));
    return printJson({ ...task.wire, would_expire: found, kept, kinds: wire, dry_run: true });
  }
  printKinds(sorted, task);
  if (kept > 0) print(`${count(kept, "request")} would be kept: evidence contradicts the record.`);
}

function add(kinds: Map<string, Kind>, { action, state, updatedAt }: Receipt): void {
  const key = `${action}\u0000${state}`;
  const kind = kinds.get(key) ?? { action, state, count: 0, oldest: updatedAt };
  kinds.set(key, { ...kind, count: kind.count + 1, oldest: Math.min(kind.oldest, updatedAt) });
}

function printKinds(kinds: readonly Kind[], { words }: Task): void {
  if (kinds.length === 0) {
    print(`Nothing to forget${words}.`);
    return;
  }
  printTable(
    [{ title: "ACTION", shrink: true }, { title: "ENDED" }, { title: "REQUESTS" }, { title: "OLDEST" }],
    kinds.map((kind) => [visible(kind.action), paintState(kind.state), String(kind.count), timeText(kind.oldest)]),
  );
  const total = kinds.reduce((sum, kind) => sum + kind.count, 0);
  print();
  print(`${count(total, "request")} would be forgotten${words}. Nothing was changed.`);
}

function scopeWords({ action, tenant }: RetentionOptions, olderThanMs: number): string {
  const of = [action && `of ${visible(action)}`, tenant && `of tenant ${visible(tenant)}`].filter(Boolean).join(" ");
  return `${of && ` ${of}`}, settled more than ${durationText(olderThanMs)} ago`;
}
