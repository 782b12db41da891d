import { readdirSync, readFileSync } from "node:fs";
import type { EffectContext, ProbeAnswer } from "../core/action.ts";
import { effectError } from "../core/failure.ts";
import type { CommandResult } from "./command-result.ts";
import { type SpawnOptions, spawnCommand } from "./spawn-command.ts";

type CommandCall = Omit<SpawnOptions, "env" | "signal">;

const LONGEST_PROBE_MS = 60_000;

/** Makes one attempt. Not while an earlier one is still at it. */
export async function attemptCommand(context: EffectContext, call: CommandCall): Promise<CommandResult> {
  const [pid] = context.attemptNumber > 1 ? processesOf(context.requestId) : [];
  if (pid !== undefined) {
    throw effectError({
      certainty: "definite",
      tier: "transient",
      code: "still_running",
      message: `An earlier attempt is still running on this machine (process ${pid}), so it was not started again.`,
      retryAfterMs: 1_000,
    });
  }
  const env = { ...identity(context), ONCEGUARD_ATTEMPT: String(context.attemptNumber) };
  return spawnCommand({ ...call, env, signal: context.signal });
}

/**
 * Exit 0: it happened, and stdout is the result; 1: it did not happen; anything else: it cannot tell.
 *
 * @param tell is told why it cannot tell.
 */
export async function probeCommand(
  context: EffectContext,
  call: CommandCall,
  tell: (why: string) => void = () => {},
): Promise<ProbeAnswer<CommandResult>> {
  // The process that guarded it may be dead and the command at work: "not yet" must not be taken for "no".
  const [pid] = processesOf(context.requestId);
  if (pid !== undefined) {
    tell(`the command is still running, as process ${pid}`);
    return { answer: "cannot_tell" };
  }
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LONGEST_PROBE_MS)]);
  try {
    const { stderr: _, stderr_base64: _b, ...result } = await spawnCommand({ ...call, env: identity(context), signal });
    if (result.exit_code === 0) return { answer: "happened", result };
    if (result.exit_code === 1) return { answer: "did_not_happen" };
    tell(`the probe exited with ${result.exit_code}`);
  } catch (error) {
    tell(`the probe failed: ${(error as Error).message}`);
  }
  return { answer: "cannot_tell" };
}

function identity({ requestId, idempotencyKey }: EffectContext): Record<string, string> {
  return { ONCEGUARD_REQUEST_ID: requestId, ONCEGUARD_IDEMPOTENCY_KEY: idempotencyKey };
}

/**
 * The processes on this machine that belong to an attempt of this request, by the environment they inherited. Linux
 * only, and only those this user may look at: a further safeguard, not one that anything relies on.
 */
export function processesOf(requestId: string): number[] {
  const mark = Buffer.from(`ONCEGUARD_REQUEST_ID=${requestId}\0`);
  return processIds().filter((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`);
      return environment.includes(mark) && environment.includes("ONCEGUARD_ATTEMPT=");
    } catch {
      return false; // it has ended, or is somebody else's
    }
  });
}

function processIds(): number[] {
  try {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => pid > 0 && pid !== process.pid);
  } catch {
    return [];
  }
}
