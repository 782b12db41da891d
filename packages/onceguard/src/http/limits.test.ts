import { describe, expect, it } from "vitest";
import { checkedLimits, DEFAULT_HTTP_LIMITS, Turnstile } from "./limits.ts";

describe("the turnstile", () => {
  it("lets in so many per second on average, and twice as many at once", () => {
    let now = 0;
    const turnstile = new Turnstile({ ...DEFAULT_HTTP_LIMITS, ratePerSecond: 2 }, () => now);
    const enter = (): boolean => {
      const place = turnstile.enter("a", false);
      if ("leave" in place) place.leave();
      return "leave" in place;
    };
    expect([enter(), enter(), enter(), enter(), enter()]).toEqual([true, true, true, true, false]);
    expect(turnstile.enter("a", false)).toEqual({ refused: "rate_limited", againInMs: 500 });
    now = 500;
    expect([enter(), enter()]).toEqual([true, false]);
    now = 100_000;
    expect([enter(), enter(), enter(), enter(), enter()]).toEqual([true, true, true, true, false]);
    expect("leave" in turnstile.enter("b", false)).toBe(true); // another key's use is its own
  });

  it("counts what runs, by key and altogether, and gives back each place once", () => {
    const turnstile = new Turnstile({ ...DEFAULT_HTTP_LIMITS, maxConcurrentPerKey: 2, maxConcurrent: 3 });
    const [one, two] = [turnstile.enter("a", false), turnstile.enter("a", false)];
    expect(turnstile.enter("a", false)).toMatchObject({ refused: "too_busy" });
    expect(turnstile.enter("b", false)).toHaveProperty("leave");
    expect(turnstile.enter("c", false)).toMatchObject({ refused: "too_busy" });
    if ("leave" in one) {
      one.leave();
      one.leave();
    }
    expect(turnstile.running).toBe(2);
    expect(turnstile.enter("a", false)).toHaveProperty("leave");
    expect(turnstile.enter("c", false)).toMatchObject({ refused: "too_busy" });
    expect(two).toHaveProperty("leave");
  });

  it("does not remember everybody who ever came, but whoever still owes it something", () => {
    let now = 0;
    const turnstile = new Turnstile({ ...DEFAULT_HTTP_LIMITS, ratePerSecond: 1 }, () => now);
    const come = (key: string): void => {
      const place = turnstile.enter(key, false);
      if ("leave" in place) place.leave();
    };
    turnstile.enter("stays", false);
    for (let i = 0; i < 9_999; i++) come(`user-${i}`);
    come("too soon");
    expect(turnstile.remembered).toBe(10_001);
    now = 10_000;
    come("late");
    expect(turnstile.remembered).toBe(2);
    expect(turnstile.running).toBe(1);
  });

  it("streams have a limit of their own, and take no place from requests", () => {
    const limits = { ...DEFAULT_HTTP_LIMITS, maxStreamsPerKey: 1, maxConcurrent: 1 };
    const turnstile = new Turnstile(limits);
    const stream = turnstile.enter("a", true);
    expect(turnstile.enter("a", true)).toMatchObject({ refused: "too_busy" });
    expect(turnstile.enter("a", false)).toHaveProperty("leave");
    if ("leave" in stream) stream.leave();
    expect(turnstile.enter("a", true)).toHaveProperty("leave");
  });
});

it.each([
  { maxBodyBytes: 0 },
  { ratePerSecond: -1 },
  { maxDepth: Number.NaN },
  { maxConcurrent: "7" },
  { maxBodyByte: 10 },
])("limits that cannot be meant: %j", (limits) => {
  expect(() => checkedLimits(limits as never)).toThrowError(expect.objectContaining({ code: "invalid_option" }));
});
