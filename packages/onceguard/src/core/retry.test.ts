import { describe, expect, test } from "vitest";
import type { Failure } from "./failure.ts";
import type { Receipt } from "./receipt.ts";
import { DEFAULT_RETRY, elapsedMs, hasBudget, type RetryPolicy, retryInMs } from "./retry.ts";

const policy: RetryPolicy = { maxAttempts: 3, maxElapsedMs: 10_000, baseMs: 100, capMs: 1_000 };
const almostOne = 1 - Number.EPSILON;

/** A record in its nth attempt, that long after its generation began. */
function record(attemptNumber: number, elapsed = 0): Receipt {
  return { attemptNumber, createdAt: 0, generationAt: 5_000, readAt: 5_000 + elapsed } as Receipt;
}
const asks = (retryAfterMs: number): Failure => ({
  certainty: "definite",
  tier: "transient",
  code: "http_429",
  message: "",
  retryAfterMs,
});

test("the defaults of semantics.md", () => {
  expect(DEFAULT_RETRY).toEqual({ maxAttempts: 5, maxElapsedMs: 900_000, baseMs: 200, capMs: 30_000 });
});

test("time counts from the generation, by the store's clock, so that a person's retry has a budget of its own", () => {
  expect(elapsedMs(record(1, 1_234))).toBe(1_234);
});

describe("hasBudget", () => {
  test.each([
    [1, 0, true],
    [2, 9_999, true],
    [3, 0, false],
    [4, 0, false],
    [1, 10_000, false],
    [1, 10_001, false],
  ])("attempt %i after %i ms: %s", (attempt, elapsed, left) => {
    expect(hasBudget(record(attempt, elapsed), policy)).toBe(left);
  });

  test("one attempt means no retry", () => {
    expect(hasBudget(record(1), { ...policy, maxAttempts: 1 })).toBe(false);
  });
});

describe("what was never tried has used up nothing", () => {
  // Held for a week, queued over a weekend, or lost in an older backup: all of them are attempt 0.
  test.each([0, 9_999, 10_000, 1e12])("after %i ms there is a budget, and nothing to wait for", (elapsed) => {
    expect(hasBudget(record(0, elapsed), policy)).toBe(true);
    expect(retryInMs(record(0, elapsed), null, policy, almostOne)).toBe(0);
    expect(retryInMs(record(0, elapsed), asks(60_000), policy, almostOne)).toBe(0);
  });

  test("not even where the policy leaves no retry", () => {
    const once = { ...policy, maxAttempts: 1, maxElapsedMs: 0 };
    expect(hasBudget(record(0), once)).toBe(true);
    expect(retryInMs(record(0), null, once, 0)).toBe(0);
    expect(hasBudget(record(1), once)).toBe(false);
  });
});

describe("retryInMs", () => {
  test("backs off by the number of the attempt, with full jitter", () => {
    expect(retryInMs(record(1), null, policy, 0)).toBe(0);
    expect(retryInMs(record(1), null, policy, almostOne)).toBe(99);
    expect(retryInMs(record(2), null, policy, 0.5)).toBe(100);
    expect(retryInMs(record(9), null, { ...policy, maxAttempts: 99 }, almostOne)).toBe(999);
  });

  test("nothing after the last attempt or the last moment", () => {
    expect(retryInMs(record(3), null, policy, 0)).toBeNull();
    expect(retryInMs(record(1, 10_000), null, policy, 0)).toBeNull();
  });

  test("honours what the other side asked for, beyond the cap too", () => {
    expect(retryInMs(record(1), asks(4_000), policy, 0.5)).toBe(4_050);
    expect(retryInMs(record(1), { ...asks(0), certainty: "indefinite" }, policy, 0.5)).toBe(50);
  });

  test("a wait that would end after the budget is not begun", () => {
    expect(retryInMs(record(1, 6_000), asks(3_999), policy, 0)).toBe(3_999);
    expect(retryInMs(record(1, 6_000), asks(4_000), policy, 0)).toBeNull();
    expect(retryInMs(record(1), asks(Number.POSITIVE_INFINITY), policy, 0)).toBeNull();
  });
});
