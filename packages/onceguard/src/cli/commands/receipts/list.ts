import { type Command, Option } from "commander";
import { type Receipt, STATES, type State } from "../../../core/receipt.ts";
import { UsageError } from "../../exit.ts";
import { waitsFor } from "../../hold-words.ts";
import { numberOption, offering } from "../../option-parsers.ts";
import { note, paint, paintState, print, printJson, printTable, span, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";
import { receiptSummary } from "../../wire.ts";

interface ListOptions extends CommonOptions {
  readonly state?: string[];
  readonly action?: string;
  readonly record?: string;
  readonly run?: string;
  readonly tenant?: string;
  readonly conflict?: true;
  readonly limit: number;
}

export function listCommand(): Command {
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
    .addOption(
      offering(
        new Option("--state <states>", "only these, with commas").argParser((text) => text.split(",")),
        STATES,
      ),
    )
    .option("--action <name>", "only this action")
    .option("--record <record>", "only this business record")
    .option("--run <id>", "only this run of a caller")
    .option("--tenant <tenant>", "only this tenant")
    .option("--conflict", "only those that evidence contradicts")
    .option("--limit <n>", "at most this many", numberOption, 50)
    .action((options: ListOptions) => conclude(options, () => list(options)));
}

async function list(options: ListOptions): Promise<void> {
  const { action, record: recordId, run: runId, tenant, conflict, limit, json } = options;
  const states = options.state?.map(stateNamed);
  const receipts = await withGuard(options, {}, ({ guard }) =>
    // One more than is shown tells whether there is more.
    guard.receipts({ states, action, recordId, runId, tenant, conflict, limit: limit + 1 }),
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
      stateCell(one),
      String(one.attemptNumber),
      span(one.readAt - one.updatedAt),
    ]),
  );
  if (hasMore) note(`these are the newest ${limit}; there are more (--limit)`);
}

function stateCell(receipt: Receipt): string {
  const { state, conflict } = receipt;
  const waits = state === "held" ? paint("dim", ` (${waitsFor(receipt)})`) : "";
  return paintState(state) + waits + (conflict ? paint("red", " conflict") : "");
}

function stateNamed(name: string): State {
  const state = STATES.find((one) => one === name.trim());
  if (state) return state;
  throw new UsageError(`"${name}" is no state; there are ${STATES.join(", ")}`);
}
