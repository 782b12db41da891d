import { type Command, Option } from "commander";
import { CALLER_CAUSES, type Cause } from "../../../core/attribution.ts";
import type { LogQuery } from "../../../core/ports.ts";
import { UsageError } from "../../exit.ts";
import { momentOption, numberOption, offering } from "../../option-parsers.ts";
import { note, print, printJson } from "../../output.ts";
import { type CommonOptions, command, conclude, type Session, withGuard } from "../../session.ts";
import { logLineOnWire } from "../../wire.ts";
import { csvHead, csvLine } from "./csv.ts";
import { follow } from "./follow.ts";
import { pages } from "./pages.ts";
import { printEntries, printEntry } from "./print-entries.ts";

interface LogOptions extends CommonOptions {
  readonly request?: string;
  readonly action?: string;
  readonly record?: string;
  readonly run?: string;
  readonly actor?: string;
  readonly event?: string[];
  readonly cause?: string;
  readonly hostScope?: string;
  readonly hostCall?: string;
  readonly trace?: string;
  readonly tenant?: string;
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
  readonly follow?: boolean;
  readonly ndjson?: boolean;
  readonly csv?: boolean;
}

const CAUSES: readonly Cause[] = ["first", "same_process", "sweeper", ...CALLER_CAUSES, "unknown"];
const DEFAULT_LIMIT = 50;

export function logCommand(): Command {
  return command(
    "log",
    "The action log: every event of every request, with who did it, why it was done again, and the record before and after. Filters are combined. Without --ndjson or --csv the newest entries are shown, oldest first.",
    {
      summary: "what was done, by whom, and why it was done again",
      examples: [
        "onceguard log --run run-42",
        "onceguard log --record order:A1 --since 24h",
        "onceguard log --event replayed,drift --cause replanned",
        "onceguard log --follow                               # as it happens",
        "onceguard log --since 2026-11-01T00:00:00Z --csv > november.csv",
      ],
      exits: [
        ["0", "shown, even if there is nothing"],
        ["1", "the store is not there or cannot be used"],
        ["2", "bad usage"],
      ],
    },
  )
    .option("--request <id>", "only this request")
    .option("--action <name>", "only this action")
    .option("--record <record>", "only this business record")
    .option("--run <id>", "only this run of a caller")
    .option("--actor <name>", "only what this one did")
    .option("--event <events>", "only these events: claim, success, replayed, ...", (text) => text.split(","))
    .addOption(offering(new Option("--cause <cause>", "only attempts and calls made because of this"), CAUSES))
    .option("--host-scope <id>", "only from this thread, workflow or queue of a host")
    .option("--host-call <id>", "only this call or message of a host")
    .option("--trace <id>", "only of this trace")
    .option("--tenant <tenant>", "only this tenant")
    .option("--since <time>", "from then on: 24h (ago), or 2026-11-21T03:00:00Z", momentOption)
    .option("--until <time>", "before then", momentOption)
    .option("--limit <n>", `at most this many (default ${DEFAULT_LIMIT}; all with --ndjson and --csv)`, numberOption)
    .option("--follow", "go on with what happens from now, until stopped")
    .option("--ndjson", "one JSON document per line, oldest first")
    .option("--csv", "comma-separated, with a head, oldest first")
    .action((options: LogOptions) => conclude(options, () => log(options)));
}

async function log(options: LogOptions): Promise<void> {
  const formats = (["json", "ndjson", "csv"] as const).filter((name) => options[name]);
  if (formats.length > 1) throw new UsageError(`give one of --${formats.join(" and --")}`);
  if (options.follow && options.json)
    throw new UsageError("--json is one document, which --follow never ends; use --ndjson");
  if (options.follow && options.until !== undefined) throw new UsageError("--follow has no --until");
  const query = queryOf(options);
  await withGuard(options, {}, (session) => {
    if (options.follow) return follow(session, query, options.limit ?? 10, printerFor(options));
    return options.ndjson || options.csv ? exportAll(session, query, options) : show(session, query, options);
  });
}

function queryOf(options: LogOptions): Omit<LogQuery, "limit"> {
  const { request, record, run, event, cause, hostScope, hostCall, trace } = options;
  const { action, actor, tenant, since, until } = options;
  if (cause !== undefined && !CAUSES.includes(cause as Cause)) {
    throw new UsageError(`"${cause}" is no cause; there are ${CAUSES.join(", ")}`);
  }
  const events = event?.map((one) => one.trim());
  return {
    ...{ requestId: request, recordId: record, runId: run, hostCallId: hostCall, traceId: trace },
    ...{ action, actor, tenant, since, until, hostScope, events, cause: cause as Cause | undefined },
  };
}

async function show({ guard }: Session, query: Omit<LogQuery, "limit">, options: LogOptions): Promise<void> {
  const limit = options.limit ?? DEFAULT_LIMIT;
  const found = await guard.log({ ...query, limit: limit + 1 });
  const entries = found.slice(0, limit).reverse();
  const hasMore = found.length > limit;
  if (options.json) return printJson({ entries: entries.map(logLineOnWire), has_more: hasMore });
  if (entries.length === 0) return print("Nothing in the log.");
  printEntries(entries);
  if (hasMore) note(`these are the newest ${limit}; there are more (--limit)`);
}

/** Page by page: a log does not fit into memory. */
async function exportAll({ guard }: Session, query: Omit<LogQuery, "limit">, options: LogOptions): Promise<void> {
  const printer = printerFor(options);
  for await (const page of pages(guard, query, options.limit)) for (const entry of page) printer(entry);
}

function printerFor(options: LogOptions): typeof printEntry {
  if (options.ndjson) return (entry) => print(JSON.stringify(logLineOnWire(entry)));
  if (!options.csv) return printEntry;
  print(csvHead());
  return (entry) => print(csvLine(entry));
}
