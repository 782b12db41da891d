import type { Command } from "commander";
import { promiseOf } from "../../core/action.ts";
import type { LogEntry } from "../../core/ports.ts";
import { type Receipt, resultOf, STATES, type State } from "../../core/receipt.ts";
import { NotSo, UsageError } from "../exit.ts";
import { nextCommand, nextStep } from "../next-step.ts";
import { numberOption } from "../option-parsers.ts";
import { note, paint, paintState, print, printFields, printJson, printTable, span, visible } from "../output.ts";
import { type CommonOptions, command, conclude, group, withGuard } from "../session.ts";
import { logEntryOnWire, receiptOnWire, receiptSummary, timeOnWire } from "../wire.ts";

interface ListOptions extends CommonOptions {
  readonly state?: string[];
  readonly action?: string;
  readonly record?: string;
  readonly run?: string;
  readonly tenant?: string;
  readonly limit: number;
}

export function receiptsCommand(): Command {
  return group("receipts", "Look at what was guarded: what happened, what did not, what is open.", {
    summary: "look at what happened, what did not, what is open",
    examples: ["onceguard receipts", "onceguard receipts --state in_doubt,review", "onceguard receipts show deploy:42"],
    exits: [
      ["0", "shown"],
      ["1", "there is no such receipt, or the store cannot be used"],
      ["2", "bad usage"],
    ],
  })
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(showCommand());
}

function listCommand(): Command {
  return command("list", "List receipts, newest first (the default of `onceguard receipts`).", {
    summary: "list receipts, newest first (the default)",
    examples: [
      "onceguard receipts",
      "onceguard receipts list --state in_doubt,review",
      "onceguard receipts --record order:A1 --json",
    ],
    exits: [
      ["0", "listed, even if there are none"],
      ["1", "the store is not there or cannot be used"],
      ["2", "bad usage"],
    ],
  })
    .option("--state <states>", `only these: ${STATES.join(", ")}`, (text) => text.split(","))
    .option("--action <name>", "only this action")
    .option("--record <record>", "only this business record")
    .option("--run <id>", "only this run of a caller")
    .option("--tenant <tenant>", "only this tenant")
    .option("--limit <n>", "at most this many", numberOption, 50)
    .action((options: ListOptions) => conclude(options, () => list(options)));
}

async function list(options: ListOptions): Promise<void> {
  const { action, record: recordId, run: runId, tenant, limit, json } = options;
  const states = options.state?.map(stateNamed);
  const receipts = await withGuard(options, {}, ({ guard }) =>
    // One more than is shown tells whether there is more.
    guard.receipts({ states, action, recordId, runId, tenant, limit: limit + 1 }),
  );
  const shown = receipts.slice(0, limit);
  const hasMore = receipts.length > limit;
  if (json) return printJson({ receipts: shown.map(receiptSummary), has_more: hasMore });
  if (shown.length === 0) return print("No receipts.");
  printTable(
    [
      { title: "REQUEST", shrink: true },
      { title: "ACTION" },
      { title: "RECORD", shrink: true },
      { title: "STATE" },
      { title: "TRIES" },
      { title: "SINCE" },
    ],
    shown.map((one) => [
      visible(one.requestId),
      visible(one.action),
      visible(one.recordId ?? "-"),
      paintState(one.state) + (one.conflict ? paint("red", " conflict") : ""),
      String(one.attemptNumber),
      span(one.readAt - one.updatedAt),
    ]),
  );
  if (hasMore) note(`these are the newest ${limit}; there are more (--limit)`);
}

function stateNamed(name: string): State {
  const state = STATES.find((one) => one === name.trim());
  if (state) return state;
  throw new UsageError(`"${name}" is no state; there are ${STATES.join(", ")}`);
}

interface ShowOptions extends CommonOptions {
  readonly tenant?: string;
}

