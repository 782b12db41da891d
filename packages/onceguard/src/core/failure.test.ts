import { describe, expect, test } from "vitest";
import { classifyFailure, effectError, type Failure, type FailureTier, messageOf, routeOf } from "./failure.ts";

const coded = (code: string, more: object = {}) => Object.assign(new Error(`failed with ${code}`), { code, ...more });
const status = (code: number, more: object = {}) =>
  Object.assign(new Error(`answered ${code}`), { status: code, ...more });

describe("by HTTP status", () => {
  test.each<[number, "definite" | "indefinite", FailureTier | null]>([
    [400, "definite", "validation"],
    [401, "definite", "security"],
    [402, "definite", null],
    [403, "definite", "security"],
    [404, "definite", null],
    [405, "definite", null],
    [409, "definite", "conflict"],
    [410, "definite", null],
    [412, "definite", "conflict"],
    [413, "definite", null],
    [415, "definite", null],
    [422, "definite", "validation"],
    [429, "definite", "transient"],
    // They say nothing about the effect.
    [406, "indefinite", null],
    [408, "indefinite", null],
    [425, "indefinite", null],
    [499, "indefinite", null],
    // A gateway answers these for an upstream that has done it.
    [500, "indefinite", "transient"],
    [502, "indefinite", "transient"],
    [503, "indefinite", "transient"],
    [504, "indefinite", "transient"],
    [599, "indefinite", "transient"],
  ])("%i is %s, %s", (code, certainty, tier) => {
    expect(classifyFailure(status(code))).toEqual({
      certainty,
      tier,
      code: `http_${code}`,
      message: `answered ${code}`,
    });
  });

  test("an action may declare more statuses as not done, and keeps their tier", () => {
    expect(classifyFailure(status(503), [503])).toMatchObject({ certainty: "definite", tier: "transient" });
    expect(classifyFailure(status(408), [503])).toMatchObject({ certainty: "indefinite" });
    expect(classifyFailure(status(408), [408])).toMatchObject({ certainty: "definite", tier: null });
    expect(classifyFailure(status(409), [])).toMatchObject({ certainty: "definite", tier: "conflict" });
  });

  test.each<[string, object]>([
    ["status", { status: 409 }],
    ["statusCode", { statusCode: 409 }],
    ["response.status (axios, ky)", { response: { status: 409 } }],
    ["response.statusCode (got)", { response: { statusCode: 409 } }],
    ["$metadata.httpStatusCode (AWS)", { $metadata: { httpStatusCode: 409 } }],
    ["the first that is one", { status: "409", statusCode: 200, response: { status: 409 } }],
  ])("is read from %s", (_where, shape) => {
    expect(classifyFailure(shape)).toMatchObject({ code: "http_409", certainty: "definite" });
  });

  test.each([200, 302, 399, 600, 409.5, Number.NaN, "409", null])("%j is no HTTP error", (value) => {
    expect(classifyFailure({ status: value, message: "x" })).toMatchObject({
      certainty: "indefinite",
      code: "unclassified",
    });
  });

  test("goes before a network code", () => {
    expect(classifyFailure(status(500, { code: "ECONNREFUSED" }))).toMatchObject({ certainty: "indefinite" });
  });

  test("retryAfterMs is kept where it is a time", () => {
    expect(classifyFailure(status(429, { retryAfterMs: 1_500 })).retryAfterMs).toBe(1_500);
    expect(classifyFailure(status(429, { retryAfterMs: 0 })).retryAfterMs).toBe(0);
    for (const retryAfterMs of [-1, Number.NaN, "5", undefined]) {
      expect(classifyFailure(status(429, { retryAfterMs }))).not.toHaveProperty("retryAfterMs");
    }
  });
});

