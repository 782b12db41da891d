import type { Clock } from "../../src/core/ports.ts";
import type { Guard } from "../../src/pipeline/guard.ts";
import type { Happening, Owner, Timeline, Turn } from "./timeline.ts";

/** When something befalls a process: at which of its own events, of those that are such a turn. */
export interface Moment {
  readonly turn: Turn;
  readonly count: number;
  readonly mishap: Mishap;
}

/** What befalls a process. */
export type Mishap =
  | { readonly kind: "crash" }
  /** Frozen: its timers and whatever it is answered have to wait. */
  | { readonly kind: "pause"; readonly ms: number }
  /** Its clock says that so much more time has passed. */
  | { readonly kind: "jump"; readonly ms: number }
  /** Told to stop, and has its period of grace. */
  | { readonly kind: "close" };

/** When this life last saw that no halt was in force against a request. */
export interface Look {
  readonly at: number;
  /** By the last look before the dispatch; else by the claim itself. */
  readonly last: boolean;
  deliveredAt: number | null;
  /** How well its age can be known: a claim that is asked for again is as old as the store's clock says. */
  readonly slackMs: number;
}

/** One life of a process, from its start to its crash or its end; then a new one knows nothing of it. */
export class Life implements Owner {
  readonly name: string;
  alive = true;
  /** Takes no new work any more. */
  closing = false;
  pausedUntil = 0;
  /** How far its clock is from virtual time: every process counts from a start of its own. */
  skewMs: number;
  readonly timers = new Set<Happening>();
  readonly looks = new Map<string, Look>();
  /** Renewals whose answer comes in just now: when they were asked for. */
  readonly renewedNow: { at: number; readonly askedAt: number[] } = { at: 0, askedAt: [] };
  /** Sends whose promise has not settled, by request. */
  readonly pending = new Map<string, number>();
  readonly #moments: readonly Moment[];
  readonly #counts: Record<Turn, number> = { claimed: 0, answered: 0, other: 0 };
  #tokens = 0;
  #guard: Guard | null = null;

  constructor(name: string, skewMs: number, moments: readonly Moment[]) {
    this.name = name;
    this.skewMs = skewMs;
    this.#moments = moments;
  }

  get guard(): Guard {
    return this.#guard as Guard;
  }

  set guard(guard: Guard) {
    this.#guard = guard;
  }

  /** What befalls it at the event that comes now, if anything. */
  mishap(turn: Turn): Mishap | undefined {
    if (this.#moments.length === 0) return undefined;
    const count = ++this.#counts[turn];
    return this.#moments.find((moment) => moment.turn === turn && moment.count === count)?.mishap;
  }

  token(): string {
    return `${this.name}-${++this.#tokens}`;
  }
}

/** The clock of a process: virtual time from a start of its own, with timers that end with the process. */
export function clockOf(timeline: Timeline, life: Life): Clock {
  const set = (ms: number, fire: () => void): Happening => {
    const timer = timeline.in(ms, life, () => {
      life.timers.delete(timer);
      fire();
    });
    life.timers.add(timer);
    return timer;
  };
  const clear = (timer: Happening): void => {
    timer.off = true;
    life.timers.delete(timer);
  };
  return {
    monotonicMs: () => timeline.now + life.skewMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const done = (): void => {
          clear(timer);
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const timer = set(ms, done);
        signal?.addEventListener("abort", done, { once: true });
      }),
    after: (ms, then) => {
      const timer = set(ms, then);
      return () => clear(timer);
    },
    every: (ms, tick) => {
      const again = (): Happening =>
        set(Math.max(1, ms), () => {
          timer = again();
          tick();
        });
      let timer = again();
      return () => clear(timer);
    },
  };
}
