import type { Receipt } from "../../../core/receipt.ts";
import { isLapsed } from "../../../core/receipt.ts";
import { nextStep } from "../../next-step.ts";
import { paint, paintState, print, printTable, span, visible } from "../../output.ts";
import type { CommonOptions } from "../../session.ts";
import { receiptSummary } from "../../wire.ts";

export interface Pass {
  readonly moved: readonly Receipt[];
  /** Whatever is neither settled nor under way. */
  readonly open: readonly Receipt[];
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

export function printPass({ moved, open }: Pass): void {
  const byId = new Map([...moved, ...open].map((one) => [`${one.tenant} ${one.requestId}`, one]));
  if (byId.size === 0) {
    print("Nothing is in doubt.");
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
      nextOf(one),
    ]),
  );
  print();
  print(`${moved.length} moved, ${open.length} still open.`);
}

function nextOf(receipt: Receipt): string {
  const { state, action, dueAt, readAt } = receipt;
  if (state === "review") return "onceguard review";
  if (!isOpen(receipt)) return "-";
  if (action === "run") return "the same `onceguard run` again";
  if (dueAt !== null && dueAt > readAt) return `due in ${span(dueAt - readAt + 999)}`;
  return "a config that has its action";
}

function why({ reason, failure, evidence }: Receipt): string {
  return visible(reason ?? failure?.code ?? (evidence === null ? "-" : `known by ${evidence}`));
}

export function passOnWire({ moved, open }: Pass): unknown {
  return { moved: moved.map(receiptSummary), open: open.map(receiptSummary) };
}
