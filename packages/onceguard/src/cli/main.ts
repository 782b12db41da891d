#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { type Argument, Command, CommanderError, Help, Option } from "commander";
import { auditCommand, runAuditCommand } from "./commands/audit/audit.ts";
import { blastRadiusCommand } from "./commands/blast-radius/blast-radius.ts";
import { checklistCommand } from "./commands/checklist/checklist.ts";
import { completionCommand } from "./commands/completion/completion.ts";
import { correctCommand } from "./commands/correct/correct.ts";
import { demoCommand } from "./commands/demo/demo.ts";
import { doctorCommand } from "./commands/doctor/doctor.ts";
import { eraseCommand } from "./commands/erase/erase.ts";
import { gatewayCommand } from "./commands/gateway/gateway.ts";
import { haltCommand } from "./commands/halt/halt.ts";
import { resumeCommand } from "./commands/halt/resume.ts";
import { importCommand } from "./commands/import/import.ts";
import { initCommand } from "./commands/init/init.ts";
import { isolateCommand } from "./commands/isolate/isolate.ts";
import { keysCommand } from "./commands/keys/keys.ts";
import { logCommand } from "./commands/log/log.ts";
import { manCommand } from "./commands/man/man.ts";
import { mcpCommand } from "./commands/mcp/mcp.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { receiptsCommand } from "./commands/receipts/receipts.ts";
import { reconcileCommand } from "./commands/reconcile/reconcile.ts";
import { restoreCommand } from "./commands/restore/restore.ts";
import { retentionCommand } from "./commands/retention/retention.ts";
import { reviewCommand } from "./commands/review/review.ts";
import { runCommand } from "./commands/run/run.ts";
import { sealCommand } from "./commands/seal/seal.ts";
import { signingKeysCommand } from "./commands/seal/signing-keys.ts";
import { serveCommand } from "./commands/serve/serve.ts";
import { verifyCommand } from "./commands/verify/verify.ts";
import { exitCodeOf, UsageError } from "./exit.ts";
import { note, paint, printError } from "./output.ts";
import { COMMON, helpAfter } from "./session.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("onceguard")
  .description("The execution guard for AI agents: agents retry, side effects must not.")
  .version(version, "--version", "print the version")
  .addCommand(demoCommand())
  .addCommand(initCommand())
  .addCommand(runCommand())
  .addCommand(mcpCommand())
  .addCommand(serveCommand())
  .addCommand(keysCommand())
  .addCommand(gatewayCommand())
  .addCommand(receiptsCommand())
  .addCommand(logCommand())
  .addCommand(blastRadiusCommand())
  .addCommand(correctCommand())
  .addCommand(sealCommand())
  .addCommand(verifyCommand())
  .addCommand(signingKeysCommand())
  .addCommand(reviewCommand())
  .addCommand(reconcileCommand())
  .addCommand(haltCommand())
  .addCommand(resumeCommand())
  .addCommand(checklistCommand())
  .addCommand(auditCommand())
  .addCommand(doctorCommand())
  .addCommand(migrateCommand())
  .addCommand(isolateCommand())
  .addCommand(importCommand())
  .addCommand(retentionCommand())
  .addCommand(eraseCommand())
  .addCommand(restoreCommand())
  .addCommand(completionCommand())
  .addCommand(manCommand())
  .addHelpText(
    "after",
    helpAfter({
      examples: [
        "onceguard demo                                           # see why",
        "onceguard run --request-id deploy:42 -- ./deploy.sh 42   # twice: it happens once",
        "onceguard receipts                                       # what happened",
        "onceguard review                                         # what a person must decide",
        "onceguard checklist                                      # before production",
        "onceguard audit .                                        # where your code can do it twice",
      ],
      exits: [
        ["0", "ok"],
        ["1", "the thing asked for did not hold"],
        ["2", "bad usage or input"],
        ["65-77", "of `run` only: see onceguard run --help"],
      ],
    }),
  );

prepare(program);
quietWarnings();
// `onceguard receipts | head`: a reader that has seen enough is no error.
process.stdout.on("error", ignoreClosedPipe);
process.stderr.on("error", ignoreClosedPipe);

try {
  if (process.argv.length <= 2) program.outputHelp();
  // A package of its own with options of its own, which also says what they are.
  else if (process.argv[2] === "audit") process.exitCode = await runAuditCommand(process.argv.slice(3));
  else await program.parseAsync();
} catch (error) {
  const isHelp = error instanceof CommanderError && error.exitCode === 0;
  if (!isHelp) printError(error instanceof CommanderError ? usageError(error) : error);
  process.exitCode = exitCodeOf(error);
}

/** One family for all commands: errors are thrown, to be said in one line; help is painted alike. */
function prepare(command: Command): void {
  command
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .configureHelp({
      groupItems: ownFirst,
      subcommandTerm: (one) => [one.name(), ...one.registeredArguments.map(argumentTerm)].join(" "),
      styleTitle: (text) => paint("bold", text),
      styleCommandText: (text) => paint("cyan", text),
      styleSubcommandText: (text) => paint("cyan", text),
      styleOptionText: (text) => paint("cyan", text),
      styleArgumentText: (text) => paint("cyan", text),
    })
    .addHelpOption(helpOption(command))
    .helpCommand(false);
  for (const subcommand of command.commands) prepare(subcommand);
}

/** What only this command takes is what its help is read for. */
function ownFirst<Item extends Command | Option>(
  all: Item[],
  shown: Item[],
  groupOf: (item: Item) => string,
): Map<string, Item[]> {
  const groups = new Help().groupItems(all, shown, groupOf);
  const common = groups.get(COMMON);
  if (common && groups.delete(COMMON)) groups.set(COMMON, common);
  return groups;
}

/** Beside `--json`, where there is one. */
function helpOption(command: Command): Option {
  const option = new Option("--help", "show this help");
  const beside = command.options.find((one) => one.helpGroupHeading)?.helpGroupHeading;
  return beside ? option.helpGroup(beside) : option;
}

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** Commander's words, in one line, with where to read on. */
function usageError(error: CommanderError): Error {
  const named = namedCommand();
  const [misplaced] = process.argv.slice(2 + named.length);
  const isRun = named[0] === "run" && !process.argv.includes("--");
  const message = isRun
    ? "put `--` right before the command: onceguard run --request-id ID -- COMMAND"
    : error.code === "commander.excessArguments" && program.commands.some((one) => one.name() === named.at(-1))
      ? `there is no "onceguard ${named.join(" ")} ${misplaced}"`
      : error.message.replace(/^error: /, "").replace(/\.+$/, "");
  return new UsageError(`${message}. See ${["onceguard", ...named].join(" ")} --help`);
}

/** The commands that the words name: `receipts show`. */
function namedCommand(): string[] {
  const named: string[] = [];
  let at: Command | undefined = program;
  for (const word of process.argv.slice(2)) {
    at = at.commands.find((one) => one.name() === word);
    if (!at) break;
    named.push(word);
  }
  return named;
}

/** Node's own warnings are about Onceguard or a config's module format, not about what was asked. */
function quietWarnings(): void {
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    const { name, code } = warning as NodeJS.ErrnoException;
    if (name !== "ExperimentalWarning" && code !== "MODULE_TYPELESS_PACKAGE_JSON") note(`${name}: ${warning.message}`);
  });
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
