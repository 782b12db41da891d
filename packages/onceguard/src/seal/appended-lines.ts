import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";

/** Where a line is in its file, in bytes and without the line break. */
export interface Place {
  readonly start: number;
  readonly length: number;
}

const CHUNK = 1 << 20;

/** A file of lines that only grows. A look goes on where the last one ended; a line without its end is not there yet. */
export class AppendedLines {
  readonly #path: string;
  readonly #onLine: (text: string, place: Place) => void;
  readonly #onReplaced: () => void;
  #at = 0;
  #file: number | null = null;

  /** @param onReplaced the file is another one, or has become shorter: what was told of it is void. */
  constructor(path: string, onLine: (text: string, place: Place) => void, onReplaced: () => void) {
    this.#path = path;
    this.#onLine = onLine;
    this.#onReplaced = onReplaced;
  }

  /** Reads a piece of what is new; true: there is more. A long log is read in pieces, so that others have their turn. */
  look(): boolean {
    if (!existsSync(this.#path)) {
      this.#startOver(null);
      return false;
    }
    return this.#withFile((file) => {
      const { ino, size } = fstatSync(file);
      if (ino !== this.#file || size < this.#at) this.#startOver(ino);
      const from = this.#at;
      const bytes = Buffer.alloc(Math.min(CHUNK, size - from));
      const read = readSync(file, bytes, 0, bytes.length, from);
      this.#tell(bytes.subarray(0, read));
      if (this.#at === from && read === CHUNK) throw new Error(`${this.#path} has a line without an end`);
      return from + read < size;
    });
  }

  read({ start, length }: Place): string {
    return this.#withFile((file) => {
      const bytes = Buffer.alloc(length);
      return bytes.toString("utf8", 0, readSync(file, bytes, 0, length, start));
    });
  }

  #tell(bytes: Buffer): void {
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      const length = end - from;
      this.#onLine(bytes.toString("utf8", from, end), { start: this.#at, length });
      this.#at += length + 1;
      from = end + 1;
    }
  }

  #startOver(file: number | null): void {
    if (this.#file !== null) this.#onReplaced();
    [this.#file, this.#at] = [file, 0];
  }

  #withFile<T>(work: (file: number) => T): T {
    const file = openSync(this.#path, "r");
    try {
      return work(file);
    } finally {
      closeSync(file);
    }
  }
}
