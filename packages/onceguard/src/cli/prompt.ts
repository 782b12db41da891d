import { createInterface, type Interface } from "node:readline";

/**
 * Questions on a terminal, one line each. What was typed before a question was put does not answer it: a key pressed
 * twice must not become the reason for a decision.
 */
export class Prompt {
  readonly #lines: Interface;
  #answer: ((line: string | null) => void) | null = null;
  #ended = false;

  constructor() {
    this.#lines = createInterface({ input: process.stdin, output: process.stdout, historySize: 0 });
    this.#lines.on("line", (line) => this.#settle(line));
    // Ctrl-C and Ctrl-D both mean that nothing more is decided.
    this.#lines.on("SIGINT", () => this.#lines.close());
    this.#lines.on("close", () => {
      this.#ended = true;
      this.#settle(null);
    });
  }

  /** The line, trimmed; null when whoever was asked has gone. */
  async ask(question: string): Promise<string | null> {
    await new Promise((resolve) => setImmediate(resolve)); // what is waiting in the terminal comes in, and is dropped
    if (this.#ended) return null;
    this.#lines.setPrompt(question);
    const answer = new Promise<string | null>((resolve) => {
      this.#answer = resolve;
    });
    this.#lines.prompt();
    return answer;
  }

  close(): void {
    this.#lines.close();
  }

  #settle(line: string | null): void {
    const answer = this.#answer;
    this.#answer = null;
    answer?.(line === null ? null : line.trim());
  }
}
