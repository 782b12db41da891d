import { promiseOf } from "../../../core/action.ts";
import type { Route } from "../../../core/failure.ts";
import type { Halt } from "../../../core/halt.ts";
import type { LogEntry } from "../../../core/ports.ts";
import type { Receipt } from "../../../core/receipt.ts";
import { approvalWords, holdWords } from "../../hold-words.ts";
import { logDetail } from "../../log-detail.ts";
import { because } from "../../next-step.ts";
import { paint, paintState, print, span, timeText, visible, wrapped } from "../../output.ts";
import { keyWords } from "../../sent-keys.ts";
import { haltWords, nameOf } from "../halt/scope.ts";

/** What a person should have seen before deciding. */
export interface Card {
  readonly receipt: Receipt;
  readonly log: readonly LogEntry[];
  readonly halt: Halt | null;
}

/** A payload longer than this is cut; `receipts show --json` has it whole. */
const LONGEST_PAYLOAD = 600;
/** Of a long history, how it began and how it ended. */
const MOST_ENTRIES = 8;
const NAME_WIDTH = 10;

const WHOM: Readonly<Record<Route, string>> = {
  operator: "the operator",
  data_owner: "the data owner",
  domain_expert: "the domain expert",
  security: "security",
};

export function printCard(card: Card, title: string): void {
  const { receipt, log, halt } = card;
  const { state, route, riskTier, capability } = receipt;
  print();
  print(
    paint("bold", `${title}  ${visible(receipt.action)}${receipt.recordId ? ` on ${visible(receipt.recordId)}` : ""}`),
  );
  const forWhom = state === "review" ? ` for ${WHOM[route ?? "operator"]}` : "";
  field("state", `${state}${forWhom}, version ${receipt.version}`, (text) => text.replace(state, paintState(state)));
  field("why", whyWords(receipt));
  field("failure", failureWords(receipt));
  field("known by", receipt.evidence);
  field("waits for", holdWords(receipt));
  field("approved", approvalWords(receipt));
  if (receipt.conflict) field("conflict", "evidence contradicts this record", (text) => paint("red", text));
  if (halt) field("halted", `${nameOf(halt)}, ${haltWords(halt, receipt.readAt)}`, (text) => paint("red", text));
  field(
    "request",
    visible(receipt.requestId) + (receipt.tenant === "default" ? "" : ` of tenant ${visible(receipt.tenant)}`),
  );
  field("key sent", keyWords(receipt));
  field("asked by", askedBy(receipt));
  field("amount", receipt.amount === null ? null : String(receipt.amount));
  field("payload", receipt.payload === null ? "forgotten (retention)" : cut(visible(receipt.payload)));
  field("before", stateBefore(log));
  field("attempts", attemptWords(receipt));
  field("promise", `${riskTier}; ${promiseOf(riskTier, capability)}`);
  printLog(log);
}

function field(name: string, text: string | null, style: (text: string) => string = (same) => same): void {
  if (text === null) return;
  const [first = "", ...rest] = wrapped(text, " ".repeat(NAME_WIDTH));
  print(`${paint("dim", name.padEnd(NAME_WIDTH))}${style(first.slice(NAME_WIDTH))}`);
  for (const line of rest) print(style(line));
}

function whyWords(receipt: Receipt): string | null {
  const reasons = receipt.state === "held" ? receipt.hold?.reasons.join("; ") : because(receipt);
  return reasons ? visible(reasons) : null;
}

function failureWords({ failure }: Receipt): string | null {
  if (failure === null) return null;
  const { code, tier, certainty } = failure;
  return visible([code, tier, certainty].filter(Boolean).join(", "));
}

function askedBy({ actor, runId, createdAt, readAt }: Receipt): string {
  const who = actor === null ? "somebody who gave no name" : visible(actor);
  const run = runId === null ? "" : `, in run ${visible(runId)}`;
  return `${who}${run}, ${span(readAt - createdAt)} ago (${timeText(createdAt)})`;
}

function attemptWords(receipt: Receipt): string {
  const { attemptNumber, attemptEndedAt, mayHaveApplied, dispatched, readAt } = receipt;
  if (attemptNumber === 0 && !mayHaveApplied) return "none; nothing was sent";
  const ended = attemptEndedAt === null ? "" : `, the last ended ${span(readAt - attemptEndedAt)} ago`;
  const mark = dispatched === null ? "" : dispatched ? ", its dispatch was marked" : ", not marked as dispatched";
  return `${attemptNumber}${ended}${mark}; ${mayHaveApplied ? "it may have happened" : "it certainly did not happen"}`;
}

/** The business record as it was before anything was sent. */
function stateBefore(log: readonly LogEntry[]): string | null {
  const read = log.find(({ before }) => before !== null)?.before;
  return read ? cut(visible(read)) : null;
}

function cut(text: string): string {
  return text.length > LONGEST_PAYLOAD ? `${text.slice(0, LONGEST_PAYLOAD)}… (${text.length} characters)` : text;
}

function printLog(log: readonly LogEntry[]): void {
  const left = log.length - MOST_ENTRIES;
  const shown = left > 0 ? [log[0] as LogEntry, ...log.slice(1 - MOST_ENTRIES)] : log;
  for (const [n, entry] of shown.entries()) {
    if (n === 1 && left > 0) line("", `(${left} more)`);
    const by = entry.actor === null ? "" : ` by ${visible(entry.actor)}`;
    const detail = logDetail(entry);
    const words = `${timeText(entry.at)} ${entry.event}${entry.state === null ? "" : ` → ${entry.state}`}${by}`;
    line(n === 0 ? "log" : "", detail === null ? words : `${words}: ${detail}`);
  }
}

function line(name: string, text: string): void {
  const [first = "", ...rest] = wrapped(text, " ".repeat(NAME_WIDTH));
  print(`${paint("dim", name.padEnd(NAME_WIDTH))}${first.slice(NAME_WIDTH)}`);
  for (const more of rest) print(more);
}
