import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { LineReader } from "../../server/stdio/line-reader.ts";
import { within } from "../within.ts";
import type { Ending, Upstream } from "./upstream.ts";

/** How long the server gets at each step of its end: input closed, TERM, KILL. */
const PATIENCE_MS = 3_000;
/** Some hosts end the whole process group at once; the server may be in the middle of something, and is ours to end. */
const OWN_GROUP = process.platform !== "win32";
/** A result may carry images and whole files; only what no string can hold is too much. */
const MAX_LINE_BYTES = 256 * 1_048_576;

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Of the whole environment: it is the operator's own command, and would have it without the gateway. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly onMessage: (text: string) => void;
  /** It reads again. */
  readonly onDrain: () => void;
}

/**
 * The server as a child process: its input closed, it gets some time to end, then TERM, then KILL.
 *
 * @throws Error when the command cannot be started
 */
export async function startUpstream(options: ProcessOptions): Promise<Upstream> {
  const { command, args, env, cwd } = options;
  // Its stderr is for people, and goes where the gateway's goes.
  const child = spawn(command, [...args], {
    env: upstreamEnvironment(env),
    cwd,
    stdio: ["pipe", "pipe", "inherit"],
    windowsHide: true,
    detached: OWN_GROUP,
  });
  await once(child, "spawn");
  return connected(child, options);
}

function connected(child: ChildProcess, { onMessage, onDrain }: ProcessOptions): Upstream {
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("the server has no pipes");
  const lines = new LineReader(MAX_LINE_BYTES);
  stdout.on("data", (chunk: Buffer) => {
    for (const line of lines.push(chunk)) if ("text" in line) onMessage(line.text);
  });
  let reads = true;
  stdin.on("error", () => {
    reads = false; // it is ending; what it was asked is settled with its end
  });
  stdin.on("drain", onDrain);
  const { promise: ended, resolve } = Promise.withResolvers<Ending>();
  // Not "exit": what it said before its end has to be read first.
  child.once("close", (code, signal) => {
    reads = false;
    resolve({ code, signal });
  });
  return {
    send: (text) => (!reads ? "gone" : stdin.write(`${text}\n`) ? "sent" : "full"),
    pause: () => stdout.pause(),
    resume: () => stdout.resume(),
    ended,
    close: async () => {
      stdin.end();
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        if ((await within(PATIENCE_MS, ended)) !== null) return;
        end(child, signal);
      }
      await ended;
    },
  };
}

/** Without what `npx` has told its own program, this one: a server started by `npx` would take it for itself. */
function upstreamEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ofNpm =
    /^(?:npm_config_(?:package|call)|npm_command|npm_execpath|npm_node_execpath|npm_lifecycle_.*|npm_package_.*)$/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ofNpm.test(name)));
}

/** With all that it has started: `npx` is a process before the server. */
function end(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (OWN_GROUP && child.pid !== undefined) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {
    // it has ended meanwhile
  }
}
