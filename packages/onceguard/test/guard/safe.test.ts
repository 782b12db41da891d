import { describe, expect, test } from "vitest";
import { type ActionOptions, defineAction, type EffectContext } from "../../src/core/action.ts";
import { testGuard } from "../support/guard.ts";

/** An action that only looks, over a world that answers as it is told, the last answer for good. */
function looks(
  answers: readonly (() => unknown)[],
  more: Partial<ActionOptions<"look", object, object, unknown>> = {},
) {
  const asked: EffectContext[] = [];
  const look = defineAction({
    name: "look",
    riskTier: "safe",
    retry: { base: 1_000, cap: 4_000, maxAttempts: 3 },
    ...more,
    execute: async (_payload: object, context: EffectContext) => {
      asked.push(context);
      return answers[Math.min(asked.length, answers.length) - 1]?.();
    },
  });
  return { look, asked };
}

const busy = (headers?: object) => () => {
  throw Object.assign(new Error("busy"), { status: 429, ...(headers === undefined ? {} : { headers }) });
};
const wrong = () => {
  throw Object.assign(new Error("no such thing"), { status: 404 });
};
const found = () => "found";

describe("tier safe", () => {
  test("tries a transient failure again by itself, with one key for all attempts", async () => {
    const { look, asked } = looks([busy(), busy(), found]);
    const { guard, settle, clock } = testGuard([look]);
    const began = clock.monotonicMs();
    expect(await settle(guard.execute("look", {}, { wait: "1m" }))).toMatchObject({
      status: "executed",
      result: "found",
    });
    expect(asked.map(({ attemptNumber }) => attemptNumber)).toEqual([1, 2, 3]);
    expect(new Set(asked.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    // Base 1 s, then twice that, of which the draw takes 0.999.
    expect(clock.monotonicMs() - began).toBe(999 + 1_998);
  });

  test("ends as failed with the last attempt that its policy allows", async () => {
    const { look, asked } = looks([busy()]);
    const { guard, settle } = testGuard([look]);
    expect(await settle(guard.execute("look", {}, { wait: "1m" }))).toMatchObject({
      status: "failed",
      receipt: null,
      failure: { code: "http_429", tier: "transient" },
    });
    expect(asked).toHaveLength(3);
  });

  test("does not ask twice for what is no passing trouble", async () => {
    const { look, asked } = looks([wrong, found]);
    const { guard, settle } = testGuard([look]);
    expect(await settle(guard.execute("look", {}, { wait: "1m" }))).toMatchObject({
      status: "failed",
      failure: { code: "http_404" },
    });
    expect(asked).toHaveLength(1);
  });

  test("waits as long as the other side asks for", async () => {
    const { look, asked } = looks([busy({ "retry-after": "20" }), found]);
    const { guard, settle, clock } = testGuard([look]);
    const began = clock.monotonicMs();
    expect(await settle(guard.execute("look", {}, { wait: "1m" }))).toMatchObject({ status: "executed" });
    expect(clock.monotonicMs() - began).toBe(20_000 + 999);
    expect(asked).toHaveLength(2);
  });

  test.each([
    ["just inside", 999, "executed", 2],
    ["just outside", 998, "failed", 1],
  ])("a pause that ends %s the caller's patience", async (_where, wait, status, times) => {
    const { look, asked } = looks([busy(), found]);
    const { guard, settle } = testGuard([look]);
    expect(await settle(guard.execute("look", {}, { wait }))).toMatchObject({ status });
    expect(asked).toHaveLength(times);
  });

  test("a caller who leaves is not tried for again, and the effect is told", async () => {
    const leaving = new AbortController();
    const { look, asked } = looks([
      () => {
        leaving.abort(new Error("gone"));
        throw Object.assign(new Error("busy"), { status: 429 });
      },
      found,
    ]);
    const { guard, settle } = testGuard([look]);
    expect(await settle(guard.execute("look", {}, { wait: "1m", signal: leaving.signal }))).toMatchObject({
      status: "failed",
    });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.signal.aborted).toBe(true);
  });

  test("is told which attempt of which run it is, and never has a claim", async () => {
    const { look, asked } = looks([found]);
    const { guard } = testGuard([look]);
    await guard.execute("look", {}, { runId: "run-1", tenant: "acme" });
    await guard.execute("look", {});
    expect(asked).toMatchObject([
      { tenant: "acme", runId: "run-1", attemptNumber: 1, fencingToken: 0, recordId: null },
      { runId: null, attemptNumber: 1, fencingToken: 0, recordId: null },
    ]);
    expect(await guard.receipts({})).toEqual([]);
  });
});
