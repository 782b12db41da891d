import type { Outcome } from "../core/outcome.ts";
import type { Clock } from "../core/ports.ts";

/** One caller's patience: until when it waits for an answer (monotonic ms), and the signal by which it leaves. */
export interface Patience {
  readonly until: number;
  readonly signal: AbortSignal | undefined;
}

interface Waiting {
  readonly patience: Patience;
  readonly answer: (answer: Outcome | null | PromiseLike<never>) => void;
}

/**
 * A call that this process is working on. Duplicates join it instead of asking the store. There may be very many of
 * them, so that all share one timer and one look at the outcome.
 */
export class Flight {
  readonly fingerprint: string;
  readonly outcome: Promise<Outcome>;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #cancelAlarm: (() => void) | null = null;
  #alarmAt = Number.POSITIVE_INFINITY;
  #landed = false;

  constructor(clock: Clock, fingerprint: string, outcome: Promise<Outcome>) {
    this.#clock = clock;
    this.fingerprint = fingerprint;
    this.outcome = outcome;
    outcome.then(
      (known) => this.#land(() => known),
      (error: unknown) => this.#land(() => Promise.reject(error)),
    );
  }

  /** The outcome; null when the caller's patience ends first. */
  join(patience: Patience): Promise<Outcome | null> {
    const { until, signal } = patience;
    if (signal?.aborted) return Promise.resolve(null);
    if (this.#landed) return this.outcome;
    return new Promise((answer) => {
      this.#waiting.add(signal === undefined ? { patience, answer } : this.#leavingBy(signal, patience, answer));
      if (until < this.#alarmAt) this.#setAlarm(until);
    });
  }

  #leavingBy(signal: AbortSignal, patience: Patience, answer: Waiting["answer"]): Waiting {
    const leave = (): void => this.#answer(waiting, null);
    const waiting: Waiting = {
      patience,
      answer: (given) => {
        signal.removeEventListener("abort", leave);
        answer(given);
      },
    };
    signal.addEventListener("abort", leave);
    return waiting;
  }

  #land(answer: () => Outcome | Promise<never>): void {
    this.#landed = true;
    for (const waiting of this.#waiting) this.#answer(waiting, answer());
  }

  #answer(waiting: Waiting, answer: Outcome | null | Promise<never>): void {
    if (!this.#waiting.delete(waiting)) return;
    waiting.answer(answer);
    if (this.#waiting.size === 0) this.#clearAlarm();
  }

  #setAlarm(at: number): void {
    this.#clearAlarm();
    if (at === Number.POSITIVE_INFINITY) return;
    this.#alarmAt = at;
    this.#cancelAlarm = this.#clock.after(Math.max(0, at - this.#clock.monotonicMs()), () => this.#ring());
  }

  #clearAlarm(): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = null;
    this.#alarmAt = Number.POSITIVE_INFINITY;
  }

  #ring(): void {
    const now = this.#clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const waiting of this.#waiting) {
      const { until } = waiting.patience;
      if (until <= now) this.#answer(waiting, null);
      else next = Math.min(next, until);
    }
    this.#setAlarm(next);
  }
}
