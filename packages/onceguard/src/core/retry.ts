import { backoffMs } from "./backoff.ts";
import type { Failure } from "./failure.ts";
import type { Receipt } from "./receipt.ts";

/** When a request stops trying. The budget belongs to the request, not to a call or a process. */
export interface RetryPolicy {
  /** Attempts in all, the first included. Default 5. */
  readonly maxAttempts: number;
  /** Time since the first claim, or since a person had it tried again, after which nothing more is started, in ms. Default 15 minutes. */
  readonly maxElapsedMs: number;
  /** First backoff, in ms. Default 200. */
  readonly baseMs: number;
  /** Longest backoff, in ms. Default 30 seconds. */
  readonly capMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 5, maxElapsedMs: 900_000, baseMs: 200, capMs: 30_000 };

/** What `maxElapsedMs` limits, by the store's clock. */
export function elapsedMs(receipt: Receipt): number {
  return receipt.readAt - receipt.generationAt;
}

/** Whether attempts and time are left, by the store's clock. */
export function hasBudget(receipt: Receipt, policy: RetryPolicy): boolean {
  // What was never tried has used up nothing, however long it was held, queued, or lost in an older backup.
  if (receipt.attemptNumber === 0) return true;
  return receipt.attemptNumber < policy.maxAttempts && elapsedMs(receipt) < policy.maxElapsedMs;
}

/** How long to wait before the next attempt; null when the budget is used up. `random` is in [0, 1). */
export function retryInMs(
  receipt: Receipt,
  failure: Failure | null,
  policy: RetryPolicy,
  random: number,
): number | null {
  if (!hasBudget(receipt, policy)) return null;
  if (receipt.attemptNumber === 0) return 0;
  const { baseMs, capMs } = policy;
  const wait = backoffMs({
    attempt: receipt.attemptNumber,
    baseMs,
    capMs,
    random,
    ...(failure?.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
  });
  const left = policy.maxElapsedMs - elapsedMs(receipt);
  return wait < left ? wait : null;
}
