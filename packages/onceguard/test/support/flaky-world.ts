import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What the outside world does with one request for a reference, instead of committing and answering. */
export type Fault =
  /** Commits, then cuts the connection. */
  | "lose_reply"
  /** Cuts the connection, and never does it. */
  | "drop_request"
  /** 429: certainly not done, try again. */
  | "reject_transient"
  /** 402: certainly not done, and no use trying again. */
  | "reject"
  /** The same, when told to. */
  | "hold_reject"
  /** Commits, and answers when told to. */
  | "hold_reply"
  /** Commits and answers when told to. */
  | "hold_request";

/** One line of the ledger: something that happened in the outside world and cannot be taken back. */
export interface Effect {
  readonly number: number;
  readonly reference: string;
  readonly amount: number;
  readonly key: string | null;
}

/**
 * The outside world: a process of its own that commits effects to an fsynced file before it answers. It knows nothing
 * of Onceguard. It makes one effect of requests that carry the same `Idempotency-Key`, and one of each that carries none.
 */
export interface FlakyWorld {
  readonly port: number;
  /** What happens to the next requests for this reference, one after the other. */
  plan(reference: string, ...faults: Fault[]): Promise<void>;
  /** So many look-ups of this reference fail from now on. */
  hide(reference: string, lookUps: number): Promise<void>;
  /** Lets a held request for this reference go on. */
  release(reference: string): Promise<void>;
  /** Resolves when a request for this reference is being held. */
  holding(reference: string): Promise<void>;
  /** How many requests (not look-ups) have come in for this reference. */
  requests(reference: string): Promise<number>;
  /** The judge: the ledger as it is on the disk. */
  effects(reference?: string): readonly Effect[];
  stop(): Promise<void>;
}

export async function startFlakyWorld(): Promise<FlakyWorld> {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-world-"));
  const ledger = join(dir, "ledger.jsonl");
  const program = fileURLToPath(new URL("./flaky-world-process.ts", import.meta.url));
  const child = fork(program, [ledger], { execArgv: [] });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  const ask = asking(child);
  return {
    port,
    plan: async (reference, ...faults) => void (await ask("plan", reference, faults)),
    hide: async (reference, lookUps) => void (await ask("hide", reference, [], lookUps)),
    release: async (reference) => void (await ask("release", reference)),
    holding: async (reference) => void (await ask("holding", reference)),
    requests: async (reference) => (await ask("requests", reference)) as number,
    effects: (reference) => {
      // What follows the last line break is being written at this moment.
      const lines = readFileSync(ledger, "utf8").split("\n").slice(0, -1);
      const all = lines.map((line) => JSON.parse(line) as Effect);
      return reference === undefined ? all : all.filter((effect) => effect.reference === reference);
    },
    stop: async () => {
      child.disconnect();
      await once(child, "exit");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function asking(child: ChildProcess) {
  const open = new Map<number, (value: unknown) => void>();
  let last = 0;
  child.on("message", ({ id, value }: { id: number; value: unknown }) => {
    open.get(id)?.(value);
    open.delete(id);
  });
  return (ask: string, reference: string, faults: Fault[] = [], lookUps = 0): Promise<unknown> =>
    new Promise((resolve) => {
      open.set(++last, resolve);
      child.send({ id: last, ask, reference, faults, lookUps });
    });
}
