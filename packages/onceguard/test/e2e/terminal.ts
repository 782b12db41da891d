import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { onTestFinished } from "vitest";
import type { Folder } from "./cli.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const PATIENCE_MS = 60_000;

export interface TerminalOptions {
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** The real command line on a real (pseudo) terminal, as `script` of util-linux makes one. */
export class Terminal {
  readonly #child: ReturnType<typeof spawn>;
  readonly #ended: Promise<number | null>;
  #raw = "";
  #read = 0;

  constructor(folder: Folder, args: readonly string[], { columns = 80, env = {} }: TerminalOptions = {}) {
    const { CI: _c, NO_COLOR: _n, FORCE_COLOR: _f, ONCEGUARD_STORE: _s, ...inherited } = process.env;
    const command = [process.execPath, MAIN, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    // `script` takes the size of its own terminal, and it has none here.
    this.#child = spawn("script", ["-qec", `stty cols ${columns} rows 40; exec ${command}`, "/dev/null"], {
      cwd: folder.path,
      env: { ...inherited, TERM: "xterm-256color", ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#raw += text;
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", (code) => resolve(code)));
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  /** Everything shown so far, as bytes for the terminal. */
  get raw(): string {
    return this.#raw;
  }

  /** Everything shown so far, as one reads it. */
  get screen(): string {
    return stripVTControlCharacters(this.#raw).replaceAll("\r", "");
  }

  /** Waits until the text is shown, behind what an earlier call has waited for. */
  async sees(text: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const at = this.screen.indexOf(text, this.#read);
      if (at !== -1) {
        this.#read = at + text.length;
        return;
      }
      if (Date.now() > deadline) {
        throw new Error(`waited in vain for ${JSON.stringify(text)} in:\n${this.screen.slice(this.#read)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Types a line, or with `keys` just these keys. */
  types(line: string): void {
    this.keys(`${line}\r`);
  }

  keys(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits for the text, then types. */
  async answers(question: string, line: string): Promise<void> {
    await this.sees(question);
    this.types(line);
  }

  /** The exit code of the command. */
  async ends(): Promise<number | null> {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error(`still running:\n${this.screen}`)), PATIENCE_MS).unref();
    });
    return Promise.race([this.#ended, late]);
  }
}
