import type { Command } from "commander";
import { type ActionChecklist, checklist, unanswered } from "../../../core/checklist.ts";
import { OnceguardError } from "../../../core/errors.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { paint, print, printJson, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, locate } from "../../session.ts";
import { snakeKeys } from "../../wire.ts";
import { printChecklist } from "./print-checklist.ts";
import { setupOf } from "./setup.ts";

export function checklistCommand(): Command {
  return command(
    "checklist",
    "Ask the five questions before production of each action, and answer them from the configuration: which key names the write and who honours it; when it stops and where it goes then; what window keeps it from looping; which failure goes to whom; what the log says and where it is kept.",
    {
      summary: "the five questions before production, per action",
      examples: [
        "onceguard checklist                    # all actions of the config",
        "onceguard checklist refund_payment",
        "onceguard checklist --json             # in CI: exit 1 while a question is open",
      ],
      exits: [
        ["0", "all questions are answered"],
        ["1", "at least one is not, or depends on what only a caller says"],
        ["2", "no config, no such action, or a config that cannot be used"],
      ],
    },
  )
    .argument("[action...]", "only these (default: all of the config)")
    .action((names: string[], options: CommonOptions) => conclude(options, () => run(names, options)));
}

async function run(names: readonly string[], options: CommonOptions): Promise<number> {
  const { target, config } = await locate(options, true);
  if (config === null) {
    throw new UsageError(
      "there is no config here whose actions could be asked about: onceguard init makes one, --config names one",
    );
  }
  const actions = await config.actions();
  const named = names.map((name) => {
    const action = actions.find((one) => one.name === name);
    if (action) return action;
    const known = actions.map((one) => one.name).join(", ") || "none";
    throw new OnceguardError("unknown_action", `${config.path} has no action "${name}". Known: ${known}.`, {
      action: name,
    });
  });
  const asked = names.length > 0 ? named : actions;
  if (asked.length === 0) throw new UsageError(`${config.path} has no actions that could be asked about`);
  const setup = setupOf(target, config);
  const lists = asked.map((action) => checklist(action, setup));
  const open = unanswered(lists);
  if (options.json) printJson({ ok: open.length === 0, unanswered: open, actions: lists.map(onWire) });
  else {
    for (const list of lists) printChecklist(list);
    printSum(lists, open);
  }
  return open.length === 0 ? EXIT.ok : EXIT.not;
}

function printSum(lists: readonly ActionChecklist[], open: ReturnType<typeof unanswered>): void {
  const all = lists.length * 5;
  if (open.length === 0) {
    print(paint("green", `All ${all} questions are answered.`));
    return;
  }
  const where = lists.flatMap(({ action }) => {
    const numbers = open.filter((one) => one.action === action).map(({ number }) => number);
    return numbers.length === 0 ? [] : [`${visible(action)} (${numbers.join(", ")})`];
  });
  print(`${all - open.length} of ${all} questions are answered. Open: ${where.join(", ")}.`);
}

function onWire({ items, ...list }: ActionChecklist): unknown {
  return { ...snakeKeys(list), questions: items };
}
