import { type Command, Option } from "commander";
import { bytesOption, durationOption } from "../../option-parsers.ts";
import { command } from "../../session.ts";
import { type RunOptions, runGuarded } from "./run-guarded.ts";

export function runCommand(): Command {
  return command("run", "Run a command once per request id; run again, it replays exit code, stdout and stderr.", {
    summary: "run a command once per request id, then replay it",
    examples: [
      "onceguard run --request-id deploy:42 -- ./deploy.sh 42",
      "onceguard run --request-id invoice:2026-11 --probe './is-sent.sh 2026-11' -- ./send-invoice.sh 2026-11",
      "onceguard run --request-id payout:7 --key-lifetime 24h -- ./payout.sh   # sends $ONCEGUARD_IDEMPOTENCY_KEY",
    ],
    exits: [
      ["0-125", "the command's own, when it ran or is replayed"],
      ["126, 127", "the command could not be started; nothing happened"],
      ["75", "not settled: in doubt, in review, held, or another run is at it. Do not work around it"],
      ["77", "denied or halted; nothing happened"],
      ["65", "this request id was used for another command; nothing happened"],
      ["69", "the store cannot be used; nothing happened"],
      ["2", "bad usage; nothing happened"],
    ],
  })
    .usage("--request-id <id> [options] -- <command> [argument...]")
    .argument("<command...>", "after `--`: an argument list, never a shell")
    .requiredOption(
      "--request-id <id>",
      "names the intended effect, the same on every retry: deploy:42, never a time or a random id",
    )
    .option("--record <record>", "the business record it touches, such as order:A1")
    .option("--run <id>", "the run of an agent or a job that it belongs to: what `halt run` stops")
    .option("--actor <name>", "who asks for it; for the log, and so that nobody approves what they proposed")
    .addOption(
      new Option("--tier <tier>", "how much harm a repeat does")
        .choices(["side_effecting", "irreversible"])
        .default("side_effecting"),
    )
    .option(
      "--probe <command>",
      "asks whether it happened (sh -c; read-only). Exit 0: yes, stdout is replayed; 1: no; else: cannot tell",
    )
    .option(
      "--settle-delay <time>",
      "how long after an attempt the probe's no can be trusted (default: 0s)",
      durationOption,
    )
    .option(
      "--key-lifetime <time>",
      "the other side dedupes by ONCEGUARD_IDEMPOTENCY_KEY for this long, so a re-send is safe",
      durationOption,
    )
    .option("--lease <time>", "how soon after a crash others may take over (default: 30s)", durationOption)
    .option("--wait <time>", "longest wait for another run of the same id (default: 30s)", durationOption)
    .option("--timeout <time>", "ends the command, which is then in doubt (default: no limit)", durationOption)
    .option("--max-output <bytes>", "most bytes kept of stdout and of stderr", bytesOption, 1_048_576)
    .option("--tenant <tenant>", "whose request id it is")
    .action(async (words: string[], options: RunOptions, self: Command) => {
      process.exitCode = await runGuarded(afterDashes(self, words), options);
    });
}

/** What stands after `--`, so that an option of the command can never be taken for one of ours. */
function afterDashes(self: Command, words: string[]): string[] {
  const given = process.argv.slice(2);
  const dashes = given.indexOf("--");
  if (dashes !== -1 && given.length - dashes - 1 === words.length) return words;
  return self.error("put `--` right before the command: onceguard run --request-id ID -- COMMAND");
}
