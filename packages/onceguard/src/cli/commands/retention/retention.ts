import type { Command } from "commander";
import { durationMs } from "../../../core/duration.ts";
import { durationText } from "../../../core/duration-text.ts";
import type { Receipt, State } from "../../../core/receipt.ts";
import { spanOption } from "../../option-parsers.ts";
import { count, paintState, print, printJson, printTable, progress, timeText, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, type Session, withGuard } from "../../session.ts";
import { timeOnWire } from "../../wire.ts";

interface RetentionOptions extends CommonOptions {
  readonly olderThan: string;
  readonly action?: string;
  readonly tenant?: string;
  readonly dryRun?: boolean;
}

/** What `guard.expire` forgets. */
const SETTLED: readonly State[] = ["succeeded", "failed", "denied", "compensated"];
const PAGE = 500;

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
      ],
      exits: [
        ["0", "done, even if there was nothing to forget"],
        ["1", "the store is not there or cannot be used"],
        ["2", "bad usage: nothing was forgotten"],
      ],
    },
  )
    .requiredOption("--older-than <time>", "settled at least this long ago: 90d, 36h", spanOption)
    .option("--action <name>", "only this action")
    .option("--tenant <tenant>", "only this tenant")
    .option("--dry-run", "only count")
    .action((options: RetentionOptions) => conclude(options, () => retention(options)));
}

async function retention(options: RetentionOptions): Promise<void> {
  await withGuard(options, {}, (session) => (options.dryRun ? dryRun(session, options) : forget(session, options)));
}

async function forget({ guard }: Session, options: RetentionOptions): Promise<void> {
  const { olderThan, action, tenant } = options;
  const stop = stopped();
  try {
    const { expired } = await guard.expire({
      olderThan,
      ...(action !== undefined && { action }),
      ...(tenant !== undefined && { tenant }),
      onProgress: (n) => {
        progress(`${n} forgotten, going on`);
        stop.throwIfAborted();
      },
    });
    progress(null);
    if (options.json) printJson({ older_than_ms: durationMs(olderThan, "--older-than"), expired, dry_run: false });
    else print(`${count(expired, "request")} forgotten${scopeWords(options)}.`);
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

async function dryRun({ guard, store }: Session, options: RetentionOptions): Promise<void> {
  const { olderThan, action, tenant } = options;
  const olderThanMs = durationMs(olderThan, "--older-than");
  await guard.receipts({ limit: 1 }); // opens the store; its clock decides what is old
  const before = (await store.now()) - olderThanMs;
  const kinds = new Map<string, Kind>();
  let found = 0;
  let kept = 0;
  let page: readonly Receipt[];
  let after: Receipt | undefined;
  do {
    page = await guard.receipts({ states: SETTLED, updatedBefore: before, action, tenant, after, limit: PAGE });
    kept += page.filter(({ conflict }) => conflict).length;
    for (const receipt of page.filter(({ conflict }) => !conflict)) add(kinds, receipt);
    found += page.length;
    progress(`${found} found, going on`);
    after = page.at(-1);
  } while (page.length === PAGE);
  progress(null);
  const sorted = [...kinds.values()].sort((a, b) => b.count - a.count);
  if (options.json) {
    const wire = sorted.map(({ oldest, ...kind }) => ({ ...kind, oldest: timeOnWire(oldest) }));
    return printJson({ older_than_ms: olderThanMs, would_expire: found - kept, kept, kinds: wire, dry_run: true });
  }
  printKinds(sorted, options);
  if (kept > 0) print(`${count(kept, "request")} would be kept: evidence contradicts the record.`);
}

function add(kinds: Map<string, Kind>, { action, state, updatedAt }: Receipt): void {
  const key = `${action}\u0000${state}`;
  const kind = kinds.get(key) ?? { action, state, count: 0, oldest: updatedAt };
  kinds.set(key, { ...kind, count: kind.count + 1, oldest: Math.min(kind.oldest, updatedAt) });
}

function printKinds(kinds: readonly Kind[], options: RetentionOptions): void {
  if (kinds.length === 0) {
    print(`Nothing to forget${scopeWords(options)}.`);
    return;
  }
  printTable(
    [{ title: "ACTION", shrink: true }, { title: "ENDED" }, { title: "REQUESTS" }, { title: "OLDEST" }],
    kinds.map((kind) => [visible(kind.action), paintState(kind.state), String(kind.count), timeText(kind.oldest)]),
  );
  const total = kinds.reduce((sum, kind) => sum + kind.count, 0);
  print();
  print(`${count(total, "request")} would be forgotten${scopeWords(options)}. Nothing was changed.`);
}

function scopeWords({ olderThan, action, tenant }: RetentionOptions): string {
  const of = [action && `of ${visible(action)}`, tenant && `of tenant ${visible(tenant)}`].filter(Boolean).join(" ");
  return `${of && ` ${of}`}, settled more than ${durationText(durationMs(olderThan, "--older-than"))} ago`;
}
