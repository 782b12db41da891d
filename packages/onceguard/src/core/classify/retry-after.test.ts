import { describe, expect, test } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER = "Sun, 06 Nov 1994 08:49:57 GMT";
const now = Date.parse(DATE);

describe("where the header is found", () => {
  test.each<[string, object]>([
    ["response.headers, plain (axios, Octokit)", { response: { headers: { "retry-after": "2" } } }],
    ["response.headers, Headers (ky)", { response: { headers: new Headers({ "Retry-After": "2" }) } }],
    ["response, a Response", { response: new Response("", { headers: { "Retry-After": "2" } }) }],
    ["headers, plain (Stripe, undici)", { headers: { "retry-after": "2" } }],
    ["headers, in any case", { headers: { "RETRY-After": "2" } }],
    ["headers, Headers (OpenAI)", { headers: new Headers({ "retry-after": "2" }) }],
    ["headers, a Map", { headers: new Map([["retry-after", "2"]]) }],
    ["headers, a Map in another case", { headers: new Map([["Retry-After", "2"]]) }],
    ["$response.headers (AWS)", { $response: { headers: { "retry-after": "2" } } }],
    ["the first that has it", { response: { headers: {} }, headers: { "retry-after": "2" } }],
    ["several values", { headers: { "retry-after": ["2", "9"] } }],
    ["a number", { headers: { "retry-after": 2 } }],
    ["spaces around", { headers: { "retry-after": " 2 " } }],
  ])("%s", (_where, error) => expect(retryAfterMs(error)).toBe(2_000));
});

describe("what it says", () => {
  const headers = (given: Record<string, string>) => ({ headers: given });

  test.each<[string, object, number | undefined]>([
    ["no time", headers({ "retry-after": "0" }), 0],
    ["a part of a second", headers({ "retry-after": "0.25" }), 250],
    ["a part of a ms is rounded up", headers({ "retry-after-ms": "1.2" }), 2],
    ["ms go before seconds", headers({ "retry-after-ms": "1500", "retry-after": "1" }), 1_500],
    ["ms that are none do not", headers({ "retry-after-ms": "soon", "retry-after": "1" }), 1_000],
    ["the error's own goes before all", { retryAfterMs: 7, headers: { "retry-after": "1" } }, 7],
    ["the error's own, if it is a time", { retryAfterMs: -1, headers: { "retry-after": "1" } }, 1_000],
    ["negative", headers({ "retry-after": "-1" }), undefined],
    ["a word", headers({ "retry-after": "soon" }), undefined],
    ["empty", headers({ "retry-after": "" }), undefined],
    ["endless", headers({ "retry-after": "9".repeat(400) }), 31_536_000_000],
    ["more than a year", { retryAfterMs: Number.POSITIVE_INFINITY }, 31_536_000_000],
    ["nothing", {}, undefined],
    ["no error at all", undefined as unknown as object, undefined],
  ])("%s", (_name, error, ms) => expect(retryAfterMs(error)).toBe(ms));

  test("a date counts from the response's own Date, else from now, else from nothing", () => {
    expect(retryAfterMs(headers({ "retry-after": LATER, date: DATE }))).toBe(20_000);
    expect(retryAfterMs(headers({ "retry-after": LATER, date: DATE }), now + 5_000)).toBe(20_000);
    expect(retryAfterMs(headers({ "retry-after": LATER }), now + 5_000)).toBe(15_000);
    expect(retryAfterMs(headers({ "retry-after": LATER, date: "yesterday" }), now)).toBe(20_000);
    expect(retryAfterMs(headers({ "retry-after": LATER }))).toBeUndefined();
  });

  test("a date that has passed is no wait", () => {
    expect(retryAfterMs(headers({ "retry-after": DATE, date: LATER }))).toBe(0);
  });

  test("what cannot be read says nothing", () => {
    const get = () => {
      throw new Error("gotcha");
    };
    expect(retryAfterMs({ headers: { get } })).toBeUndefined();
  });
});
