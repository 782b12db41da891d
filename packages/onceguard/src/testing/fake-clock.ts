import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../core/ports.ts";

/** Time that passes only when a test says so. */
export interface FakeClock extends Clock {
  /** The same time in ms since the epoch, for the `clock` option of a store. */
  readonly now: () => number;
  /**
   * Lets `ms` pass: every timer that comes due on the way fires at its own time, in order of time and then of creation.
   * What a timer sets off has a turn of the event loop to go on, before the next one fires.
   */
  advance(ms: number): Promise<void>;
  /** How long until the next timer fires; null when nothing waits for time. */
  nextInMs(): number | null;
}

interface Timer {
  readonly at: number;
  readonly fire: () => void;
}

/**
 * A clock that stands still until it is moved, with timers that follow it.
 *
 * @param startMs what `now()` says at the start, in ms since the epoch.
 */
export function fakeClock(startMs: number = Date.UTC(2026, 0, 1)): FakeClock {
  let elapsed = 0;
  const timers = new Set<Timer>(); // in order of creation, which decides between equal times
  let advancing: Promise<void> = Promise.resolve();

  const set = (ms: number, fire: () => void): Timer => {
    const timer = { at: elapsed + Math.max(0, ms), fire };
    timers.add(timer);
    return timer;
  };
  const next = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) if (first === undefined || timer.at < first.at) first = timer;
    return first;
  };
  const pass = async (ms: number): Promise<void> => {
    const end = elapsed + ms;
    await turn();
    for (let timer = next(); timer && timer.at <= end; timer = next()) {
      timers.delete(timer);
      elapsed = timer.at;
      timer.fire();
      await turn();
    }
    elapsed = end;
  };

  return {
    now: () => startMs + elapsed,
    monotonicMs: () => elapsed,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const done = (): void => {
          timers.delete(timer);
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const timer = set(ms, done);
        signal?.addEventListener("abort", done, { once: true });
      }),
    after: (ms, then) => {
      const timer = set(ms, then);
      return () => timers.delete(timer);
    },
    every: (ms, tick) => {
      // At least 1 ms apart, or time would never get past it.
      const again = (): Timer =>
        set(Math.max(1, ms), () => {
          timer = again();
          tick();
        });
      let timer = again();
      return () => timers.delete(timer);
    },
    advance: (ms) => {
      advancing = advancing.then(() => pass(ms));
      return advancing;
    },
    nextInMs: () => {
      const timer = next();
      return timer ? timer.at - elapsed : null;
    },
  };
}
