import { OnceguardError } from "../core/errors.ts";
import type { JsonLimits } from "../core/strict-json.ts";

/** What one caller, and all of them together, may use. */
export interface HttpLimits {
  /** Largest body, in bytes. Default 1.25 MiB: a payload at the guard's own limit, and what is around it. */
  readonly maxBodyBytes: number;
  /** Deepest nesting of a body. Default 66: the guard's own limit of 64, and what is around it. */
  readonly maxDepth: number;
  /** Requests per second and key, on average; twice as many at once. Default 0: no limit. */
  readonly ratePerSecond: number;
  /** Requests of one key at the same time. Default 256. */
  readonly maxConcurrentPerKey: number;
  /** Requests of all keys at the same time. Default 1024. */
  readonly maxConcurrent: number;
  /** Event streams of one key at the same time. Default 8. */
  readonly maxStreamsPerKey: number;
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  maxBodyBytes: 1_310_720,
  maxDepth: 66,
  ratePerSecond: 0,
  maxConcurrentPerKey: 256,
  maxConcurrent: 1_024,
  maxStreamsPerKey: 8,
};

/** @throws OnceguardError `invalid_option` */
export function checkedLimits(given: Partial<HttpLimits>): HttpLimits {
  const limits = { ...DEFAULT_HTTP_LIMITS, ...given };
  for (const [option, value] of Object.entries(limits)) {
    const isKnown = Object.hasOwn(DEFAULT_HTTP_LIMITS, option);
    const least = option === "ratePerSecond" ? 0 : 1;
    if (isKnown && typeof value === "number" && Number.isFinite(value) && value >= least) continue;
    const problem = isKnown ? `it must be a number from ${least}` : "there is no such limit";
    throw new OnceguardError("invalid_option", `limits.${option}: ${problem}.`, { option: `limits.${option}` });
  }
  return limits;
}

export function jsonLimits({ maxBodyBytes, maxDepth }: HttpLimits): JsonLimits {
  return { maxBytes: maxBodyBytes, maxDepth };
}

/** A place among the requests that run, to be given back; or why there is none, and when to come again. */
export type Admission =
  | { readonly leave: () => void }
  | { readonly refused: "rate_limited" | "too_busy"; readonly againInMs: number };

interface Use {
  running: number;
  streams: number;
  /** Requests that may still come at once, as of `at`. */
  tokens: number;
  at: number;
}

/** Beyond this many, those that have done nothing for long enough are forgotten: callers may be anybody's users. */
const MOST_KEYS = 10_000;

/** Counts what runs and what came, by key. */
export class Turnstile {
  readonly #limits: HttpLimits;
  readonly #now: () => number;
  readonly #uses = new Map<string, Use>();
  #running = 0;

  /** @param now in ms, never going back */
  constructor(limits: HttpLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  get running(): number {
    return this.#running;
  }

  enter(key: string, isStream: boolean): Admission {
    const { ratePerSecond, maxConcurrent, maxConcurrentPerKey, maxStreamsPerKey } = this.#limits;
    const burst = Math.max(1, ratePerSecond * 2);
    const now = this.#now();
    if (this.#uses.size >= MOST_KEYS && !this.#uses.has(key)) this.#forgetIdle(now, burst);
    const use = this.#uses.get(key) ?? { running: 0, streams: 0, tokens: burst, at: now };
    this.#uses.set(key, use);
    if (ratePerSecond > 0) {
      use.tokens = Math.min(burst, use.tokens + ((now - use.at) / 1_000) * ratePerSecond);
      use.at = now;
      if (use.tokens < 1) return { refused: "rate_limited", againInMs: ((1 - use.tokens) / ratePerSecond) * 1_000 };
    }
    const isFull = isStream
      ? use.streams >= maxStreamsPerKey
      : use.running >= maxConcurrentPerKey || this.#running >= maxConcurrent;
    if (isFull) return { refused: "too_busy", againInMs: 1_000 };
    if (ratePerSecond > 0) use.tokens -= 1;
    // A stream does no work: it has a limit of its own, and takes no place from those that do.
    if (isStream) use.streams += 1;
    else {
      use.running += 1;
      this.#running += 1;
    }
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      if (isStream) use.streams -= 1;
      else {
        use.running -= 1;
        this.#running -= 1;
      }
    };
    return { leave };
  }

  /** Nothing of theirs is under way, and they could send as much as they ever may: nothing is lost with them. */
  #forgetIdle(now: number, burst: number): void {
    const { ratePerSecond } = this.#limits;
    for (const [key, { running, streams, tokens, at }] of this.#uses) {
      const isFull = tokens + ((now - at) / 1_000) * ratePerSecond >= burst;
      if (running === 0 && streams === 0 && (ratePerSecond === 0 || isFull)) this.#uses.delete(key);
    }
  }

  get remembered(): number {
    return this.#uses.size;
  }
}
