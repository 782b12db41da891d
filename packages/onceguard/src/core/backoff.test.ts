import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoffMs, DEFAULT_BACKOFF } from "./backoff.ts";

const almostOne = 1 - Number.EPSILON;

describe("backoffMs", () => {
  test("the bound doubles per attempt up to the cap", () => {
    const bounds = [1, 2, 3, 4, 8, 9, 10, 5_000].map((attempt) => backoffMs({ attempt, random: almostOne }) + 1);
    expect(bounds).toEqual([200, 400, 800, 1_600, 25_600, 30_000, 30_000, 30_000]);
  });

  test("full jitter: a draw of 0 waits not at all", () => {
    expect(backoffMs({ attempt: 7, random: 0 })).toBe(0);
  });

  test("base and cap can be set", () => {
    expect(backoffMs({ attempt: 1, random: 0.5, baseMs: 1_000 })).toBe(500);
    expect(backoffMs({ attempt: 9, random: 0.5, baseMs: 1_000, capMs: 4_000 })).toBe(2_000);
    expect(backoffMs({ attempt: 9_999, random: 0.5, baseMs: 0 })).toBe(0);
  });

  test("Retry-After is a floor even above the cap, and keeps the jitter", () => {
    expect(backoffMs({ attempt: 1, random: 0, retryAfterMs: 120_000 })).toBe(120_000);
    expect(backoffMs({ attempt: 1, random: 0.5, retryAfterMs: 120_000 })).toBe(120_100);
    expect(backoffMs({ attempt: 1, random: 0, retryAfterMs: 0.2 })).toBe(1);
    expect(backoffMs({ attempt: 1, random: 0, retryAfterMs: -5 })).toBe(0);
  });

  test("is always a whole number of milliseconds between the floor and the floor plus the cap", () => {
    const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), draw, fc.nat(600_000), (attempt, random, retryAfterMs) => {
        const ms = backoffMs({ attempt, random, retryAfterMs });
        expect(Number.isInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(retryAfterMs);
        expect(ms).toBeLessThan(retryAfterMs + DEFAULT_BACKOFF.capMs);
      }),
    );
  });
});
