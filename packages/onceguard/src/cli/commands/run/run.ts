import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { EffectContext, Schema } from "../../../core/action.ts";
import type { Duration } from "../../../core/duration.ts";
import { OnceguardError } from "../../../core/errors.ts";
import { effectError } from "../../../core/failure.ts";
import type { Outcome } from "../../../core/outcome.ts";
import type { RiskTier } from "../../../core/policy.ts";
import type { InlineCall } from "../../../pipeline/create-guard.ts";
import type { CommandResult } from "../../command-result.ts";
import { EXIT, exitCodeOf, UsageError } from "../../exit.ts";
import { attemptCommand, probeCommand } from "../../guarded-command.ts";
import { LiveOutput } from "../../live-output.ts";
import { bytesOption, durationOption } from "../../option-parsers.ts";
import { note, printError } from "../../output.ts";
import { type CommonOptions, command, withGuard } from "../../session.ts";
import { SignalRelay } from "../../signal-relay.ts";
import { type Report, report, reportUnrecorded } from "./report.ts";

interface RunOptions extends CommonOptions {
  readonly requestId: string;
  readonly record?: string;
  readonly tier: RiskTier;
  readonly probe?: string;
  readonly settleDelay?: Duration;
  readonly keyLifetime?: Duration;
  readonly lease?: Duration;
  readonly wait?: Duration;
  readonly timeout?: Duration;
  readonly maxOutput: number;
  readonly tenant?: string;
}

interface Payload {
  readonly command: readonly string[];
}

/** Longest wait that a timer can hold: no time limit in effect. */
const NO_TIMEOUT_MS = 2_147_483_647;
/** A crashed run is taken up again whenever it is run again, be it next month; attempts are what is limited. */
const NO_MAX_ELAPSED_MS = 10 * 365 * 86_400_000;

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
      ["75", "not settled: in doubt, in review, or another run is at it. Do not work around it"],
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

async function runGuarded(argv: readonly string[], options: RunOptions): Promise<number> {
  let started = false;
  try {
    return await withGuard(options, { create: true, config: true, guard: guardOptions(options) }, async ({ guard }) => {
      const to = { stdout: options.json ? undefined : new LiveOutput(1), stderr: new LiveOutput(2) };
      // Told to stop, it claims nothing more: the command gets the signal, and its end is recorded.
      const relay = new SignalRelay(() => void guard.close());
      const asking: Report<RunOptions> = { options, to, shown: null, untold: null };
      const waiting = sayWaiting(() => started, options);
      const execute = async (_payload: Payload, context: EffectContext): Promise<CommandResult> => {
        if (relay.stopping) throw stopped();
        const onStart = (child: ChildProcess): void => {
          started = true;
          relay.passTo(child);
        };
        try {
          const { maxOutput } = options;
          const result = await attemptCommand(context, { argv, stdin: "inherit", maxOutput, ...to, onStart });
          asking.shown = context.fencingToken;
          return result;
        } finally {
          relay.passTo(null);
        }
      };
      try {
        const outcome: Outcome<CommandResult> = await guard.execute(inlineCall(argv, asking, execute));
        return await report(outcome, asking);
      } finally {
        relay.end();
        waiting.abort();
      }
    });
  } catch (error) {
    return failed(error, started, options);
  }
}

function guardOptions({ lease, wait, maxOutput }: RunOptions) {
  return {
    // Base64 and JSON escapes make more of the bytes than there were.
    maxResultBytes: 12 * maxOutput + 4_096,
    ...(lease !== undefined && { lease }),
    ...(wait !== undefined && { wait }),
  };
}

/** On a terminal, silence for longer than a moment is explained. */
function sayWaiting(isStarted: () => boolean, { requestId, wait = "30s" }: RunOptions): AbortController {
  const done = new AbortController();
  const say = (): void => {
    if (!isStarted())
      note(`waiting for ${requestId} to be settled: another run is at it, or it is in doubt (at most ${wait})`);
  };
  if (process.stderr.isTTY) sleep(1_000, undefined, { signal: done.signal }).then(say, () => {});
  return done;
}

type Call = InlineCall<Payload, CommandResult>;

function inlineCall(argv: readonly string[], asking: Report<RunOptions>, execute: Call["execute"]): Call {
  const { options } = asking;
  const { requestId, record, tier, probe, settleDelay, keyLifetime, timeout, tenant } = options;
  return {
    requestId,
    action: "run",
    payload: { command: argv },
    riskTier: tier,
    input: CommandInput,
    timeout: timeout ?? NO_TIMEOUT_MS,
    retry: { maxElapsed: NO_MAX_ELAPSED_MS },
    execute,
    ...(tenant !== undefined && { tenant }),
    ...(record !== undefined && { record: () => record }),
    ...(settleDelay !== undefined && { settleDelay }),
    ...(keyLifetime !== undefined && { downstreamKey: { lifetime: keyLifetime } }),
    ...(probe !== undefined && {
      probe: (_payload, context) => {
        const stderr = new LiveOutput(2);
        const call = { argv: ["/bin/sh", "-c", probe], stdin: "", maxOutput: options.maxOutput, stderr };
        asking.untold = null;
        return probeCommand(context, call, (why) => {
          asking.untold = why;
        });
      },
    }),
  };
}

/** Made here from the command line, so there is nothing to check. */
const CommandInput: Schema<unknown, Payload> = {
  "~standard": { version: 1, vendor: "onceguard", validate: (value) => ({ value: value as Payload }) },
};

function stopped(): Error {
  return effectError({
    certainty: "definite",
    tier: "transient",
    code: "stopped",
    message: "It was told to stop before the command was started.",
  });
}

/** Once the command has been started, no error of ours may look as if nothing had happened. */
function failed(error: unknown, started: boolean, options: RunOptions): number {
  if (started) return reportUnrecorded(error, options);
  printError(error, options.json);
  const isStore =
    error instanceof OnceguardError && (error.code.startsWith("store_") || error.code === "schema_too_new");
  if (isStore) return EXIT.unavailable;
  return error instanceof OnceguardError || error instanceof UsageError ? exitCodeOf(error) : EXIT.unavailable;
}
