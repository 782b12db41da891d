import { Argument, type Command } from "commander";
import { HALT_SCOPES } from "../../../core/halt.ts";
import type { State } from "../../../core/receipt.ts";
import { actorOf } from "../../actor.ts";
import { offering } from "../../option-parsers.ts";
import { count, paint, print, printJson, span } from "../../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";
import { haltOnWire } from "../../wire.ts";
import { nameOf, SCOPES, targetOf, within } from "./scope.ts";

interface ResumeOptions extends CommonOptions {
  readonly reason: string;
  readonly actor?: string;
  readonly tenant?: string;
}

/** What the halt has kept from going on by itself. */
const KEPT: readonly State[] = ["held", "retry_wait", "in_doubt"];
const LIMIT = 1_000;

export function resumeCommand(): Command {
  return command("resume", "End a halt: what it stopped may be claimed and sent again, and waiting retries go on.", {
    summary: "end a halt",
    examples: [
      'onceguard resume run agent-7 --reason "prompt corrected"',
      'onceguard resume action refund_payment --reason "release taken back"',
      "onceguard halt --list         # what there is to resume",
    ],
    exits: [
      ["0", "it goes on"],
      ["1", "it was not halted, or the store cannot be used"],
      ["2", "bad usage"],
    ],
  })
    .usage(`${SCOPES} <id> --reason <text> [options]`)
    .addArgument(offering(new Argument("<scope>", "what goes on"), HALT_SCOPES))
    .argument("<id>", "the run's id, the action's name, or the tenant")
    .requiredOption("--reason <text>", "why it may go on; kept with the halt")
    .option("--actor <name>", "who decides (default: your user name)")
    .option("--tenant <tenant>", "whose run or action it is")
    .action((scope: string, id: string, options: ResumeOptions) => conclude(options, () => resume(scope, id, options)));
}

async function resume(scope: string, id: string, options: ResumeOptions): Promise<void> {
  const target = targetOf("resume", scope, id, options.tenant);
  const by = { actor: actorOf(options), reason: options.reason, tenant: target.tenant };
  await withGuard(options, {}, async ({ guard }) => {
    const ended = await guard.resume(target.scope, target.id, by);
    const waiting = await guard.receipts({ ...within(target), states: KEPT, limit: LIMIT });
    if (options.json) return printJson({ halt: haltOnWire(ended), waiting: waiting.length });
    const lasted = span((ended.resumedAt ?? ended.haltedAt) - ended.haltedAt);
    print(`${paint("green", "Resumed")}: ${nameOf(target)}, after ${lasted}.`);
    if (waiting.length > 0) {
      const many = waiting.length === LIMIT ? `${LIMIT} or more requests wait` : waitWords(waiting.length);
      print(`${many}: retries go on with the next sweep; held ones still need what they wait for.`);
    }
  });
}

function waitWords(n: number): string {
  return `${count(n, "request")} ${n === 1 ? "waits" : "wait"}`;
}
