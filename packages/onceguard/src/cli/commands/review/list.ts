import type { Command } from "commander";
import type { Receipt } from "../../../core/receipt.ts";
import { waitsFor } from "../../hold-words.ts";
import { approveWords, because, nextCommand, resolveWords } from "../../next-step.ts";
import { numberOption } from "../../option-parsers.ts";
import { count, note, paint, print, printJson, printTable, span, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";
import { receiptOnWire, receiptSummary } from "../../wire.ts";
import { since, type Waiting, whatWaits } from "./waiting.ts";

export interface ListOptions extends CommonOptions {
  readonly action?: string;
  readonly tenant?: string;
  readonly limit: number;
}

export function listCommand(): Command {
  return withListOptions(
    command(
      "list",
      "List what waits for a person, longest waiting first: what may have happened, and what needs approval.",
      {
        summary: "list what waits for a person (the default where there is no terminal)",
        examples: ["onceguard review list", "onceguard review list --action run --json"],
        exits: [
          ["0", "listed, even if nothing waits"],
          ["1", "the store is not there or cannot be used"],
          ["2", "bad usage"],
        ],
      },
    ),
  ).action((options: ListOptions) => conclude(options, () => list(options)));
}

export function withListOptions(of: Command): Command {
  return of
    .option("--action <name>", "only this action")
    .option("--tenant <tenant>", "only this tenant")
    .option("--limit <n>", "at most this many", numberOption, 100);
}

export async function list(options: ListOptions): Promise<void> {
  const waiting = await withGuard(options, {}, ({ guard }) => whatWaits(guard, options));
  const { reviews, approvals, otherHeld, inDoubt } = waiting;
  if (options.json) {
    const held = [...approvals, ...otherHeld].map((one) => ({ ...onWire(one), waits_for: waitsFor(one) }));
    return printJson({ reviews: reviews.map(onWire), held, in_doubt: inDoubt });
  }
  if (reviews.length + approvals.length === 0) print("Nothing waits for a person.");
  else printWaiting(waiting, options);
  printOthers(waiting, options);
  const isFull = reviews.length === options.limit || approvals.length + otherHeld.length === options.limit;
  if (isFull) note(`these are the ${options.limit} that wait longest; there may be more (--limit)`);
}

function onWire(receipt: Receipt): Record<string, unknown> {
  return { ...receiptSummary(receipt), payload: receiptOnWire(receipt).payload };
}

function printWaiting({ reviews, approvals }: Waiting, options: CommonOptions): void {
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
    [...reviews, ...approvals].map((one) => [
      visible(one.requestId),
      visible(one.action),
      visible(one.recordId ?? "-"),
      one.state === "held" ? paint("magenta", "approval") : (one.route ?? "-"),
      span(one.readAt - since(one)),
      String(one.version),
      visible((one.state === "held" ? one.hold?.reasons.join("; ") : because(one)) || "-"),
    ]),
  );
  const [review, approval] = [reviews[0], approvals[0]];
  if (review) {
    print();
    print("Find out whether it happened (ask the other side, look at its books), then say so:");
    print(`  ${resolveWords(review.requestId, options)}`);
  }
  if (approval) {
    print();
    print("Nothing was sent of what is held. Look at it, then agree or refuse (deny):");
    print(`  ${approveWords(approval.requestId, options)}`);
  }
}

/** What is open, but not for a person at this command. */
export function printOthers({ otherHeld, inDoubt }: Waiting, options: CommonOptions): void {
  const approved = otherHeld.filter((one) => waitsFor(one) === "approved").length;
  const cases = otherHeld.length - approved;
  const lines: string[] = [];
  if (inDoubt > 0) {
    const settle = nextCommand("reconcile", null, options);
    lines.push(
      `${paint("yellow", `${count(inDoubt, "request")} in doubt`)}: ${settle} settles what it can, and brings the rest here.`,
    );
  }
  if (approved > 0)
    lines.push(
      `${count(approved, "request")} approved, and executed when a process with the action looks, or the caller asks again.`,
    );
  if (cases > 0) lines.push(`${count(cases, "request")} held until the finality case is final.`);
  if (lines.length === 0) return;
  print();
  for (const line of lines) print(line);
}