function showCommand(): Command {
  return command("show", "Show one receipt whole, with its history.", {
    summary: "show one receipt whole, with its history",
    examples: [
      "onceguard receipts show deploy:42",
      "onceguard receipts show deploy:42 --json | jq -r .receipt.result.stdout",
    ],
    exits: [
      ["0", "shown"],
      ["1", "there is no such receipt, or the store cannot be used"],
      ["2", "bad usage"],
    ],
  })
    .argument("<id>", "the request id")
    .option("--tenant <tenant>", "whose request id it is")
    .action((id: string, options: ShowOptions) => conclude(options, () => show(id, options)));
}

async function show(id: string, options: ShowOptions): Promise<void> {
  const at = options.tenant === undefined ? {} : { tenant: options.tenant };
  const { receipt, log } = await withGuard(options, {}, async ({ guard, store }) => {
    const found = await guard.receipt(id, at);
    if (!found) throw new NotSo(`there is no receipt for request id "${id}" in ${store.name}`);
    return { receipt: found, log: await guard.log(found.requestId, { tenant: found.tenant }) };
  });
  if (options.json) {
    return printJson({ receipt: receiptOnWire(receipt), log: log.map(logEntryOnWire) });
  }
  printReceipt(receipt, options);
  print();
  printTable(
    [
      { title: "AT" },
      { title: "EVENT" },
      { title: "STATE" },
      { title: "TRY" },
      { title: "ACTOR" },
      { title: "DETAIL", shrink: true },
    ],
    log.map((entry) => [
      timeOnWire(entry.at) ?? "",
      entry.event,
      paintState(entry.state),
      String(entry.attemptNumber),
      visible(entry.actor ?? "-"),
      detailOf(entry),
    ]),
  );
}

function printReceipt(receipt: Receipt, options: CommonOptions): void {
  const { state, reason, route, failure, evidence, riskTier, capability } = receipt;
  const because = reason ?? failure?.message ?? null;
  const result = resultOf(receipt);
  printFields([
    ["request", visible(receipt.requestId)],
    ["state", paintState(state) + (receipt.conflict ? paint("red", " (evidence contradicts it)") : "")],
    ["because", because && visible(because)],
    ["known by", evidence],
    ["for", state === "review" ? route : null],
    ["action", visible(receipt.action)],
    ["record", receipt.recordId && visible(receipt.recordId)],
    ["tenant", receipt.tenant === "default" ? null : visible(receipt.tenant)],
    ["actor", receipt.actor && visible(receipt.actor)],
    ["run", receipt.runId && visible(receipt.runId)],
    ["tier", riskTier],
    ["promise", promiseOf(riskTier, capability)],
    ["identity", receipt.keySource],
    ["version", String(receipt.version)],
    ["created", timeOnWire(receipt.createdAt)],
    ["updated", timeOnWire(receipt.updatedAt)],
    ["payload", receipt.payload === null ? null : cut(receipt.payload)],
    ["result", result === undefined ? omitted(receipt) : cut(JSON.stringify(result))],
    ["next", nextStepOrWait(receipt, options)],
  ]);
}

function nextStepOrWait(receipt: Receipt, options: CommonOptions): string | null {
  if (receipt.state === "failed") {
    return nextCommand("review resolve", receipt.requestId, options, "--retry --reason TEXT   to have it tried again");
  }
  return nextStep(receipt, options);
}

function omitted({ result }: Receipt): string | null {
  return result && "omitted" in result ? `not kept (${result.omitted})` : null;
}

/** Enough to recognise it; `--json` has it whole. */
function cut(text: string): string {
  const shown = visible(text);
  return shown.length > 400
    ? `${shown.slice(0, 400)}… ${paint("dim", `(${text.length} characters; whole with --json)`)}`
    : shown;
}

function detailOf({ detail }: LogEntry): string {
  if (detail === null) return "-";
  const { failure, reason, decision, ...rest } = JSON.parse(detail) as Record<string, unknown>;
  const words = [decision, reason, (failure as { message?: string } | undefined)?.message].filter(Boolean).join(": ");
  return visible(words || JSON.stringify(rest));
}
