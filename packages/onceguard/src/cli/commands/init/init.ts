import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Command } from "commander";
import { NotSo } from "../../exit.ts";
import { note, paint, print, printJson } from "../../output.ts";
import { conclude, helpAfter, jsonOption } from "../../session.ts";
import { CONFIG_TEMPLATE, REFUND_TEMPLATE } from "./templates.ts";

const FILES = [
  { path: "onceguard.config.ts", text: CONFIG_TEMPLATE },
  { path: "actions/refund.ts", text: REFUND_TEMPLATE },
];

interface InitOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

export function initCommand(): Command {
  return new Command("init")
    .summary("write a commented config and an example action")
    .description("Write a commented config and an example action into this folder.")
    .option("--force", "overwrite files that are there")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      helpAfter({
        examples: ["onceguard init && onceguard doctor"],
        exits: [
          ["0", "written"],
          ["1", "a file is there already; nothing was written"],
          ["2", "bad usage"],
        ],
      }),
    )
    .action((options: InitOptions) => conclude(options, async () => init(options)));
}

function init(options: InitOptions): void {
  const there = FILES.filter(({ path }) => existsSync(path)).map(({ path }) => path);
  if (there.length > 0 && !options.force) {
    throw new NotSo(
      `${there.join(" and ")} ${there.length === 1 ? "is" : "are"} there already; nothing was written (--force overwrites)`,
    );
  }
  for (const { path, text } of FILES) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  if (!process.features.typescript)
    note(`Node ${process.versions.node} does not run .ts files: use 22.18 or later, or rename them to .js`);
  if (options.json) printJson({ written: FILES.map(({ path }) => path) });
  else printNext();
}

function printNext(): void {
  for (const { path } of FILES) print(`${paint("green", "wrote")}  ${path}`);
  print();
  print("Next:");
  print(
    `  onceguard doctor                                  ${paint("dim", "check the set-up, and what each action promises")}`,
  );
  print(`  onceguard run --request-id hello:1 -- echo hello  ${paint("dim", "run it twice: it happens once")}`);
}
