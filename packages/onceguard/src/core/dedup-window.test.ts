import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dedupVerdict, defaultDedupWindow, type EarlierEffect } from "./dedup-window.ts";

const HOUR = 3_600_000;
const now = 1_000 * HOUR;
const rule = { windowMs: 24 * HOUR };
const ago = (requestId: string, hours: number): EarlierEffect => ({ requestId, at: now - hours * HOUR });
const ask = (...earlier: EarlierEffect[]) => ({ requestId: "new", now, earlier });

describe("dedupVerdict", () => {
  test("the first effect on a record is allowed", () => {
    expect(dedupVerdict(rule, ask())).toEqual({ verdict: "allow" });
  });

  test("another request inside the window is skipped, with a pointer to the earlier one", () => {
    expect(dedupVerdict(rule, ask(ago("first", 6)))).toEqual({ verdict: "skip", earlierRequestId: "first" });
  });

  test("the window is half open: an effect exactly one window ago no longer blocks", () => {
    expect(dedupVerdict(rule, ask({ requestId: "first", at: now - rule.windowMs + 1 }))).toMatchObject({
      verdict: "skip",
    });
    expect(dedupVerdict(rule, ask(ago("first", 24)))).toEqual({ verdict: "allow" });
  });

  test("the same request id is not a loop", () => {
    expect(dedupVerdict(rule, ask(ago("new", 1)))).toEqual({ verdict: "allow" });
  });

  test('windowMs "none" switches the filter off', () => {
    expect(dedupVerdict({ windowMs: "none" }, ask(ago("first", 0)))).toEqual({ verdict: "allow" });
  });

  test("hold instead of skip, pointing to the latest", () => {
    expect(dedupVerdict({ ...rule, behaviour: "hold" }, ask(ago("a", 3), ago("b", 1), ago("c", 2)))).toEqual({
      verdict: "hold",
      earlierRequestId: "b",
    });
  });

  test("limit n allows n requests per window, however many effects each of them had", () => {
    const limited = { ...rule, limit: 3 };
    expect(dedupVerdict(limited, ask(ago("a", 3), ago("b", 2), ago("b", 1)))).toEqual({ verdict: "allow" });
    expect(dedupVerdict(limited, ask(ago("a", 3), ago("b", 2), ago("c", 1)))).toEqual({
      verdict: "skip",
      earlierRequestId: "c",
    });
    expect(dedupVerdict(limited, ask(ago("a", 30), ago("b", 2), ago("c", 1)))).toEqual({ verdict: "allow" });
  });

  test("an effect from a clock that is ahead still blocks", () => {
    expect(dedupVerdict(rule, ask(ago("first", -1)))).toEqual({ verdict: "skip", earlierRequestId: "first" });
  });

  test("blocks exactly when `limit` other requests took effect inside the window", () => {
    const effect = fc.record({
      requestId: fc.constantFrom("new", "a", "b", "c", "d"),
      at: fc.integer({ min: -20, max: 20 }),
    });
    fc.assert(
      fc.property(
        fc.array(effect),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 25 }),
        (earlier, limit, windowMs) => {
          const answer = dedupVerdict({ windowMs, limit }, { requestId: "new", now: 5, earlier });
          const others = new Set(
            earlier.filter((e) => e.requestId !== "new" && e.at + windowMs > 5).map((e) => e.requestId),
          );
          expect(answer.verdict).toBe(others.size >= limit ? "skip" : "allow");
          if (answer.verdict !== "allow") expect(others).toContain(answer.earlierRequestId);
        },
      ),
    );
  });
});

test("the default window is 24 h on the lower rungs and unanswered on the upper ones", () => {
  expect(defaultDedupWindow("host_call")).toBe(24 * HOUR);
  expect(defaultDedupWindow("content")).toBe(24 * HOUR);
  expect(defaultDedupWindow("business_key")).toBeUndefined();
  expect(defaultDedupWindow("explicit")).toBeUndefined();
});
