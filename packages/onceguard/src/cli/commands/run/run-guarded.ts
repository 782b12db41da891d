import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { EffectContext, Schema } from "../../../core/action.ts";
import type { Duration } from "../../../core/duration.ts";
import { OnceguardError } from "../../../core/errors.ts";
import { effectError } from "../../../core/failure.ts";
import type { Outcome } from "../../../core/outcome.ts";
import type { RiskTier } from "../../../core/policy.ts";
import type { InlineCall } from "../../../pipeline/guard.ts";
import type { CommandResult } from "../../command-result.ts";
import { EXIT, exitCodeOf, UsageError } from "../../exit.ts";
import { attemptCommand, probeCommand } from "../../guarded-command.ts";
import { LiveOutput } from "../../live-output.ts";
import { note, printError } from "../../output.ts";
import { type CommonOptions, withGuard } from "../../session.ts";
import { SignalRelay } from "../../signal-relay.ts";
import { type Report, report, reportUnrecorded } from "./report.ts";

export interface RunOptions extends CommonOptions {
  readonly requestId: string;
  readonly record?: string;
  readonly run?: string;
  readonly actor?: string;
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

export async function runGuarded(argv: readonly string[], options: RunOptions): Promise<number> {
  let started = false;
  try {
    return await withGuard(
      options,
      { create: true, config: "whole", guard: guardOptions(options) },
      async ({ guard }) => {
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
      },
    );
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
  const { requestId, record, run, actor, tier, probe, settleDelay, keyLifetime, timeout, tenant } = options;
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
    ...(run !== undefined && { runId: run }),
    ...(actor !== undefined && { actor }),
    ...(settleDelay !== undefined && { settleDelay }),
    ...(keyLifetime !== undefined && { downstreamKey: { lifetime: keyLifetime } }),
    ...(probe !== undefined && {
      probe: (_payload, context) => {
        const call = {
          argv: ["/bin/sh", "-c", probe],
          stdin: "",
          maxOutput: options.maxOutput,
          stderr: asking.to.stderr,
        };
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
