import type { Status } from "../../src/core/outcome.ts";
import type { Capability, State } from "../../src/core/receipt.ts";

/** What a caller was told of a request, reduced to what every other answer about it can be held against. */
export interface Answer {
  /** Of `execute`; null for a receipt that was read. */
  readonly status: Status | null;
  /** Of the record as told; `absent`: there is none; null: nothing was said about the record. */
  readonly state: State | "absent" | null;
  readonly fence: number;
  readonly version: number;
  /** The number of the effect in the world's ledger; null: no result was told. */
  readonly effect: number | null;
}

/**
 * One call by one process. `from` and `to` are nanoseconds of the monotonic clock that all processes of a machine share,
 * taken before the call was made and after it had returned. Whoever is killed leaves it open: `to` is Infinity.
 */
export interface Call {
  readonly requestId: string;
  readonly kind: "execute" | "receipt";
  /** Who called: one life of one process. */
  readonly by: string;
  readonly from: number;
  to: number;
  answer: Answer | null;
  /** It ended with an exception. */
  thrown: string | null;
}

/** Something that happened outside, between two moments; the ledger of a database table cannot say which: 0 and Infinity. */
export interface Happened {
  readonly requestId: string;
  readonly number: number;
  /** Of the attempt that sent it; 0 where the ledger does not say. */
  readonly fence: number;
  readonly from: number;
  readonly to: number;
}

/** All that is known of one request. */
export interface History {
  readonly requestId: string;
  readonly capability: Capability;
  readonly calls: readonly Call[];
  readonly effects: readonly Happened[];
}

export function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}

/** A line that a process writes before and after each call. What SIGKILL cut off is the beginning of one, at the end. */
export type HistoryLine =
  | { readonly id: number; readonly kind: Call["kind"]; readonly requestId: string; readonly at: number }
  | { readonly id: number; readonly at: number; readonly answer: Answer }
  | { readonly id: number; readonly at: number; readonly thrown: string };

/** Puts the lines of one life together. */
export class LifeReader {
  readonly #by: string;
  readonly #open = new Map<number, Call>();
  #rest = "";

  constructor(by: string) {
    this.#by = by;
  }

  get openCalls(): number {
    return this.#open.size;
  }

  /** @returns the calls that were begun, and how many have ended. */
  read(chunk: string): { readonly begun: readonly Call[]; readonly ended: number } {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    const begun: Call[] = [];
    let ended = 0;
    for (const text of lines) {
      const line = JSON.parse(text) as HistoryLine;
      if ("kind" in line) {
        const { id, kind, requestId, at } = line;
        const call: Call = {
          requestId,
          kind,
          by: this.#by,
          from: at,
          to: Number.POSITIVE_INFINITY,
          answer: null,
          thrown: null,
        };
        this.#open.set(id, call);
        begun.push(call);
        continue;
      }
      const call = this.#open.get(line.id);
      if (call === undefined) throw new Error(`${this.#by} ended a call that it had not begun: ${text}`);
      this.#open.delete(line.id);
      call.to = line.at;
      if ("answer" in line) call.answer = line.answer;
      else call.thrown = line.thrown;
      ended++;
    }
    return { begun, ended };
  }
}