describe("by network code", () => {
  test.each([
    "ECONNREFUSED",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EAI_FAIL",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "UND_ERR_CONNECT_TIMEOUT",
    "ERR_INVALID_URL",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "CERT_HAS_EXPIRED",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  ])("%s: never sent", (code) => {
    expect(classifyFailure(coded(code))).toEqual({
      certainty: "definite",
      tier: "transient",
      code,
      message: `failed with ${code}`,
    });
  });

  test.each([
    "ECONNRESET",
    "EPIPE",
    "ETIMEDOUT",
    "UND_ERR_SOCKET",
    "UND_ERR_HEADERS_TIMEOUT",
    "ABORT_ERR",
    "EWHATEVER",
  ])("%s: may have happened", (code) => {
    expect(classifyFailure(coded(code))).toMatchObject({ certainty: "indefinite", tier: "transient", code });
  });

  test("the code of a cause counts, as fetch gives it", () => {
    const fetchFailed = (cause: unknown) => new TypeError("fetch failed", { cause });
    expect(classifyFailure(fetchFailed(coded("ECONNREFUSED")))).toEqual({
      certainty: "definite",
      tier: "transient",
      code: "ECONNREFUSED",
      message: "fetch failed",
    });
    expect(classifyFailure(fetchFailed(fetchFailed(coded("ENOTFOUND")))).code).toBe("ENOTFOUND");
    expect(classifyFailure(fetchFailed(coded("ECONNRESET"))).certainty).toBe("indefinite");
  });

  test("an error's own code goes before its cause's: a reset after a refused first try may have happened", () => {
    expect(classifyFailure(coded("ECONNRESET", { cause: coded("ECONNREFUSED") })).certainty).toBe("indefinite");
  });

  test("several addresses tried: definite only when every one of them was never reached", () => {
    const tried = (...codes: string[]) =>
      Object.assign(new AggregateError(codes.map((c) => coded(c))), { code: codes[0] });
    expect(classifyFailure(tried("ECONNREFUSED", "ENETUNREACH"))).toMatchObject({
      certainty: "definite",
      code: "ECONNREFUSED",
    });
    expect(classifyFailure(tried("ECONNREFUSED", "ETIMEDOUT")).certainty).toBe("indefinite");
    expect(classifyFailure(new AggregateError([])).certainty).toBe("indefinite");
  });

  test("a cause that leads to itself ends", () => {
    const loop = new Error("loop");
    loop.cause = loop;
    expect(classifyFailure(loop)).toMatchObject({ certainty: "indefinite", code: "unclassified" });
  });
});

describe("an unknown error is never definite", () => {
  const throwing = {
    get message(): string {
      throw new Error("gotcha");
    },
  };
  test.each<[string, unknown, string]>([
    ["an error", new Error("boom"), "boom"],
    ["a text", "boom", "boom"],
    ["nothing", undefined, "undefined"],
    ["null", null, "null"],
    ["a number", 409, "409"],
    ["a symbol", Symbol("s"), "Symbol(s)"],
    ["a plain object", { message: "boom" }, "boom"],
    ["an object without a message", { message: 5 }, "[object Object]"],
    ["an object without a prototype", Object.create(null), "an error that has no text"],
    ["an object that cannot be read", throwing, "an error that has no text"],
  ])("%s", (_name, error, message) => {
    expect(classifyFailure(error)).toEqual({
      certainty: "indefinite",
      tier: "transient",
      code: "unclassified",
      message,
    });
  });

  test("its message is cut at a length that fits a receipt", () => {
    expect(messageOf(new Error("x".repeat(1_000)))).toBe("x".repeat(1_000));
    expect(messageOf(new Error("x".repeat(1_001)))).toBe(`${"x".repeat(1_000)}…`);
  });
});

describe("who says what it means", () => {
  const said: Failure = { certainty: "definite", tier: "conflict", code: "already_shipped", message: "shipped" };

  test("the effect itself, by effectError, with its cause", () => {
    const cause = new Error("inner");
    const error = effectError(said, { cause });
    expect(error).toBeInstanceOf(Error);
    expect([error.message, error.cause]).toEqual(["shipped", cause]);
    expect(classifyFailure(error)).toEqual(said);
    expect(classifyFailure(Object.assign(error, { status: 500 }))).toEqual(said);
  });

  test("the action's classifier first of all, and the built-in one where it has no opinion", () => {
    const classify = (error: unknown) => (error === "mine" ? said : undefined);
    expect(classifyFailure("mine", [], classify)).toEqual(said);
    expect(classifyFailure(status(409), [], classify).code).toBe("http_409");
    expect(classifyFailure(effectError({ ...said, code: "other" }), [], () => said)).toEqual(said);
  });

  test("a classifier that fails has no opinion", () => {
    const broken = () => {
      throw new TypeError("error.response is undefined");
    };
    expect(classifyFailure(status(500), [], broken)).toMatchObject({ certainty: "indefinite", code: "http_500" });
  });
});

test("routeOf names the person by tier, and nobody where the answer is simply no", () => {
  expect((["transient", "validation", "conflict", "security", null] as const).map(routeOf)).toEqual([
    "operator",
    "data_owner",
    "domain_expert",
    "security",
    null,
  ]);
});
