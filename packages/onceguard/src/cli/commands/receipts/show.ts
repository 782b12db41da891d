import type { Command } from "commander";
import { promiseOf } from "../../../core/action.ts";
import type { Halt } from "../../../core/halt.ts";
import { isTerminal, type Receipt, resultOf } from "../../../core/receipt.ts";
import { NotSo } from "../../exit.ts";
import { approvalWords, holdWords } from "../../hold-words.ts";
import { logDetail } from "../../log-detail.ts";
import { because, nextCommand, nextStep } from "../../next-step.ts";
import { paint, paintState, print, printFields, printJson, printTable, visible } from "../../output.ts";
import { keyWords, sentKeys } from "../../sent-keys.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";
import { haltOnWire, logEntryOnWire, receiptOnWire, timeOnWire } from "../../wire.ts";
import { haltWords, nameOf, resumeWords } from "../halt/scope.ts";

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
  const { receipt, log, halt } = await withGuard(options, {}, async ({ guard, store }) => {
    const found = await guard.receipt(id, at);
    if (!found) throw new NotSo(`there is no receipt for request id "${id}" in ${store.name}`);
    const { requestId, tenant } = found;
    return { receipt: found, log: await guard.log(requestId, { tenant }), halt: await store.haltFor(found) };
  });
  if (options.json) {
    return printJson({
      receipt: receiptOnWire(receipt),
      idempotency_keys: sentKeys(receipt),
      log: log.map(logEntryOnWire),
      halt: haltOnWire(halt),
    });
  }
  printReceipt(receipt, halt, options);
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
      logDetail(entry) ?? "-",
    ]),
  );
}

function printReceipt(receipt: Receipt, halt: Halt | null, options: CommonOptions): void {
  const { state, route, evidence, riskTier, capability } = receipt;
  const why = because(receipt);
  const result = resultOf(receipt);
  printFields([
    ["request", visible(receipt.requestId)],
    ["state", paintState(state) + (receipt.conflict ? paint("red", " (evidence contradicts it)") : "")],
    ["waits for", holdWords(receipt)],
    ["because", visible((state === "held" ? receipt.hold?.reasons.join("; ") : why) ?? "") || null],
    ["approved", approvalWords(receipt)],
    ["halted", halt && paint("red", `${nameOf(halt)}, ${haltWords(halt, receipt.readAt)}`)],
    ["known by", evidence],
    ["for", state === "review" ? route : null],
    ["action", visible(receipt.action)],
    ["record", receipt.recordId && visible(receipt.recordId)],
    ["tenant", receipt.tenant === "default" ? null : visible(receipt.tenant)],
    ["actor", receipt.actor && visible(receipt.actor)],
    ["run", receipt.runId && visible(receipt.runId)],
    ["amount", receipt.amount === null ? null : String(receipt.amount)],
    ["case", receipt.caseId && visible(receipt.caseId)],
    ["tier", riskTier],
    ["promise", promiseOf(riskTier, capability)],
    ["dispatch", dispatchWords(receipt)],
    ["identity", receipt.keySource],
    ["key sent", keyWords(receipt)],
    ["version", String(receipt.version)],
    ["created", timeOnWire(receipt.createdAt)],
    ["updated", timeOnWire(receipt.updatedAt)],
    ["payload", receipt.payload === null ? null : cut(receipt.payload)],
    ["result", result === undefined ? omitted(receipt) : cut(JSON.stringify(result))],
    ["next", halt ? haltedStep(receipt, halt, options) : nextStepOrWait(receipt, options)],
  ]);
}

/** With `preciseDispatch`: what the mark says of the current attempt. */
function dispatchWords({ dispatched, attemptNumber, state, capability }: Receipt): string | null {
  if (dispatched === null || (capability === "transaction" && isTerminal(state))) return null;
  if (!dispatched) return `attempt ${attemptNumber} is not marked: nothing of it was sent`;
  return isTerminal(state) ? "marked" : `attempt ${attemptNumber} is marked: it may have been sent`;
}

/** A halt keeps what is open from going on; a person can decide all the same. */
function haltedStep(receipt: Receipt, halt: Halt, options: CommonOptions): string | null {
  if (isTerminal(receipt.state)) return nextStepOrWait(receipt, options);
  return receipt.state === "review" ? nextStep(receipt, options) : resumeWords(halt, options);
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
