import { FRAME_LIMITS, ID_WITHIN } from "../frame.ts";

/** A line as it came, or the two ends of one that is too long to be kept. */
export type Line = { readonly text: string } | { readonly head: string; readonly tail: string };

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines. A line over the limit is dropped while it arrives, whatever its length, and the
 * connection goes on with the next one: one mad message must not take the others' answers with it.
 */
export class LineReader {
  #chunks: Buffer[] = [];
  #size = 0;
  #head: string | null = null;
  #tail: Buffer = Buffer.alloc(0);
  readonly #limit: number;

  constructor(limit: number = FRAME_LIMITS.maxBytes) {
    this.#limit = limit;
  }

  *push(chunk: Buffer): Generator<Line> {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, at));
      from = at + 1;
      const line = this.#take();
      if (line !== null) yield line;
    }
    if (from < chunk.length) this.#add(chunk.subarray(from));
  }

  #add(part: Buffer): void {
    this.#size += part.length;
    if (this.#head === null && this.#size <= this.#limit) {
      this.#chunks.push(part);
      return;
    }
    if (this.#head === null) {
      const kept = Buffer.concat(this.#chunks);
      this.#head = Buffer.concat([kept.subarray(0, ID_WITHIN), part])
        .subarray(0, ID_WITHIN)
        .toString("utf8");
      this.#tail = kept.subarray(-ID_WITHIN);
      this.#chunks = [];
    }
    this.#tail = Buffer.concat([this.#tail, part.subarray(-ID_WITHIN)]).subarray(-ID_WITHIN);
  }

  #take(): Line | null {
    const line: Line =
      this.#head === null
        ? { text: Buffer.concat(this.#chunks).toString("utf8").replace(/\r$/, "") }
        : { head: this.#head, tail: this.#tail.toString("utf8") };
    this.#chunks = [];
    this.#size = 0;
    this.#head = null;
    this.#tail = Buffer.alloc(0);
    return "text" in line && line.text.trim() === "" ? null : line;
  }
}
