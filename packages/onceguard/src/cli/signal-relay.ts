import type { ChildProcess } from "node:child_process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/**
 * Signals of this process are for the command it guards: dying first would leave the command's outcome in doubt. Once
 * the command has ended, or when there is none, `whenIdle` stops the guard.
 */
export class SignalRelay {
  readonly #whenIdle: () => void;
  #child: ChildProcess | null = null;
  stopping = false;

  constructor(whenIdle: () => void) {
    this.#whenIdle = whenIdle;
    for (const signal of SIGNALS) process.on(signal, this.#relay);
  }

  passTo(child: ChildProcess | null): void {
    this.#child = child;
    if (!this.stopping) return;
    if (child === null) this.#whenIdle();
    else child.kill("SIGTERM"); // told to stop just before it was started
  }

  end(): void {
    for (const signal of SIGNALS) process.off(signal, this.#relay);
  }

  readonly #relay = (signal: NodeJS.Signals): void => {
    // A terminal sends Ctrl-C to the command as well; twice is what many programs take for "at once, unclean".
    const sentToBoth = !this.stopping && process.stdin.isTTY && signal !== "SIGTERM";
    this.stopping = true;
    if (this.#child === null) this.#whenIdle();
    else if (!sentToBoth) this.#child.kill(signal);
  };
}
