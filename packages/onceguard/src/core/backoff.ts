/** The defaults, as in docs/failures.md. `capMs` bounds the exponential part only, never what the server asked for. */
export const DEFAULT_BACKOFF: { readonly baseMs: number; readonly capMs: number } = { baseMs: 200, capMs: 30_000 };

export interface BackoffInput {
  /** Number of the attempt that just failed, from 1. */
  readonly attempt: number;
  /** Upper bound of the wait after the first attempt, in milliseconds; it doubles per attempt. Default 200. */
  readonly baseMs?: number | undefined;
  /** Largest upper bound, in milliseconds. Default 30 000. */
  readonly capMs?: number | undefined;
  /** A uniform draw from [0, 1). */
  readonly random: number;
  /** The server's `Retry-After`, in milliseconds: a floor, even above the cap. Default 0. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Milliseconds to wait before the next attempt: exponential backoff with full jitter, a uniform draw from
 * [0, min(cap, base * 2^(attempt - 1))). The draw is added on top of `Retry-After`: with the larger of the two, every
 * client that was told the same number would come back in the same millisecond.
 */
export function backoffMs(input: BackoffInput): number {
  const { attempt, random, baseMs = DEFAULT_BACKOFF.baseMs, capMs = DEFAULT_BACKOFF.capMs, retryAfterMs = 0 } = input;
  const bound = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 52));
  return Math.max(0, Math.ceil(retryAfterMs)) + Math.floor(random * bound);
}
