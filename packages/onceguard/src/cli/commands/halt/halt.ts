import { Argument, type Command } from "commander";
import { HALT_SCOPES } from "../../../core/halt.ts";
import { isLapsed } from "../../../core/receipt.ts";
import { actorOf } from "../../actor.ts";
import { UsageError } from "../../exit.ts";
import { numberOption, offering } from "../../option-parsers.ts";
import { count, note, paint, print, printJson, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, type Session, withGuard } from "../../session.ts";
import { haltOnWire } from "../../wire.ts";
import { listHalts } from "./list.ts";
import { haltWords, nameOf, resumeWords, SCOPES, type Target, targetOf, within } from "./scope.ts";

interface HaltOptions extends CommonOptions {
  readonly list?: boolean;
  readonly all?: boolean;
  readonly reason?: string;
  readonly actor?: string;
  readonly tenant?: string;
  readonly limit: number;
}

/** Longest list of what was already under way. */
const SHOWN = 20;

export function haltCommand(): Command {
  return command(
    "halt",
    "Stop a run, an action or a tenant: from then on nothing of it is claimed or sent, in any process, until `resume`.",
    {
      summary: "stop a run, an action or a tenant at once",
      examples: [
        'onceguard halt run agent-7 --reason "it escalates the same tickets again and again"',
        'onceguard halt action refund_payment --reason "wrong amounts since the release"',
        'onceguard halt tenant acme --reason "they asked for it"',
        "onceguard halt --list         # what is halted, since when, by whom, why",
      ],
      exits: [
        ["0", "it is halted, or was already; or listed"],
        ["1", "the store is not there or cannot be used: nothing was halted"],
        ["2", "bad usage: nothing was halted"],
      ],
    },
  )
    .usage(`${SCOPES} <id> --reason <text> [options]\n       onceguard halt --list [--all]`)
    .addArgument(offering(new Argument("[scope]", "what to stop"), HALT_SCOPES))
    .argument("[id]", "the run's id, the action's name, or the tenant")
    .option("--reason <text>", "why; whoever is stopped is told, and it is kept")
    .option("--actor <name>", "who halts it (default: your user name)")
    .option("--tenant <tenant>", "whose run or action it is; with --list: only theirs")
    .option("--list", "list what is halted instead")
    .option("--all", "with --list: also what was halted and has been resumed")
    .option("--limit <n>", "with --list: at most this many", numberOption, 100)
    .action((scope: string | undefined, id: string | undefined, options: HaltOptions) =>
      conclude(options, () => (options.list ? list(scope, options) : halt(scope, id, options))),
    );
}

async function list(scope: string | undefined, options: HaltOptions): Promise<void> {
  if (scope !== undefined) throw new UsageError(`--list takes no scope; to halt, leave it out`);
  if (options.reason !== undefined) throw new UsageError("--list halts nothing, so it takes no --reason");
  await listHalts(options, options);
}

async function halt(scope: string | undefined, id: string | undefined, options: HaltOptions): Promise<void> {
  // Never a list by default: a script whose variables are empty must not believe that it has halted something.
  if (scope === undefined || id === undefined) {
    throw new UsageError(`say what to halt: onceguard halt ${SCOPES} ID --reason TEXT (--list shows what is halted)`);
  }
  const target = targetOf("halt", scope, id, options.tenant);
  if (options.reason === undefined) throw new UsageError("say why, with --reason TEXT: somebody will ask");
  if (options.all) throw new UsageError("--all goes with --list only");
  const by = { actor: actorOf(options), reason: options.reason, tenant: target.tenant };
  await withGuard(options, {}, async (session) => {
    const halted = await session.guard.halt(target.scope, target.id, by);
    const [underWay, now] = [await stillRunning(session, target), await session.store.now()];
    const isEarlier = halted.reason !== by.reason || halted.actor !== by.actor;
    if (options.json) return printJson({ halt: haltOnWire(halted), earlier: isEarlier, under_way: underWay });
    if (isEarlier) print(`${capital(nameOf(target))} is halted already, ${haltWords(halted, now)}.`);
    else print(`${paint("red", "Halted")}: ${nameOf(target)}. Nothing more of it is claimed or sent, in any process.`);
    if (underWay.length > 0) printUnderWay(underWay);
    if (!(await isKnown(session, target))) {
      note(
        `the store has no request of ${nameOf(target)} so far; if that is not what you expect, check how it is written`,
      );
    }
    print(`Ends with: ${resumeWords(target, options)}`);
  });
}

/** What was sent before the halt cannot be called back. */
async function stillRunning({ guard }: Session, target: Target): Promise<string[]> {
  const running = await guard.receipts({ ...within(target), states: ["running"], limit: 1_000 });
  return running.filter((receipt) => !isLapsed(receipt)).map(({ requestId }) => requestId);
}

/** A name that is misspelt stops nothing, and whoever halts is in a hurry. */
async function isKnown({ guard }: Session, target: Target): Promise<boolean> {
  return (await guard.receipts({ ...within(target), limit: 1 })).length > 0;
}

function printUnderWay(ids: readonly string[]): void {
  const more = ids.length > SHOWN ? `, and ${ids.length - SHOWN} more` : "";
  const named = ids.slice(0, SHOWN).map(visible).join(", ");
  print(`${count(ids.length, "request")} had begun already, and cannot be called back: ${named}${more}`);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
