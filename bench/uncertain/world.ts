import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Effect } from "./contender.ts";

/** What the world does with one request for an intent. The first step is for the first request, and so on; then `answer`. */
export type Step =
  | "answer"
  /** Reads it, and waits for the driver; dropped, it never happens. */
  | "hold_read"
  /** Does it, and waits for the driver with the answer. */
  | "hold_committed"
  /** Does not go on until a second request for the same intent has come in. */
  | "overlap"
  /** Does it and resets the connection. */
  | "reset_after"
  /** Does it and never answers. */
  | "silent_after"
  | "500_after"
  /** Does not do it, answers 500, and remembers that answer under the key. */
  | "500_instead"
  | "503_before"
  | "429_before"
  | "400_before";

export interface Plan {
  readonly steps?: readonly Step[];
  /** Instead of what `OFFERS` says. */
  readonly keyLifetimeMs?: number;
  readonly lookupLagMs?: number;
}

/** One line of the ledger: something that happened and cannot be taken back. */
export interface LedgerLine {
  readonly number: number;
  readonly at: number;
  readonly effect: Effect;
  readonly intent: string;
  readonly key: string | null;
}

export interface Happening {
  readonly happened: "accepted" | "read" | "committed" | "answered" | "key_expired";
  readonly intent: string;
}

export type Asked =
  | { readonly ask: "door" }
  | { readonly ask: "catch_next"; readonly door: number; readonly intent: string }
  | { readonly ask: "plan"; readonly intent: string; readonly plan: Plan }
  | { readonly ask: "hold_next"; readonly intent: string }
  | { readonly ask: "release"; readonly intent: string; readonly how: "go" | "drop" };

/** The outside world: a process of its own with a ledger of its own, one for the whole run. */
export interface OutsideWorld {
  /** A port of one's own to reach it by. */
  door(): Promise<number>;
  plan(intent: string, plan: Plan): void;
  /** The next connection through this door, whatever it is for, is accepted and not read. */
  catchNext(door: number, intent: string): void;
  /** The next request or look-up for this intent is read and held. */
  holdNext(intent: string): void;
  /** Lets go of whatever is held for this intent, and of what is left of its plan. */
  release(intent: string, how: "go" | "drop"): void;
  /** Resolves at the next such happening. */
  happens(happened: Happening["happened"], intent: string): Promise<void>;
  /** The judge: the ledger as it is on the disk. */
  ledger(): readonly LedgerLine[];
  stop(): Promise<void>;
}

export async function startWorld(ledger: string): Promise<OutsideWorld> {
  const child: ChildProcess = fork(new URL("./world-process.ts", import.meta.url), [ledger], { execArgv: [] });
  await once(child, "message");
  const doors: ((port: number) => void)[] = [];
  const waiting = new Map<string, (() => void)[]>();
  child.on("message", (message: Happening | { readonly door: number }) => {
    if ("door" in message) return doors.shift()?.(message.door);
    const { happened, intent } = message;
    const place = `${happened} ${intent}`;
    for (const resolve of waiting.get(place) ?? []) resolve();
    waiting.delete(place);
  });
  const ask = (asked: Asked): void => void child.send(asked);
  return {
    door: () =>
      new Promise((resolve) => {
        doors.push(resolve);
        ask({ ask: "door" });
      }),
    plan: (intent, plan) => ask({ ask: "plan", intent, plan }),
    catchNext: (door, intent) => ask({ ask: "catch_next", door, intent }),
    holdNext: (intent) => ask({ ask: "hold_next", intent }),
    release: (intent, how) => ask({ ask: "release", intent, how }),
    happens: (happened, intent) =>
      new Promise((resolve) => {
        const place = `${happened} ${intent}`;
        waiting.set(place, [...(waiting.get(place) ?? []), resolve]);
      }),
    ledger: () => {
      // What follows the last line break is being written at this moment.
      const lines = readFileSync(ledger, "utf8").split("\n").slice(0, -1);
      return lines.map((line) => JSON.parse(line) as LedgerLine);
    },
    stop: async () => {
      child.disconnect();
      await once(child, "exit");
    },
  };
}
