import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sibling } from "./sibling.ts";
import { referencesIn } from "./world-reference.ts";

/** What the outside world does with one request, instead of committing and answering. */
export type WorldFault =
  /** Commits, then cuts the connection. */
  | "lose_reply"
  /** Cuts the connection, and never does it. */
  | "drop_request"
  /** Commits, and whoever stands in between answers 504. */
  | "gateway_timeout"
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
export interface WorldEffect {
  /** From 1. */
  readonly number: number;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** The value of a JSON body, the fields of a form, the text of another. */
  readonly body: unknown;
  readonly key: string | null;
}

/**
 * The outside world, for tests that ask how often something really happened: a process of its own that writes every effect to
 * an fsynced file before it answers. It knows nothing of Onceguard. Whatever is not GET or HEAD is an effect, under whatever
 * path; requests that carry the same `Idempotency-Key` are one effect, and each that carries none is one.
 *
 * A `reference` is a text that a request says whole, as a step of its path or anywhere in its body. `GET /any/path/<reference>`
 * looks up the last effect that says it (404: there is none).
 */
export interface FlakyWorld {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** What happens to the next requests that say this reference, one after the other. */
  plan(reference: string, ...faults: WorldFault[]): Promise<void>;
  /** So many look-ups of this reference fail from now on, with 503. */
  hide(reference: string, lookUps: number): Promise<void>;
  /** Lets the held requests that say this reference go on. */
  release(reference: string): Promise<void>;
  /** Resolves when a request that says this reference is being held. */
  holding(reference: string): Promise<void>;
  /** How many requests (not look-ups) have come in that say this reference. */
  requests(reference: string): Promise<number>;
  /** The judge: the ledger as it is on the disk. */
  effects(reference?: string): readonly WorldEffect[];
  stop(): Promise<void>;
}

/** Options of `startFlakyWorld`. */
export interface FlakyWorldOptions {
  /** Whether it honours `Idempotency-Key`. Default true. */
  readonly keys?: boolean;
}

/**
 * Starts an outside world on a free port of this machine: it loses answers on request, and keeps a ledger of its
 * effects.
 */
export async function startFlakyWorld({ keys = true }: FlakyWorldOptions = {}): Promise<FlakyWorld> {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-world-"));
  const ledger = join(dir, "ledger.jsonl");
  const child = fork(sibling("flaky-world-process", import.meta.url), [ledger, String(keys)], { execArgv: [] });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  const ask = asking(child);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    plan: async (reference, ...faults) => void (await ask("plan", reference, faults)),
    hide: async (reference, lookUps) => void (await ask("hide", reference, [], lookUps)),
    release: async (reference) => void (await ask("release", reference)),
    holding: async (reference) => void (await ask("holding", reference)),
    requests: async (reference) => (await ask("requests", reference)) as number,
    effects: (reference) => {
      // What follows the last line break is being written at this moment.
      const lines = readFileSync(ledger, "utf8").split("\n").slice(0, -1);
      const all = lines.map((line) => JSON.parse(line) as WorldEffect);
      return reference === undefined ? all : all.filter(({ path, body }) => referencesIn(path, body).has(reference));
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
  return (ask: string, reference: string, faults: WorldFault[] = [], lookUps = 0): Promise<unknown> =>
    new Promise((resolve) => {
      open.set(++last, resolve);
      child.send({ id: last, ask, reference, faults, lookUps });
    });
}
