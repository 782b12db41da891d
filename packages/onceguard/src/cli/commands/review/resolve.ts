import type { Command } from "commander";
import type { Receipt } from "../../../core/receipt.ts";
import type { Decision } from "../../../pipeline/review.ts";
import { actorOf } from "../../actor.ts";
import { NotSo, UsageError } from "../../exit.ts";
import { nextStep } from "../../next-step.ts";
import { numberOption } from "../../option-parsers.ts";
import { paintState, print, printJson, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";
import { receiptOnWire } from "../../wire.ts";

interface ResolveOptions extends CommonOptions {
  readonly happened?: boolean;
  readonly didNotHappen?: boolean;
  readonly retry?: boolean;
  readonly reason: string;
  readonly actor?: string;
  readonly expectVersion?: number;
  readonly result?: string;
  readonly tenant?: string;
}

export function resolveCommand(): Command {
  return command("resolve", "Settle one request that is in review or in doubt, or have a failed one tried again.", {
    summary: "say what became of one request",
    examples: [
      'onceguard review resolve deploy:42 --happened --reason "version 42 is live on all hosts"',
      'onceguard review resolve pay:7 --did-not-happen --reason "not in the bank statement" --expect-version 3',
      'onceguard review resolve mail:9 --retry --reason "the server never saw it"   # executed again, once',
    ],
    exits: [
      ["0", "settled"],
      ["1", "no such receipt, it has moved on (--expect-version), or it is settled already"],
      ["2", "bad usage"],
    ],
  })
    .argument("<id>", "the request id")
    .option("--happened", "it happened: replays answer with --result")
    .option("--did-not-happen", "it did not happen, and is not to be tried again")
    .option("--retry", "it did not happen: try it again, under a new idempotency key")
    .requiredOption("--reason <text>", "how you know; kept in the log")
    .option("--actor <name>", "who decides (default: your user name)")
    .option("--expect-version <n>", "refuse if the request has moved since you looked", numberOption)
    .option("--result <json>", "with --happened: what replays answer")
    .option("--tenant <tenant>", "whose request id it is")
    .action((id: string, options: ResolveOptions) => conclude(options, () => resolve(id, options)));
}

async function resolve(id: string, options: ResolveOptions): Promise<void> {
  const by = {
    actor: actorOf(options),
    reason: options.reason,
    ...(options.tenant !== undefined && { tenant: options.tenant }),
    ...(options.expectVersion !== undefined && { expectedVersion: options.expectVersion }),
  };
  const decision = decisionOf(options);
  const result = resultOption(options, decision);
  const receipt = await withGuard(options, {}, async ({ guard, store }) => {
    const before = await guard.receipt(id, by);
    if (!before) throw new NotSo(`there is no receipt for request id "${id}" in ${store.name}`);
    if (before.state === "held") throw new NotSo(heldWords(before, options));
    return before.state === "failed" && decision === "retry"
      ? guard.reopen(before.requestId, by)
      : guard.resolve(before.requestId, { ...by, decision, ...result });
  });
  if (options.json) return printJson({ receipt: receiptOnWire(receipt) });
  const next = nextStep(receipt, options);
  print(`${visible(id)} is now ${paintState(receipt.state)}${next === null ? "" : `. Next: ${next}`}`);
}

/** Nothing of it was sent, so there is nothing to say of whether it happened. */
function heldWords(receipt: Receipt, options: ResolveOptions): string {
  return `${visible(receipt.requestId)} was not sent yet: it is held. Next: ${nextStep(receipt, options)}`;
}

function decisionOf({ happened, didNotHappen, retry }: ResolveOptions): Decision["decision"] {
  const given = [happened && "happened", didNotHappen && "did_not_happen", retry && "retry"].filter(Boolean);
  if (given.length === 1) return given[0] as Decision["decision"];
  throw new UsageError("say exactly one of --happened, --did-not-happen, --retry");
}

function resultOption({ result }: ResolveOptions, decision: Decision["decision"]): { result?: unknown } {
  if (result === undefined) return {};
  if (decision !== "happened") throw new UsageError("--result goes with --happened only");
  try {
    return { result: JSON.parse(result) };
  } catch (error) {
    throw new UsageError(`--result is not JSON: ${(error as Error).message}`);
  }
}
