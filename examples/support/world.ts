import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a provider offers its callers; by itself it offers nothing. */
export interface Terms {
  /** It dedupes by the header `Idempotency-Key`. */
  readonly keys?: boolean;
  /** Its lookups lag: they see a write only once `catchUp` was called. */
  readonly lag?: boolean;
  /** It refuses a `Fencing-Token` that is older than one it has seen of the same `Request-Id`. */
  readonly fencing?: boolean;
}

/** What goes wrong with the next writes that match. */
export interface Cue {
  /** Fields of the entry. Default: any entry. */
  readonly where?: Readonly<Record<string, string>>;
  /** Default 1. */
  times?: number;
  /**
   * `lose_response`: written, and the connection breaks before the answer. `hold`: written, and the answer never comes.
   * `gateway_timeout`: written, and whoever stands in between answers 504. A number: refused with that HTTP status,
   * nothing written.
   */
  readonly fault: "lose_response" | "hold" | "gateway_timeout" | number;
}

// biome-ignore lint/suspicious/noExplicitAny: what is in it is the example's business
export type Entry = Readonly<Record<string, any>>;

/** One write that reached the provider. `effect` is false where it changed nothing: refused, or a known key. */
export interface Line {
  readonly book: string;
  readonly entry: Entry;
  readonly effect: boolean;
  readonly status: number;
}

export interface World {
  readonly url: string;
  /** For the files of this side; deleted at the end. */
  readonly folder: string;
  cue(...cues: Cue[]): Promise<void>;
  catchUp(): Promise<void>;
  /** Every write that reached the provider, from its ledger. */
  requests(book: string): readonly Line[];
  /** What has really happened, from its ledger. */
  effects<E extends Entry = Entry>(book: string): readonly E[];
  stop(): Promise<void>;
}

/** Starts a provider process with an empty ledger. */
export async function startWorld(terms: Terms): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-example-"));
  const ledger = join(folder, "ledger.jsonl");
  const child = fork(fileURLToPath(new URL("provider.ts", import.meta.url)), [ledger, JSON.stringify(terms)]);
  const [url] = (await once(child, "message")) as [string];
  const put = async (path: string, body?: unknown): Promise<void> => {
    await fetch(`${url}/${path}`, { method: "PUT", body: JSON.stringify(body ?? null) });
  };
  // The file itself, and not what the provider answers: the judge takes nobody's word.
  const requests = (book: string): Line[] =>
    readFileSync(ledger, "utf8")
      .split("\n")
      .slice(0, -1) // after the last line break there is nothing, or a line that is being written
      .map((text) => JSON.parse(text) as Line)
      .filter((line) => line.book === book);
  return {
    url,
    folder,
    cue: (...cues) => put("cues", cues),
    catchUp: () => put("index"),
    requests,
    effects: <E extends Entry>(book: string) =>
      requests(book)
        .filter((line) => line.effect)
        .map(({ entry }) => entry as E),
    stop: async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
