import type { Command } from "commander";
import type { Receipt } from "../../../core/receipt.ts";
import { because, nextCommand, resolveWords } from "../../next-step.ts";
import { numberOption } from "../../option-parsers.ts";
import { count, paint, print, printJson, printTable, span, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";
import { receiptOnWire, receiptSummary } from "../../wire.ts";

interface ListOptions extends CommonOptions {
  readonly action?: string;
  readonly tenant?: string;
  readonly limit: number;
}

export function listCommand(): Command {
  return command("list", "List what waits for a person, longest waiting first (the default of `onceguard review`).", {
    summary: "list what waits for a person (the default)",
    examples: ["onceguard review", "onceguard review list --action run --json"],
    exits: [
      ["0", "listed, even if nothing waits"],
      ["1", "the store is not there or cannot be used"],
      ["2", "bad usage"],
    ],
  })
    .option("--action <name>", "only this action")
    .option("--tenant <tenant>", "only this tenant")
    .option("--limit <n>", "at most this many", numberOption, 100)
    .action((options: ListOptions) => conclude(options, () => list(options)));
}

async function list(options: ListOptions): Promise<void> {
  const { action, tenant, limit } = options;
  const { waiting, doubtful } = await withGuard(options, {}, async ({ guard }) => ({
    waiting: await guard.reviews({ action, tenant, limit }),
    doubtful: await guard.receipts({ action, tenant, states: ["in_doubt"], limit }),
  }));
  if (options.json) {
    const reviews = waiting.map((one) => ({ ...receiptSummary(one), payload: receiptOnWire(one).payload }));
    return printJson({ reviews, in_doubt: doubtful.length });
  }
  if (waiting.length === 0) print("Nothing waits for a person.");
  else printWaiting(waiting, options);
  if (doubtful.length > 0) {
    print();
    print(
      `${paint("yellow", `${count(doubtful.length, "request")} in doubt`)}: ${nextCommand("reconcile", null, options)} settles what it can, and brings the rest here.`,
    );
  }
}

function printWaiting(waiting: readonly Receipt[], options: CommonOptions): void {
  printTable(
    [
      { title: "REQUEST", shrink: true },
      { title: "ACTION" },
      { title: "RECORD", shrink: true },
      { title: "FOR" },
      { title: "WAITING" },
      { title: "VERSION" },
      { title: "WHY", shrink: true },
    ],
    waiting.map((one) => [
      visible(one.requestId),
      visible(one.action),
      visible(one.recordId ?? "-"),
      one.route ?? "-",
      span(one.readAt - (one.dueAt ?? one.updatedAt)),
      String(one.version),
      visible(because(one) ?? "-"),
    ]),
  );
  const [first] = waiting;
  if (!first) return;
  print();
  print("Find out whether it happened (ask the other side, look at its books), then say so:");
  print(`  ${resolveWords(first.requestId, options)}`);
}
