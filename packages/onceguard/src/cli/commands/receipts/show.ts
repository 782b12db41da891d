import type { Command } from "commander";
import { promiseOf } from "../../../core/action.ts";
import type { LogEntry } from "../../../core/ports.ts";
import { type Receipt, resultOf } from "../../../core/receipt.ts";
import { NotSo } from "../../exit.ts";
import { because, nextCommand, nextStep } from "../../next-step.ts";
import { paint, paintState, print, printFields, printJson, printTable, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";
import { logEntryOnWire, receiptOnWire, timeOnWire } from "../../wire.ts";

interface ShowOptions extends CommonOptions {
  readonly tenant?: string;
}

export function showCommand(): Command {
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
      entry.state === null ? "-" : paintState(entry.state),
      String(entry.attemptNumber),
      visible(entry.actor ?? "-"),
      detailOf(entry),
    ]),
  );
}

function printReceipt(receipt: Receipt, options: CommonOptions): void {
  const { state, route, evidence, riskTier, capability } = receipt;
  const why = because(receipt);
  const result = resultOf(receipt);
  printFields([
    ["request", visible(receipt.requestId)],
    ["state", paintState(state) + (receipt.conflict ? paint("red", " (evidence contradicts it)") : "")],
    ["because", why && visible(why)],
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
