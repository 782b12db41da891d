import { describe, expect, test } from "vitest";
import type { Outcome } from "../core/outcome.ts";
import type { Receipt } from "../core/receipt.ts";
import { atOnce } from "./at-once.ts";
import { sha256, tenantHmac } from "./digest.ts";
import { nextCause } from "./next-cause.ts";
import { payloadFor, payloadOf } from "./payload-of.ts";
import { stateText } from "./record-state.ts";
import { storedResult } from "./stored-result.ts";
import { systemClock, systemRandomness } from "./system-clock.ts";
import { unwrap } from "./unwrap.ts";

describe("work on many items", () => {
  const run = async (limit: number, items: number) => {
    let running = 0;
    let most = 0;
    const answers = await atOnce(limit, [...Array(items).keys()], async (item) => {
      most = Math.max(most, ++running);
      // Later items are done sooner.
      for (let turns = items - item; turns > 0; turns--) await Promise.resolve();
      running -= 1;
      return item * 10;
    });
    return { answers, most };
  };

  test.each([
    [3, 10, 3],
    [10, 3, 3],
    [1, 4, 1],
    [4, 0, 0],
  ])("at most %i of %i side by side: %i; the answers come in the order of the items", async (limit, items, most) => {
    expect(await run(limit, items)).toEqual({ most, answers: [...Array(items).keys()].map((item) => item * 10) });
  });

  test("the first failure is everybody's", async () => {
    const failing = atOnce(2, [1, 2, 3], async (item) => {
      if (item === 2) throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
  });
});

describe("a result for the record", () => {
  const loop: { self?: object } = {};
  loop.self = loop;
  const privacy = { redact: [["card"]], encrypt: [], subject: null } as const;

  test.each<[string, unknown, unknown]>([
    ["nothing is nothing", undefined, null],
    ["null is a result", null, { json: "null" }],
    ["a value is its JSON", { id: 1, at: new Date(0) }, { json: '{"id":1,"at":"1970-01-01T00:00:00.000Z"}' }],
    ["a function is none", () => 1, { omitted: "not_json" }],
    ["nor is what contains itself", loop, { omitted: "not_json" }],
    ["nor is a big number", 1n, { omitted: "not_json" }],
  ])("%s", (_what, value, stored) => {
    expect(storedResult(value, 1_000, null)).toEqual(stored);
  });

  test("is as long as it may be, in bytes and not in characters", () => {
    expect(storedResult("é".repeat(4), 10, null)).toEqual({ json: '"éééé"' });
    expect(storedResult("é".repeat(4), 9, null)).toEqual({ omitted: "too_large" });
  });

  test("is without what is redacted", () => {
    expect(storedResult({ card: "4111", id: 1 }, 1_000, privacy)).toEqual({ json: '{"card":"[redacted]","id":1}' });
    expect(storedResult({ b: 1, a: 2 }, 1_000, { ...privacy, redact: [] })).toEqual({ json: '{"b":1,"a":2}' });
  });

  test("what a record looks like is canonical, and one that is not there is null", () => {
    expect(stateText({ b: 1, a: 2 }, 1_000, null)).toEqual({ json: '{"a":2,"b":1}' });
    expect(stateText(undefined, 1_000, null)).toEqual({ json: "null" });
    expect(stateText("x".repeat(99), 9, null)).toEqual({ omitted: "too_large" });
    expect(stateText(() => 1, 9, null)).toEqual({ omitted: "not_json" });
  });
});

describe("unwrap", () => {
  const outcome = (more: object) => ({ requestId: "r", receipt: null, ...more }) as Outcome<string>;

  test.each(["executed", "replayed"])("gives the result of what is %s", (status) => {
    expect(unwrap(outcome({ status, result: "done" }))).toBe("done");
  });

  test.each([
    [{ status: "denied", reason: "frozen" }, 'Request "r" is denied: frozen'],
    [{ status: "failed", failure: { message: "no funds" } }, 'Request "r" is failed: no funds'],
    [{ status: "in_doubt", failure: null }, 'Request "r" is in_doubt'],
    [{ status: "in_progress" }, 'Request "r" is in_progress'],
  ])("throws for %j, with the whole outcome", (more, message) => {
    const error = { code: "outcome_not_success", message, fields: { outcome: outcome(more) } };
    expect(() => unwrap(outcome(more))).toThrow(expect.objectContaining(error));
  });
});

describe("why the next attempt is made", () => {
  const record = (more: Partial<Receipt>) =>
    ({ state: "retry_wait", attemptNumber: 1, reason: null, ...more }) as Receipt;

  test.each<[string, Partial<Receipt>, string]>([
    ["the first one is the first, whoever asks", { attemptNumber: 0, reason: "ada: try again" }, "first"],
    ["a person's decision leaves its reason", { reason: "ada: try again" }, "human"],
    ["elsewhere a reason is none", { state: "in_doubt", reason: "x" }, "sweeper"],
    ["otherwise it is what the asker says", {}, "sweeper"],
  ])("%s", (_what, more, cause) => {
    expect(nextCause(record(more), "sweeper")).toBe(cause);
  });
});

describe("the payload that is executed", () => {
  const record = (payload: string | null) => ({ payload }) as Receipt;
  const action = (canonical: string, recorded = canonical) => ({ canonical, recorded, definition: {} as never });

  test("is a copy for every use, or null where it has been forgotten", () => {
    const receipt = record('{"a":1}');
    expect(payloadOf(receipt)).toEqual({ a: 1 });
    expect(payloadOf(receipt)).not.toBe(payloadOf(receipt));
    expect(payloadOf(record(null))).toBeNull();
  });

  test("is the recorded one, unless the record lacks something that the caller has", () => {
    expect(payloadFor(action('{"a":2}'), record('{"a":1}'))).toEqual({ a: 1 });
    expect(payloadFor(action('{"a":2}', '{"a":"[redacted]"}'), record('{"a":"[redacted]"}'))).toEqual({ a: 2 });
    expect(payloadFor(action('{"a":2}'), record(null))).toEqual({ a: 2 });
  });
});

test("digests are SHA-256, and keyed by tenant under the store's secret", () => {
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const digests = [tenantHmac("secret", "a"), tenantHmac("secret", "b"), tenantHmac("other", "a")].map((hmac) =>
    hmac("x"),
  );
  expect(new Set(digests).size).toBe(3);
  expect(tenantHmac("secret", "a")("x")).toBe(digests[0]);
});

describe("the process's own clock", () => {
  test("a sleep ends with its signal, also with one that was aborted before", async () => {
    const leaving = new AbortController();
    const sleeping = systemClock.sleep(2 ** 40, leaving.signal);
    leaving.abort();
    await sleeping;
    await systemClock.sleep(2 ** 40, leaving.signal);
  });

  test("a sleep ends by itself, and what is set for later can be called off", async () => {
    const fired: string[] = [];
    const off = systemClock.after(1, () => fired.push("called off"));
    off();
    systemClock.after(1, () => fired.push("after"));
    // A longer time than a timer can be set for is not at once.
    const far = systemClock.after(2 ** 40, () => fired.push("far"));
    const stop = systemClock.every(1, () => fired.push("tick"));
    const before = systemClock.monotonicMs();
    while (!fired.includes("tick") || !fired.includes("after")) await systemClock.sleep(1);
    stop();
    far();
    const ticks = fired.length;
    await systemClock.sleep(5);
    expect(fired).toHaveLength(ticks);
    expect(fired).not.toContain("called off");
    expect(fired).not.toContain("far");
    expect(systemClock.monotonicMs()).toBeGreaterThan(before);
  });

  test("tokens do not repeat", () => {
    expect(systemRandomness.token()).not.toBe(systemRandomness.token());
    expect(systemRandomness.random()).toBeLessThan(1);
  });
});
