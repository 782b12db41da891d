import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Intent, Said, Stores, World } from "./contender.ts";

export const WORKER_ENV = "ONCEGUARD_BENCH_WORKER";

/** What a worker process is started with. */
export interface WorkerOrder {
  /** Relative to this folder. */
  readonly file: string;
  readonly name: string;
  readonly world: string;
  readonly offers: World["offers"];
  readonly stores: Stores;
}

/** The points in the frame around a contender. */
export type Stop = "received" | "effect_sending" | "telling";

export interface Delivery {
  readonly stop?: Stop | undefined;
  readonly raises?: { readonly when: "before" | "after"; readonly every: boolean } | undefined;
}

export type ToWorker =
  | ({ readonly call: number; readonly intent: Intent } & Delivery)
  | { readonly go: true }
  | { readonly ping: true }
  | { readonly close: true };

export type FromWorker =
  | { readonly ready: true }
  | { readonly pong: true }
  | { readonly stopped: Stop }
  /** Its client of the world has stopped waiting for an answer about this intent. */
  | { readonly timedOut: string }
  | { readonly call: number; readonly said: Said }
  | { readonly call: number; readonly broke: string };

/** What came of one delivery. */
export type Answer = Said | { readonly said: "nothing"; readonly why: string };

export interface Worker {
  readonly isAlive: boolean;
  /** Never rejects: a call that broke has said nothing. */
  deliver(intent: Intent, delivery: Delivery, timeoutMs: number): Promise<Answer>;
  /** The open calls break for their callers, whatever the process does; as when a supervisor has written it off. */
  abandon(): void;
  stopped(stop: Stop): Promise<void>;
  go(): void;
  /** Resolves when the process has come round to its messages. */
  ping(): Promise<void>;
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  kill(): Promise<void>;
  /** In an orderly manner, or after two seconds without manners. */
  close(): Promise<void>;
}

/** @throws Error when it does not come up, with the last of what it wrote to its log. */
export async function startWorker(
  order: WorkerOrder,
  logFile: string,
  onTimeout: (intent: string) => void,
): Promise<Worker> {
  const log = openSync(logFile, "a");
  const child: ChildProcess = fork(new URL("./worker.ts", import.meta.url), [], {
    execArgv: [],
    env: { ...process.env, [WORKER_ENV]: JSON.stringify(order), NODE_NO_WARNINGS: "1" },
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const open = new Map<number, (answer: Answer) => void>();
  const waiting: { readonly for: (message: FromWorker) => boolean; readonly resolve: () => void }[] = [];
  let alive = true;
  let calls = 0;
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));

  const abandon = (why: string): void => {
    for (const answer of open.values()) answer({ said: "nothing", why });
    open.clear();
  };
  void gone.then(() => {
    alive = false;
    abandon("the worker died");
  });
  child.on("error", () => undefined); // a message to a process that is gone
  child.on("message", (message: FromWorker) => {
    if ("timedOut" in message) onTimeout(message.timedOut);
    if ("call" in message) {
      const answer = open.get(message.call);
      open.delete(message.call);
      answer?.("said" in message ? message.said : { said: "nothing", why: message.broke });
    }
    for (const one of waiting.filter((each) => each.for(message))) {
      waiting.splice(waiting.indexOf(one), 1);
      one.resolve();
    }
  });
  const next = (wanted: (message: FromWorker) => boolean): Promise<void> =>
    new Promise((resolve) => waiting.push({ for: wanted, resolve }));
  const send = (message: ToWorker): void => {
    if (alive && child.connected) child.send(message, () => undefined);
  };

  const ready = await Promise.race([next((message) => "ready" in message).then(() => true), gone.then(() => false)]);
  if (!ready) throw new Error(`the worker of ${order.name} did not start; its log: ${logFile}`);
  return {
    get isAlive() {
      return alive;
    },
    deliver: (intent, delivery, timeoutMs) =>
      new Promise((resolve) => {
        if (!alive) return resolve({ said: "nothing", why: "the worker is dead" });
        const call = ++calls;
        const timer = setTimeout(() => {
          open.delete(call);
          resolve({ said: "nothing", why: "the call timed out" });
        }, timeoutMs);
        open.set(call, (answer) => {
          clearTimeout(timer);
          resolve(answer);
        });
        send({ call, intent, ...delivery });
      }),
    abandon: () => abandon("the worker was written off"),
    stopped: (stop) => next((message) => "stopped" in message && message.stopped === stop),
    go: () => send({ go: true }),
    ping: () => {
      const pong = next((message) => "pong" in message);
      send({ ping: true });
      return Promise.race([pong, gone]);
    },
    signal: (signal) => void child.kill(signal),
    kill: async () => {
      child.kill("SIGKILL");
      await gone;
    },
    close: async () => {
      if (!alive) return;
      send({ close: true });
      const late = setTimeout(() => child.kill("SIGKILL"), 2_000);
      await gone;
      clearTimeout(late);
    },
  };
}
