import { type Halt, halts } from "../../../core/halt.ts";
import { isLapsed, type Receipt } from "../../../core/receipt.ts";
import { needsApproval } from "../../hold-words.ts";
import { nextCommand, nextStep } from "../../next-step.ts";
import { count, paint, paintState, print, printTable, span, visible } from "../../output.ts";
import type { CommonOptions } from "../../session.ts";
import { haltOnWire, receiptSummary } from "../../wire.ts";
import { nameOf } from "../halt/scope.ts";

export interface Pass {
  readonly moved: readonly Receipt[];
  /** Whatever is neither settled nor under way. */
  readonly open: readonly Receipt[];
  /** Held: neither in doubt nor due, and listed so that nobody looks for them in vain. */
  readonly held: readonly Receipt[];
  /** What is stopped: nothing of it goes on, however due it is. */
  readonly halts: readonly Halt[];
}

export function isOpen(receipt: Receipt): boolean {
  const { state } = receipt;
  return state === "in_doubt" || state === "review" || state === "retry_wait" || isLapsed(receipt);
}

export function movedLine(receipt: Receipt, options: CommonOptions): string {
  const next = nextStep(receipt, options);
  const time = paint("dim", new Date(receipt.updatedAt).toISOString());
  return `${time}  ${visible(receipt.requestId)}  ${paintState(receipt.state)}  ${why(receipt)}${next === null ? "" : paint("dim", `  ${next}`)}`;
}

export function printPass(pass: Pass, options: CommonOptions): void {
  const { moved, open } = pass;
  const byId = new Map([...moved, ...open].map((one) => [`${one.tenant} ${one.requestId}`, one]));
  if (byId.size === 0) {
    print("Nothing is in doubt.");
    printHeld(pass, options);
    return;
  }
  printTable(
    [
      { title: "" },
      { title: "REQUEST", shrink: true },
      { title: "ACTION" },
      { title: "STATE" },
      { title: "WHY", shrink: true },
      { title: "NEXT" },
    ],
    [...byId.values()].map((one) => [
      moved.some(({ requestId, tenant }) => requestId === one.requestId && tenant === one.tenant)
        ? paint("green", "moved")
        : "",
      visible(one.requestId),
      visible(one.action),
      paintState(one.state),
      why(one),
      nextOf(one, pass.halts),
    ]),
  );
  print();
  print(`${moved.length} moved, ${open.length} still open.`);
  printHeld(pass, options);
}

function printHeld({ held }: Pass, options: CommonOptions): void {
  const approvals = held.filter(needsApproval).length;
  if (approvals > 0) {
    const wait = approvals === 1 ? "waits" : "wait";
    print(`${count(approvals, "request")} ${wait} for approval: ${nextCommand("review", null, options)}`);
  }
}

function nextOf(receipt: Receipt, inForce: readonly Halt[]): string {
  const { state, action, dueAt, readAt } = receipt;
  if (state === "review") return "onceguard review";
  if (!isOpen(receipt)) return "-";
  const halt = inForce.find((one) => halts(one, receipt));
  if (halt) return paint("red", `${nameOf(halt)} is halted`);
  if (action === "run") return "the same `onceguard run` again";
  if (dueAt !== null && dueAt > readAt) return `due in ${span(dueAt - readAt + 999)}`;
  return "a config that has its action";
}

function why({ reason, failure, evidence }: Receipt): string {
  return visible(reason ?? failure?.code ?? (evidence === null ? "-" : `known by ${evidence}`));
}

export function passOnWire({ moved, open, held, halts: inForce }: Pass): unknown {
  return {
    moved: moved.map(receiptSummary),
    open: open.map(receiptSummary),
    held: held.map(receiptSummary),
    halts: inForce.map(haltOnWire),
  };
}
