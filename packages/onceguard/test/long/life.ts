import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { StoreAddress } from "../support/guarded-worker.ts";
import { type Call, LifeReader } from "./history.ts";

export interface LifeOptions {
  readonly store: StoreAddress;
  /** The port of the outside world. */
  readonly world: number;
  readonly seed: number;
  /** The payments that are being made at this time, by all: from this number on, so many. */
  readonly first: number;
  readonly count: number;
  /** The folder for outcomes that the store did not take. */
  readonly spill: string;
  /** It will be paused past its lease: without the actions whose promise needs that it is not (assumption A1). */
  readonly zombie: boolean;
}

/** One process that works until it is killed. */
export interface Life {
  /** Calls that it has begun, as they are now. */
  readonly calls: readonly Call[];
  /** Resolves when that many of its calls have returned, or when it has ended. */
  returned(calls: number): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Ends it with SIGKILL; resolves when it is gone and its history is read to the end. */
  kill(): Promise<void>;
}

const source = fileURLToPath(new URL("./life-process.ts", import.meta.url));
const compileCache = fileURLToPath(new URL("../../../../node_modules/.cache/onceguard-test", import.meta.url));

/** @param program a bundle of the program, which starts faster than its source. */
export function startLife(name: string, options: LifeOptions, program: string = source): Life {
  const child: ChildProcess = spawn(process.execPath, [program, JSON.stringify(options)], {
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const reader = new LifeReader(name);
  const calls: Call[] = [];
  let ended = 0;
  let awaited: { readonly calls: number; readonly resolve: () => void } | null = null;
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    const read = reader.read(chunk);
    calls.push(...read.begun);
    ended += read.ended;
    if (awaited && ended >= awaited.calls) awaited.resolve();
  });
  const gone = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  return {
    calls,
    returned: async (wanted) => {
      if (ended >= wanted) return;
      await Promise.race([gone, new Promise<void>((resolve) => (awaited = { calls: wanted, resolve }))]);
    },
    signal: (signal) => void child.kill(signal),
    kill: async () => {
      child.kill("SIGKILL");
      const [code, signal] = await gone;
      if (signal !== "SIGKILL") throw new Error(`${name} ended by itself: ${signal ?? code}`);
    },
  };
}
