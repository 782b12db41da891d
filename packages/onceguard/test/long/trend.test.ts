import { expect, it } from "vitest";
import { seededRandom } from "../../src/testing/lost-ack-proxy.ts";
import { trendOf } from "./trend.ts";

const MB = 2 ** 20;
const HEAP = { relative: 0.05, absolute: MB };
const WINDOWS = 32;

/** Windows of a run, with noise as a collector leaves it. */
function windows(valueAt: (window: number) => number, noise: number, seed = 1): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: WINDOWS }, (_, n) => valueAt(n) + (random() - 0.5) * noise);
}

const SEEDS = Array.from({ length: 50 }, (_, n) => n);

it("steady: no growth, whatever the noise", () => {
  for (const seed of SEEDS)
    expect(
      trendOf(
        windows(() => 40 * MB, 8 * MB, seed),
        HEAP,
      ).grows,
    ).toBe(false);
});

it("planted: a leak of 100 bytes per call, at 200 calls per second and 15 seconds per window, under 2 MB of noise", () => {
  for (const seed of SEEDS) {
    const trend = trendOf(
      windows((n) => 40 * MB + n * 100 * 200 * 15, 2 * MB, seed),
      HEAP,
    );
    expect(trend.grows).toBe(true);
    expect(trend.growth / MB).toBeGreaterThan(7);
    expect(trend.growth / MB).toBeLessThan(11);
    expect(trend.low).toBeLessThan(trend.growth);
    expect(trend.high).toBeGreaterThan(trend.growth);
  }
});

it("planted: a leak that begins halfway", () => {
  const late = windows((n) => 40 * MB + Math.max(0, n - WINDOWS / 2) * MB, MB);
  expect(trendOf(late, HEAP).grows).toBe(true);
});

it("planted: a median latency that doubles as the store grows", () => {
  const slower = windows((n) => 2 + (2 * n) / WINDOWS, 0.5);
  expect(trendOf(slower, { relative: 0.25, absolute: 0.5 }).grows).toBe(true);
});

it("a spike, a saw and a fall are no growth", () => {
  expect(
    trendOf(
      windows((n) => (n === 20 ? 400 : 40) * MB, MB),
      HEAP,
    ).grows,
  ).toBe(false);
  expect(
    trendOf(
      windows((n) => (40 + (n % 5) * 4) * MB, MB),
      HEAP,
    ).grows,
  ).toBe(false);
  expect(
    trendOf(
      windows((n) => (60 - n) * MB, MB),
      HEAP,
    ).grows,
  ).toBe(false);
});

it("growth that is real and tolerated is told, and no verdict", () => {
  const trend = trendOf(
    windows((n) => 40 * MB + n * 0.02 * MB, 0.05 * MB),
    HEAP,
  );
  expect(trend.low).toBeGreaterThan(0);
  expect(trend.grows).toBe(false);
});

it("refuses to judge a few windows", () => {
  expect(() => trendOf([1, 2, 3], HEAP)).toThrow("at least 8");
});
