import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { effectError } from "../core/failure.ts";
import { Capture, type CommandResult, commandResult } from "./command-result.ts";
import type { LiveOutput } from "./live-output.ts";

export interface SpawnOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Text for stdin, or this process's own. */
  readonly stdin: string | "inherit";
  /** Ends the command: TERM, and KILL for one that does not listen. */
  readonly signal: AbortSignal;
  /** Most bytes kept of each stream. */
  readonly maxOutput: number;
  readonly stdout?: LiveOutput | undefined;
  readonly stderr?: LiveOutput | undefined;
  readonly onStart?: (child: ChildProcess) => void;
}

const KILL_AFTER_MS = 5_000;
/** A process that the command left behind may hold its output open; its receipt does not wait for that one. */
const DRAIN_MS = 2_000;

/** The system is short of something right now: nothing was started, and trying again helps. */
const SHORTAGES: ReadonlySet<string> = new Set(["EAGAIN", "ENOMEM", "EMFILE", "ENFILE", "ETXTBSY"]);

/**
 * Runs an argument list, never a shell. Any exit code is a result. A program that could not be started certainly did
 * nothing; one that was killed may have done its work.
 *
 * @throws an effect error that says which of the two.
 */
export async function spawnCommand(options: SpawnOptions): Promise<CommandResult> {
  const { child, ended } = await start(options);
  options.onStart?.(child);
  child.stdin?.on("error", () => {}); // it did not read its input, which is its own affair
  if (options.stdin !== "inherit") child.stdin?.end(options.stdin);

  const stop = (): void => {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS).unref();
  };
  options.signal.addEventListener("abort", stop, { once: true });
  if (options.signal.aborted) stop();

  const stdout = new Capture(options.maxOutput);
  const stderr = new Capture(options.maxOutput);
  const read = [tee(child.stdout, stdout, options.stdout, ended), tee(child.stderr, stderr, options.stderr, ended)];
  const { code, signal } = await ended;
  options.signal.removeEventListener("abort", stop);
  const drained = setTimeout(() => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, DRAIN_MS);
  await Promise.all(read);
  clearTimeout(drained);

  if (code !== null) return commandResult(code, stdout, stderr);
  throw effectError({
    certainty: "indefinite",
    tier: "transient",
    code: `killed_${signal}`,
    message: `The command was killed by ${signal}; what it had done by then is not known.`,
  });
}

type Ended = Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

async function start(options: SpawnOptions): Promise<{ child: ChildProcess; ended: Ended }> {
  const [program = "", ...args] = options.argv;
  try {
    const child = spawn(program, args, {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      stdio: [options.stdin === "inherit" ? "inherit" : "pipe", "pipe", "pipe"],
      windowsHide: true,
    });
    const ended: Ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.on("error", reject); // later ones (a kill that came too late) find the promise settled
    });
    return { child, ended };
  } catch (cause) {
    throw notStarted(program, cause);
  }
}

function notStarted(program: string, cause: unknown): Error {
  const { code = "spawn_failed", message } = cause as NodeJS.ErrnoException;
  const problem =
    code === "ENOENT"
      ? "there is no such program (or its interpreter, or its folder, is missing)"
      : code === "EACCES"
        ? "it may not be executed"
        : message;
  return effectError(
    {
      certainty: "definite",
      tier: SHORTAGES.has(code) ? "transient" : null,
      code,
      message: `${program} was not started: ${problem}.`,
    },
    { cause },
  );
}

/** Reads a stream to its end, keeps what the cap allows, and passes it on; a slow reader slows the command down. */
async function tee(from: Readable | null, capture: Capture, live: LiveOutput | undefined, ended: Ended): Promise<void> {
  try {
    for await (const chunk of from ?? []) {
      capture.push(chunk as Buffer);
      // Once the command has ended its receipt comes first; the rest is written by the final flush.
      if (live) await Promise.race([live.write(chunk as Buffer), ended]);
    }
  } catch {
    // destroyed after DRAIN_MS
  }
}
