import { describe, expect, test } from "vitest";
import {
  classifyFailure,
  didNotHappen,
  effectError,
  type Failure,
  type FailureTier,
  messageOf,
  routeOf,
} from "./failure.ts";

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
    "UND_ERR_CONNECT_TIMEOUT",
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
    expect(classifyFailure(tried("ECONNREFUSED", "EAI_AGAIN"))).toMatchObject({
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

/** As the SDKs leave them, each with something that would be a rejection if it were the whole story. */
const metadata = (entries: Record<string, unknown[]> = {}) => ({
  get: (key: string) => entries[key] ?? [],
  getMap: () => ({}),
});
const grpc = (code: number, details: string, more: object = {}) =>
  Object.assign(new Error(`${code} X: ${details}`), { code, details, metadata: metadata(), ...more });
const stripe = (type: string, more: object = {}) =>
  Object.assign(new Error("x"), { type, raw: {}, rawType: "x", statusCode: 400, requestId: "r", headers: {}, ...more });
const sql = (code: string, severity = "ERROR") => coded(code, { severity, routine: "exec_stmt" });
const aws = (name: string, httpStatusCode: number, more: object = {}) =>
  Object.assign(new Error("x"), { name, $fault: "client", $metadata: { httpStatusCode, attempts: 1 }, ...more });
const fetchFailed = (cause: unknown) => new TypeError("fetch failed", { cause });

describe("must be indefinite", () => {
  test.each<[string, unknown]>([
    ["a reset while reading", coded("ECONNRESET", { syscall: "read" })],
    ["a hang-up", coded("ECONNRESET")],
    ["a time-out while reading", coded("ETIMEDOUT", { syscall: "read" })],
    ["a time-out of unknown phase", coded("ETIMEDOUT")],
    ["a route lost while reading", coded("EHOSTUNREACH", { syscall: "read" })],
    ["a route lost in an unknown phase", coded("EHOSTUNREACH")],
    ["a refused code from a read", coded("ECONNREFUSED", { syscall: "read" })],
    ["a broken pipe", coded("EPIPE", { syscall: "write" })],
    ["TLS that broke later", coded("ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC")],
    ["TLS 1.3 without the client's certificate", coded("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED")],
    ["EPROTO alone", coded("EPROTO", { syscall: "write" })],
    ["undici's socket error", coded("UND_ERR_SOCKET")],
    ["no headers in time", coded("UND_ERR_HEADERS_TIMEOUT")],
    ["no body in time", coded("UND_ERR_BODY_TIMEOUT")],
    ["undici's abort", coded("UND_ERR_ABORTED")],
    ["an answer that is no HTTP", coded("HPE_INVALID_CONSTANT")],
    ["an address in the answer that cannot be read", coded("ERR_INVALID_URL")],
    ["a redirect that leads nowhere", fetchFailed(coded("ERR_INVALID_URL"))],
    ["a fetch that was cut off", new TypeError("terminated", { cause: coded("ECONNREFUSED") })],
    ["fetch failed for no reason", new TypeError("fetch failed")],
    ["one address of two that answered", fetchFailed(new AggregateError([coded("ECONNREFUSED"), coded("EPIPE")]))],
    ["a never-sent code over a cause that was sent", coded("ECONNREFUSED", { cause: coded("ECONNRESET") })],
    ["a wrapper that says something else", new Error("paid, not told", { cause: coded("ECONNREFUSED") })],
    ["a wrapper around a rejection", new Error("paid, not stored", { cause: sql("23505") })],
    ["an abort", Object.assign(new Error("x"), { name: "AbortError", cause: coded("ECONNREFUSED") })],
    ["an abort with a status", status(409, { name: "AbortError" })],
    ["a time-out with a status", status(409, { name: "TimeoutError" })],
    ["a platform abort", new DOMException("This operation was aborted", "AbortError")],
    ["a platform time-out", new DOMException("The operation was aborted due to timeout", "TimeoutError")],
    ["a server's failure", status(500)],
    ["a gateway's", status(502)],
    ["even with Retry-After", status(503, { headers: { "retry-after": "1" } })],
    ["a request time-out", status(408)],
    ["two statuses that disagree", status(400, { response: { status: 502 } })],
    ["a rejection after a redirect", status(404, { response: { redirected: true } })],
    [
      "a rejection after the SDK's retry",
      aws("ValidationException", 400, { $metadata: { httpStatusCode: 400, attempts: 2 } }),
    ],
    ["never sent, after the SDK's retry", coded("ECONNREFUSED", { $metadata: { attempts: 3 } })],
    [
      "throttled, after the SDK's retry",
      aws("ThrottlingException", 400, { $metadata: { httpStatusCode: 400, attempts: 3 } }),
    ],
    ["AWS: still in progress", aws("TransactionInProgressException", 400)],
    ["AWS: the token was used before", aws("IdempotentParameterMismatchException", 400)],
    ["AWS: S3's time-out with status 400", aws("RequestTimeout", 400)],
    ["AWS: a fault of the server with status 400", aws("InternalFailure", 400, { $fault: "server" })],
    ["AWS: throttling that calls itself 500", aws("X", 500, { $retryable: { throttling: true } })],
    ["Stripe: the key was used before", stripe("StripeIdempotencyError")],
    ["Stripe: the key is in use", stripe("StripeAPIError", { statusCode: 409, code: "idempotency_key_in_use" })],
    [
      "Stripe: a failure, whatever it advises",
      stripe("StripeAPIError", { statusCode: 500, headers: { "stripe-should-retry": "true" } }),
    ],
    ["Stripe: an answer that cannot be read", stripe("StripeAPIError", { statusCode: undefined })],
    [
      "Stripe: refused after a retry",
      stripe("StripeConnectionError", {
        statusCode: undefined,
        detail: coded("ECONNREFUSED"),
        message: "An error occurred with our connection to Stripe. Request was retried 1 times.",
      }),
    ],
    ...[1, 2, 4, 8, 10, 12, 13, 14, 15].map((code): [string, unknown] => [`gRPC ${code}`, grpc(code, "x")]),
    ["gRPC: a rejection after a retry", grpc(3, "x", { metadata: metadata({ "grpc-previous-rpc-attempts": ["1"] }) })],
    [
      "gRPC: a rejection that gax may have retried",
      grpc(3, "x", { note: "Exception occurred in retry method that was not classified as transient" }),
    ],
    ["gRPC: a code without the shape", coded("x", { code: 5 })],
    ["gRPC: a code and details on something else", coded("x", { code: 5, details: "x", metadata: new Map() })],
    ["gRPC: a code that there is not", grpc(17, "x")],
    ["gRPC: a code in the shape of a text", grpc("5" as unknown as number, "x")],
    ...["08006", "08003", "57P01", "57P02", "40003", "58030", "XX000", "25P02", "99999"].map(
      (code): [string, unknown] => [`SQLSTATE ${code}`, sql(code)],
    ),
    ["SQL: an end of the connection", sql("40001", "FATAL")],
    ["SQL: a crash", sql("23505", "PANIC")],
    ["SQL: a code without the shape", coded("23505")],
    ["SQL: a code and a severity of something else", coded("23505", { severity: "high" })],
    ["axios-retry", status(409, { config: { "axios-retry": { retryCount: 1 } } })],
    ["an empty object", {}],
    ["nothing", undefined],
  ])("%s", (_name, error) => {
    expect(classifyFailure(error).certainty).toBe("indefinite");
  });
});

test("the same shapes are definite where nothing contradicts it, so that the table above tests something", () => {
  for (const error of [
    coded("ETIMEDOUT", { syscall: "connect" }),
    fetchFailed(new AggregateError([coded("ECONNREFUSED"), coded("ENETUNREACH", { syscall: "connect" })])),
    status(400, { response: { status: 409 } }),
    status(404, { response: { redirected: false } }),
    aws("ValidationException", 400),
    stripe("StripeInvalidRequestError"),
    grpc(3, "x"),
    sql("23505"),
    status(409, { config: { "axios-retry": { retryCount: 0 } } }),
  ]) {
    expect(classifyFailure(error).certainty, String(error)).toBe("definite");
  }
});

describe("hostile errors", () => {
  const throwing = () => {
    throw new Error("gotcha");
  };
  const everythingThrows = new Proxy({}, { get: throwing, has: throwing, ownKeys: throwing, getPrototypeOf: throwing });

  test("a proxy that throws at every touch is merely unknown", () => {
    expect(classifyFailure(everythingThrows)).toEqual({
      certainty: "indefinite",
      tier: "transient",
      code: "unclassified",
      message: "an error that has no text",
    });
  });

  test.each(["$metadata", "metadata", "response", "cause", "config", "request", "code", "name", "headers"])(
    "what cannot be read proves nothing: %s",
    (key) => {
      for (const error of [
        status(409),
        coded("ECONNREFUSED"),
        sql("23505"),
        grpc(3, "x"),
        aws("ConflictException", 409),
      ]) {
        const hostile = Object.defineProperty(error, key, { get: throwing });
        const failure = classifyFailure(hostile);
        // Which of them matter to a shape differs; that none is definite *because* something threw does not.
        if (["$metadata", "metadata", "response", "config", "request"].includes(key)) {
          expect(failure.certainty, `${error}`).toBe("indefinite");
        }
      }
    },
  );

  test("functions of an error that throw", () => {
    const error = status(429, {
      headers: { get: throwing },
      response: { headers: new Proxy({}, { ownKeys: throwing }) },
    });
    expect(classifyFailure(error)).toMatchObject({ certainty: "definite", code: "http_429" });
    expect(classifyFailure(grpc(3, "x", { metadata: { get: throwing, getMap: throwing } })).certainty).toBe(
      "indefinite",
    );
  });

  test("cycles and depth end", () => {
    const cycle = new AggregateError([], "x");
    cycle.errors.push(cycle);
    expect(classifyFailure(cycle).certainty).toBe("indefinite");
    let deep: unknown = coded("ECONNREFUSED");
    for (let n = 0; n < 100; n++) deep = fetchFailed(deep);
    expect(classifyFailure(deep).certainty).toBe("indefinite");
    const holes = Object.assign(new Error("x"), { errors: Object.assign(new Array(2), [coded("ECONNREFUSED")]) });
    expect(classifyFailure(holes).certainty).toBe("indefinite");
    const wide = new AggregateError(new Array(100_000).fill(coded("ECONNREFUSED")));
    expect(classifyFailure(wide).certainty).toBe("indefinite");
  });

  test("a code that is no name is not kept", () => {
    expect(classifyFailure(coded("x".repeat(65))).code).toBe("unclassified");
    expect(classifyFailure(coded("x".repeat(64))).code).toBe("x".repeat(64));
    expect(classifyFailure(coded("")).code).toBe("unclassified");
  });
});

describe("Retry-After", () => {
  test("of a response, in seconds or as a date, beside the clock of the response or the given one", () => {
    const limited = (headers: Record<string, string>) => status(429, { response: { headers } });
    expect(classifyFailure(limited({ "Retry-After": "3" })).retryAfterMs).toBe(3_000);
    const until = "Sun, 06 Nov 1994 08:49:37 GMT";
    expect(classifyFailure(limited({ "retry-after": until })).retryAfterMs).toBeUndefined();
    const now = Date.parse(until) - 7_000;
    expect(classifyFailure(limited({ "retry-after": until }), [], undefined, now).retryAfterMs).toBe(7_000);
    const date = "Sun, 06 Nov 1994 08:49:27 GMT";
    expect(classifyFailure(limited({ "retry-after": until, date }), [], undefined, now).retryAfterMs).toBe(10_000);
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

  test("an effectError of another copy of this package", () => {
    expect(classifyFailure({ [Symbol.for("onceguard.failure")]: said })).toEqual(said);
  });

  test("the action's classifier first of all, and the built-in one where it has no opinion", () => {
    const classify = (error: unknown) => (error === "mine" ? said : undefined);
    expect(classifyFailure("mine", [], classify)).toEqual(said);
    expect(classifyFailure(status(409), [], classify).code).toBe("http_409");
    expect(classifyFailure(effectError({ ...said, code: "other" }), [], () => said)).toEqual(said);
  });

  test.each<[string, unknown]>([
    ["a promise (an async classifier)", Promise.resolve(said)],
    ["no certainty", { ...said, certainty: "yes" }],
    ["no tier", { certainty: "definite", code: "x", message: "x" }],
    ["no code", { ...said, code: 5 }],
    ["no message", { ...said, message: undefined }],
    ["true", true],
  ])("what is not a failure is not an opinion: %s", (_name, given) => {
    const unclassified = { certainty: "indefinite", code: "unclassified" };
    expect(classifyFailure(new Error("x"), [], () => given as Failure)).toMatchObject(unclassified);
    expect(classifyFailure(effectError(given as Failure))).toMatchObject(unclassified);
  });

  test("a wait that is none is left out, and nothing unknown is kept", () => {
    for (const retryAfterMs of [Number.NaN, -1, Number.POSITIVE_INFINITY, "5"]) {
      const given = { ...said, retryAfterMs, secret: "x" } as Failure;
      expect(classifyFailure("mine", [], () => given)).toEqual(said);
    }
    expect(classifyFailure("mine", [], () => ({ ...said, retryAfterMs: 0 })).retryAfterMs).toBe(0);
    expect(classifyFailure("mine", [], () => ({ ...said, retryAfterMs: 5 })).retryAfterMs).toBe(5);
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

test("didNotHappen is the word of somebody who knows", () => {
  const failure = { certainty: "definite", tier: null, code: "did_not_happen", message: "looked it up" };
  expect(didNotHappen("looked it up")).toEqual(failure);
});
