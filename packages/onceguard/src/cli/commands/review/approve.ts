import type { Command } from "commander";
import type { Receipt } from "../../../core/receipt.ts";
import { actorOf } from "../../actor.ts";
import { NotSo } from "../../exit.ts";
import { approvalWords, holdWords } from "../../hold-words.ts";
import { nextStep } from "../../next-step.ts";
import { numberOption, spanOption } from "../../option-parsers.ts";
import { paintState, print, printJson, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, type Session, withGuard } from "../../session.ts";
import { receiptOnWire } from "../../wire.ts";

interface DecisionOptions extends CommonOptions {
  readonly reason: string;
  readonly actor?: string;
  readonly expectVersion?: number;
  readonly tenant?: string;
}

interface ApproveOptions extends DecisionOptions {
  readonly lasts?: string;
}

export function approveCommand(): Command {
  return withDecisionOptions(
    command(
      "approve",
      "Agree to a held request: to just this payload, and once. It is executed when a process with its action looks, or when its caller asks again.",
      {
        summary: "agree to a held request",
        examples: [
          'onceguard review approve refund:A1 --reason "the customer sent it back"',
          'onceguard review approve refund:A1 --reason "as agreed with mo" --lasts 10m --expect-version 1',
        ],
        exits: [
          ["0", "approved"],
          ["1", "no such request, not held for approval, it has moved on, or its proposer is you"],
          ["2", "bad usage"],
        ],
      },
    ),
  )
    .option("--lasts <time>", "how long the approval lasts (default: the config's approvalFor, else 1h)", spanOption)
    .action((id: string, options: ApproveOptions) => conclude(options, () => approve(id, options)));
}

export function denyCommand(): Command {
  return withDecisionOptions(
    command("deny", "Refuse a held request, for good: it is never sent, and whoever asks again is told so.", {
      summary: "refuse a held request",
      examples: ['onceguard review deny refund:A1 --reason "paid back by mail already"'],
      exits: [
        ["0", "denied"],
        ["1", "no such request, not held, or it has moved on"],
        ["2", "bad usage"],
      ],
    }),
  ).action((id: string, options: DecisionOptions) => conclude(options, () => deny(id, options)));
}

function withDecisionOptions(of: Command): Command {
  return of
    .argument("<id>", "the request id")
    .requiredOption("--reason <text>", "why; kept in the log")
    .option("--actor <name>", "who decides (default: your user name)")
    .option("--expect-version <n>", "refuse if the request has moved since you looked", numberOption)
    .option("--tenant <tenant>", "whose request id it is");
}

async function approve(id: string, options: ApproveOptions): Promise<void> {
  const { lasts } = options;
  const receipt = await withGuard(options, { config: "approvals" }, async (session) => {
    const before = await held(session, id, options);
    if (before.hold?.waitsFor === "case") {
      throw new NotSo(`${visible(id)} waits for ${holdWords(before)}, and for nobody's approval`);
    }
    return session.guard.approve(before.requestId, { ...byOf(options), ...(lasts !== undefined && { lasts }) });
  });
  if (options.json) return printJson({ receipt: receiptOnWire(receipt) });
  print(`${visible(id)} is approved ${approvalWords(receipt)}`);
  const itself =
    receipt.action === "run" ? "" : ", or nothing: the next process with its action that looks executes it";
  print(`Next: ${nextStep(receipt, options)}${itself}`);
}

async function deny(id: string, options: DecisionOptions): Promise<void> {
  const receipt = await withGuard(options, {}, async (session) => {
    const before = await held(session, id, options);
    return session.guard.deny(before.requestId, byOf(options));
  });
  if (options.json) return printJson({ receipt: receiptOnWire(receipt) });
  print(`${visible(id)} is now ${paintState(receipt.state)}`);
}

/** @throws NotSo with what it is instead */
async function held({ guard, store }: Session, id: string, options: DecisionOptions): Promise<Receipt> {
  const { tenant } = options;
  const receipt = await guard.receipt(id, tenant === undefined ? {} : { tenant });
  if (!receipt) throw new NotSo(`there is no receipt for request id "${id}" in ${store.name}`);
  if (receipt.state === "held") return receipt;
  const next = nextStep(receipt, options);
  throw new NotSo(`${visible(id)} is ${receipt.state}, not held${next === null ? "" : `. Next: ${next}`}`);
}

function byOf(options: DecisionOptions) {
  const { reason, expectVersion, tenant } = options;
  return {
    actor: actorOf(options),
    reason,
    ...(tenant !== undefined && { tenant }),
    ...(expectVersion !== undefined && { expectedVersion: expectVersion }),
  };
}
