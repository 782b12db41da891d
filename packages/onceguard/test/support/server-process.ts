import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createServer } from "node:net";

/**
 * PostgreSQL and PgBouncer refuse to run as root, and CI containers usually are root: then `nobody` runs them.
 * As anyone else, the servers run as that user.
 */
export const serverUser: { uid: number; gid: number } | undefined =
  process.getuid?.() === 0 ? { uid: idOfNobody("-u"), gid: idOfNobody("-g") } : undefined;

function idOfNobody(flag: "-u" | "-g"): number {
  return Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }));
}

/**
 * The supervisor between this process and the server. It waits for one line on stdin, the signal to pass on; end of
 * file means that this process is gone (kill -9 included: the kernel closes the pipe), and then neither the server nor
 * its directory may stay behind. QUIT ends PostgreSQL at once; a shell starts background processes with QUIT ignored,
 * which PostgreSQL overrides and PgBouncer does not, so TERM goes first.
 */
const SUPERVISOR = `
dir=$1; shift
"$@" & server=$!
if read -r signal; then
  kill -s "$signal" "$server"; wait "$server"
else
  kill -s TERM "$server"; kill -s QUIT "$server"; wait "$server"; rm -rf "$dir"
fi`;

export interface ServerProcess {
  /** Signals the server and waits until it has ended. */
  stop(signal: "INT" | "TERM" | "QUIT"): Promise<void>;
}

/** Starts a server that cannot outlive this process. Its output goes to `logFile`; `dir` is removed if this process dies. */
export function startServerProcess(options: {
  command: string;
  args: readonly string[];
  dir: string;
  logFile: string;
}): ServerProcess {
  const log = openSync(options.logFile, "a");
  const supervisor = spawn("sh", ["-c", SUPERVISOR, "sh", options.dir, options.command, ...options.args], {
    ...serverUser,
    cwd: options.dir,
    stdio: ["pipe", log, log],
    // Its own process group: Ctrl-C and group kills are for this process, which then decides.
    detached: true,
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => supervisor.once("close", () => resolve()));
  // Neither keeps this process alive: whoever forgets to stop a server gets the end-of-file way out.
  supervisor.unref();
  unrefPipe(supervisor);
  return {
    stop: async (signal) => {
      if (supervisor.exitCode !== null) return;
      supervisor.ref();
      supervisor.stdin?.end(`${signal}\n`);
      await ended;
    },
  };
}

function unrefPipe(child: ChildProcess): void {
  const pipe = child.stdin as { unref?: () => void; on: (event: "error", listener: () => void) => void } | null;
  pipe?.unref?.();
  pipe?.on("error", () => {}); // EPIPE: the supervisor ended first, which is what we wanted
}

/**
 * A TCP port that nobody listens on, below the range from which the system picks ports for outgoing connections
 * (Linux: from 32768): a server that restarts on its port must not find a client socket sitting on it.
 */
export async function freePort(): Promise<number> {
  for (let i = 0; i < 100; i++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
  throw new Error("no free TCP port between 20000 and 32000");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
