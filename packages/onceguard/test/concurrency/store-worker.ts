import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ClaimRequest } from "../../src/core/claim.ts";
import type { Receipt } from "../../src/core/receipt.ts";
import type { StoreAddress } from "../support/guarded-worker.ts";

export interface StoreWorkerOptions {
  readonly store: StoreAddress;
  /** Most writes in one commit. One: each of its racers is alone, as in a process of its own. */
  readonly maxBatch?: number;
}

/** What was asked, how it was answered, and when it was begun, by a clock that all processes of a machine share. */
export interface Asked {
  readonly id: string;
  readonly kind: string;
  readonly begunAt: string;
}

/** What a process can be asked for. */
export interface Tasks {
  /** Claims all of them at once: the kinds of the answers. */
  claims(requests: readonly ClaimRequest[], readFirst: boolean): Promise<string[]>;
  /** Claims on and on, and has what waits in `retries` sent: until `calm`. */
  storm(prefix: string, request: ClaimRequest, retries: readonly Receipt[]): Promise<Asked[]>;
  /** Resolves when the storm has asked that many more times. */
  stormed(more: number): Promise<void>;
  calm(): Promise<void>;
  /** Asks until it has the record's turn, for each of these at once; writes down when each begins and ends. */
  turns(requests: readonly ClaimRequest[], ledger: string): Promise<void>;
  /** Sends an approved request. */
  release(held: Receipt): Promise<string>;
  /** Claims, writes one row into `effect`, and records the success, in one transaction; or gives it up at the end. */
  effects(request: ClaimRequest, racers: number, givesUp: boolean): Promise<string[]>;
  /** Takes notifications until there are none. */
  notifications(limit: number): Promise<string[]>;
}

export type StoreWorker = Tasks & { stop(): Promise<void> };

const NAMES: readonly (keyof Tasks)[] = [
  "claims",
  "storm",
  "stormed",
  "calm",
  "turns",
  "release",
  "effects",
  "notifications",
];

const program = fileURLToPath(new URL("./store-worker-process.ts", import.meta.url));

/** Starts a process of its own with a store open in it. */
export async function startStoreWorker(options: StoreWorkerOptions): Promise<StoreWorker> {
  const child = fork(program, [JSON.stringify(options)], { execArgv: [] });
  const open = new Map<number, PromiseWithResolvers<never>>();
  const ready = Promise.withResolvers<void>();
  child.on("message", (message: { ready?: true; id?: number; value?: never; error?: string }) => {
    if (message.ready) return ready.resolve();
    const asked = open.get(message.id as number);
    open.delete(message.id as number);
    if (message.error === undefined) asked?.resolve(message.value as never);
    else asked?.reject(new Error(message.error));
  });
  const ended = once(child, "exit").then(() => {
    const gone = new Error("the store's process has ended");
    ready.reject(gone);
    for (const asked of open.values()) asked.reject(gone);
  });
  await ready.promise;
  let last = 0;
  const ask =
    (task: keyof Tasks) =>
    (...args: unknown[]): Promise<never> => {
      const asked = Promise.withResolvers<never>();
      open.set(++last, asked);
      child.send({ id: last, task, args });
      return asked.promise;
    };
  return {
    ...(Object.fromEntries(NAMES.map((name) => [name, ask(name)])) as unknown as Tasks),
    stop: async () => {
      child.disconnect();
      await ended;
    },
  };
}

export function startStoreWorkers(count: number, address: StoreAddress): Promise<StoreWorker[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) => startStoreWorker({ store: address, ...(n % 2 ? { maxBatch: 1 } : {}) })),
  );
}
