import { type ChildProcess, spawn } from "node:child_process";
import type { NotifierClock } from "./deadline.ts";

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface CommandEnd {
  /** Null when it was killed. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of it. Empty where the code is 0. */
  readonly stderr: string;
}

/** Bytes of stderr that are kept. */
const STDERR_TAIL = 4_096;
/** A process that the command left behind may hold its stderr open; nobody waits for that one. */
const DRAIN_MS = 500;

/**
 * Runs a command until it exits, or kills it when the signal fires. At once and for good, with everything it has
 * started: a notification is sent again anyway, and a command that would not listen would hold up the others.
 *
 * Resolves to what became of it, killed or not. Rejects if it could not be started.
 */
export async function runCommand(
  { program, args, cwd, env }: Command,
  input: string,
  clock: NotifierClock,
  signal: AbortSignal,
): Promise<CommandEnd> {
  // A process group of its own, so that it can be killed as a whole. Windows has none, and opens a console instead.
  const detached = process.platform !== "win32";
  const stdio: ("pipe" | "ignore")[] = ["pipe", "ignore", "pipe"]; // our stdout belongs to the application
  const child: ChildProcess = spawn(program, args, { cwd, env, detached, stdio, windowsHide: true });
  const exited = new Promise<Omit<CommandEnd, "stderr">>((resolve, reject) => {
    child.on("error", reject);
    child.once("exit", (code, killedBy) => resolve({ code, signal: killedBy }));
  });
  const closed = new Promise<void>((resolve) => child.once("close", resolve));

  let tail: Buffer = Buffer.alloc(0);
  child.stderr?.on("error", () => {});
  child.stderr?.on("data", (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-STDERR_TAIL);
  });
  child.stdin?.on("error", () => {}); // it did not read its input, which is its own affair
  child.stdin?.end(input);

  const kill = (): void => killAll(child, detached);
  signal.addEventListener("abort", kill, { once: true });
  try {
    const end = await exited;
    if (end.code === 0) return { ...end, stderr: "" };
    await orAfter(clock, DRAIN_MS, closed);
    return { ...end, stderr: tail.toString("utf8") };
  } finally {
    signal.removeEventListener("abort", kill);
    child.stdin?.destroy();
    child.stderr?.destroy();
  }
}

function killAll(child: ChildProcess, group: boolean): void {
  // Once it has exited and been waited for, its number may be somebody else's.
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (group) process.kill(-child.pid, "SIGKILL");
    else child.kill("SIGKILL");
  } catch {
    // it was faster
  }
}

async function orAfter(clock: NotifierClock, ms: number, what: Promise<void>): Promise<void> {
  let cancel: () => void = () => {};
  const enough = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([what, enough]);
  cancel();
}
