import { errors } from "undici";
import { describe, expect, test } from "vitest";
import { networkErrors } from "./network.ts";

// What real sockets, servers and clients throw: test/network/failures-network.test.ts.

const coded = (code: string, more: object = {}) => Object.assign(new Error(`failed with ${code}`), { code, ...more });

describe("the phase decides where a code has two meanings", () => {
  test.each(["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ECONNRESET", "ENETDOWN", "EHOSTDOWN"])("%s", (code) => {
    expect(networkErrors(coded(code, { syscall: "connect" }))).toMatchObject({ certainty: "definite", code });
    for (const syscall of ["read", "write", undefined]) {
      expect(networkErrors(coded(code, { syscall })), syscall).toMatchObject({ certainty: "indefinite", code });
    }
  });

  test.each(["EACCES", "ENOENT", "EADDRNOTAVAIL", "EPERM"])("%s while connecting was never sent", (code) => {
    expect(networkErrors(coded(code, { syscall: "connect" }))).toMatchObject({ certainty: "definite", code });
    expect(networkErrors(coded(code, { syscall: "open" }))).toBeUndefined();
    expect(networkErrors(coded(code))).toBeUndefined();
  });

  test("a lookup was never sent, whatever its code", () => {
    expect(networkErrors(coded("EAI_MEMORY", { syscall: "getaddrinfo" }))?.certainty).toBe("definite");
  });

  test("axios keeps the code and has the call in its cause", () => {
    const axios = (code: string, cause: Error) => coded(code, { isAxiosError: true, cause });
    const dialled = coded("ETIMEDOUT", { syscall: "connect" });
    expect(networkErrors(axios("ETIMEDOUT", dialled))).toMatchObject({ certainty: "definite" });
    expect(networkErrors(axios("ETIMEDOUT", coded("ETIMEDOUT", { syscall: "read" })))?.certainty).toBe("indefinite");
    expect(networkErrors(axios("ECONNABORTED", dialled))?.certainty).toBe("indefinite");
    expect(networkErrors(axios("ERR_NETWORK", dialled))).toMatchObject({ certainty: "definite", code: "ETIMEDOUT" });
    expect(networkErrors(axios("ERR_NETWORK", coded("ECONNRESET")))?.certainty).toBe("indefinite");
    const addresses = Object.assign(new AggregateError([dialled, coded("ECONNRESET")]), { code: "ETIMEDOUT" });
    expect(networkErrors(axios("ECONNREFUSED", addresses))).toBeUndefined();
  });
});

describe("undici's own errors", () => {
  test.each<[Error, "definite" | "indefinite"]>([
    [new errors.ConnectTimeoutError(), "definite"],
    [new errors.HeadersTimeoutError(), "indefinite"],
    [new errors.BodyTimeoutError(), "indefinite"],
    [new errors.SocketError("other side closed"), "indefinite"],
    [new errors.RequestAbortedError(), "indefinite"],
    [new errors.InformationalError("reset"), "indefinite"],
    [new errors.ResponseContentLengthMismatchError(), "indefinite"],
    [Object.assign(new errors.HTTPParserError("x"), { code: "HPE_INVALID_CONSTANT" }), "indefinite"],
    [new errors.ClientDestroyedError(), "indefinite"],
  ])("%s", (error, certainty) => {
    const { code } = error as Error & { code: string };
    expect(networkErrors(error)).toMatchObject({ certainty, tier: "transient", code });
    expect(networkErrors(new TypeError("fetch failed", { cause: error }))).toMatchObject({ certainty, code });
  });
});

describe("an address that cannot be parsed", () => {
  const cause = coded("ERR_INVALID_URL");

  test("was never sent when fetch says so about its own argument", () => {
    const error = new TypeError("Failed to parse URL from http://", { cause });
    expect(networkErrors(error)).toMatchObject({ certainty: "definite", tier: "validation", code: "ERR_INVALID_URL" });
  });

  test("proves nothing alone, in a redirect, or in other words", () => {
    expect(networkErrors(cause)).toBeUndefined();
    expect(networkErrors(new TypeError("fetch failed", { cause }))?.certainty).not.toBe("definite");
    expect(networkErrors(new TypeError("Failed to parse URL from http://"))).toBeUndefined();
    expect(networkErrors(new Error("Failed to parse URL from http://", { cause }))).toBeUndefined();
  });
});

test.each([
  undefined,
  "ECONNREFUSED",
  {},
  new Error("ECONNREFUSED"),
  coded("EXPIRED"),
  coded("not_found"),
  { code: 7 },
])("%j is no error of the network", (error) => expect(networkErrors(error)).toBeUndefined());
