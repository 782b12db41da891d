import { write } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const writeAsync = promisify(write);

/**
 * Passes a command's output on while it runs. Not through `process.stdout`, whose writes to a terminal or a pipe block
 * the whole process: a reader who pauses (`| less`, Ctrl-S) must not keep the lease from being renewed.
 */
export class LiveOutput {
  readonly #fd: number;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(fd: 1 | 2) {
    this.#fd = fd;
  }

  /** Resolves when the bytes are written, or when there is nobody left to read them. */
  write(bytes: Uint8Array): Promise<void> {
    this.#last = this.#last.then(() => this.#writeAll(bytes));
    return this.#last;
  }

  flush(): Promise<void> {
    return this.#last;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0 && !this.#closed; ) {
      try {
        const { bytesWritten } = await writeAsync(this.#fd, rest);
        rest = rest.subarray(bytesWritten);
      } catch (error) {
        // Somebody made the descriptor non-blocking and the reader is slow; anything else: the reader has gone.
        if ((error as { code?: string }).code === "EAGAIN") await sleep(10);
        else this.#closed = true;
      }
    }
  }
}
