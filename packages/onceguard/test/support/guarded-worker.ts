import { fork } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Decision, LogEntry, Outcome, Receipt, Reconciliation } from "../../src/index.ts";
import type { ApprovalGrant } from "../../src/pipeline/approve.ts";
import type { CrashPoint } from "../../src/testing/crash-points.ts";

/** Where the receipts are. */
export type StoreAddress =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string };

export type ActionName =
  | "pay_none"
  | "pay_precise"
  | "pay_probe"
  | "pay_downstream_key"
  | "pay_probe_and_key"
  | "pay_transaction";

/** The input of all actions; the reference is the request id too. */
export interface Payment {
  readonly reference: string;
  readonly amount: number;
  /** A person has to approve it. */
  readonly held?: true;
  /** How many of its attempts fail, of `pay_transaction`; all others meet the faults of the world. */
  readonly failing?: number;
}

export interface WorkerOptions {
  readonly store: StoreAddress;
  /** The port of a flaky world. */
  readonly world: number;
  readonly crash?: CrashPoint | undefined;
  readonly stop?: "kill" | "pause";
  /** Short for a worker that is to die: whoever comes after it waits for the end of its lease. Default 30 s. */
  readonly lease?: string;
  readonly wait?: string;
  readonly grace?: string;
  readonly storeTimeout?: string;
  /** The folder for outcomes that the store did not take. Default: the guard's own. */
  readonly spill?: string;
  /** How many guards, each with a store of its own, `race` spreads its callers over. Default 1. */
  readonly guards?: number;
  /** The effects ignore their abort signal. */
  readonly deaf?: boolean;
  /** How far the store's clock is ahead of ours, in ms: leases of the dead have then run out without any waiting. */
  readonly ahead?: number;
  /** Its sweeper looks only at requests whose id begins so: another clock is not to be held against all others. */
  readonly sweeps?: string;
}

/** What a worker can be asked for; each is the guard's own call. */
export interface Asks {
  execute(action: ActionName, payment: Payment): Promise<Outcome>;
  /** `callers` calls at once: how many got which answer (as JSON, without the time it was read). */
  race(action: ActionName, payment: Payment, callers: number): Promise<[answer: string, count: number][]>;
  receipt(requestId: string): Promise<Receipt | null>;
  receipts(): Promise<readonly Receipt[]>;
  log(requestId: string): Promise<readonly LogEntry[]>;
  reconcile(requestId: string): Promise<Outcome>;
  reconcileDue(): Promise<Reconciliation>;
  resolve(requestId: string, decision: Decision): Promise<Receipt>;
  approve(requestId: string, grant: ApprovalGrant): Promise<Receipt>;
}

export interface Ask {
  readonly id: number;
  readonly ask: keyof Asks;
  readonly args: unknown[];
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The markers it printed, such as `REACHED during_probe`. */
  readonly printed: readonly string[];
}

export interface Worker extends Asks {
  readonly ended: Promise<Ending>;
  /** Resolves when it has printed this marker. */
  printed(marker: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Closes its guard and ends it. */
  stop(): Promise<Ending>;
}

const program = fileURLToPath(new URL("./guarded-worker-process.ts", import.meta.url));
// A process that only has to load compiled code starts in a third of the time.
const compileCache = fileURLToPath(new URL("../../../../node_modules/.cache/onceguard-test", import.meta.url));

/** Starts a host process of its own with a guard in it. What was asked of a worker that dies is rejected. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const child = fork(program, [JSON.stringify(options)], {
    execArgv: [],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  let output = "";
  const markers = new Map<string, () => void>();
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    for (const line of output.split("\n").slice(0, -1)) markers.get(line)?.();
  });

  const open = new Map<number, PromiseWithResolvers<unknown>>();
  const ready = Promise.withResolvers<void>();
  child.on("message", (message: { ready?: true; id?: number; value?: unknown; error?: object }) => {
    if (message.ready) return ready.resolve();
    const asked = open.get(message.id as number);
    open.delete(message.id as number);
    if (message.error) asked?.reject(Object.assign(new Error(), message.error));
    else asked?.resolve(message.value);
  });
  // Not "close": Node does not emit it after `disconnect`.
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const ended = Promise.all([exited, once(child.stdout as Readable, "end")]).then(([[code, signal]]): Ending => {
    const gone = new Error(`the worker has ended: ${signal ?? code}`);
    ready.reject(gone);
    for (const asked of open.values()) asked.reject(gone);
    return { code, signal, printed: output.split("\n").slice(0, -1) };
  });

  let last = 0;
  const ask =
    (name: keyof Asks) =>
    (...args: unknown[]): Promise<never> => {
      const asked = Promise.withResolvers<unknown>();
      asked.promise.catch(() => undefined); // whoever kills a worker need not look at what it was doing
      open.set(++last, asked);
      const message: Ask = { id: last, ask: name, args };
      child.send(message, (error) => error && asked.reject(error));
      return asked.promise as Promise<never>;
    };
  await ready.promise;
  return {
    execute: ask("execute"),
    race: ask("race"),
    receipt: ask("receipt"),
    receipts: ask("receipts"),
    log: ask("log"),
    reconcile: ask("reconcile"),
    reconcileDue: ask("reconcileDue"),
    resolve: ask("resolve"),
    approve: ask("approve"),
    ended,
    printed: (marker) =>
      new Promise((resolve, reject) => {
        if (output.split("\n").includes(marker)) return resolve();
        markers.set(marker, resolve);
        void ended.then(() => reject(new Error(`the worker ended without printing ${marker}`)));
      }),
    kill: (signal) => void child.kill(signal),
    stop: () => {
      if (child.connected) child.disconnect();
      return ended;
    },
  };
}
