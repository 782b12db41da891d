import { describe, expect, test } from "vitest";
import { type Classifier, firstOf } from "./classifier.ts";
import { networkErrors } from "./network.ts";
import { postgresErrors } from "./postgres.ts";
import { throughCauses, wrapped } from "./wrapped.ts";

const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });
const around = (cause: unknown, more: object = {}) => Object.assign(new Error("could not reach it", { cause }), more);

describe("wrapped: only wrappers that stand for one request are looked into", () => {
  test.each<[string, Error]>([
    ["fetch", new TypeError("fetch failed", { cause: refused })],
    ["axios", around(refused, { isAxiosError: true, code: "ERR_NETWORK" })],
    ["Drizzle", around(refused, { query: "insert into t", params: [] })],
  ])("%s", (_name, error) => expect(wrapped(error)).toBe(refused));

  test.each<[string, unknown]>([
    ["any other error", around(refused)],
    ["fetch, when the answer broke off", new TypeError("terminated", { cause: refused })],
    ["an error that says what fetch says", around(refused, { message: "fetch failed" })],
    ["axios, when it knows better", around(refused, { isAxiosError: true, code: "ECONNRESET" })],
    ["a query without parameters", around(refused, { query: "insert into t" })],
    ["no error", "fetch failed"],
  ])("%s is not", (_name, error) => expect(wrapped(error)).toBeUndefined());
});

describe("throughCauses", () => {
  const deep = around(around(around(refused)));

  test("finds the first error of the chain about which the classifier has an opinion", () => {
    expect(networkErrors(deep)).toBeUndefined();
    expect(throughCauses(networkErrors)(deep)).toMatchObject({ certainty: "definite", code: "ECONNREFUSED" });
    const reset = around(refused, { code: "ECONNRESET" });
    expect(throughCauses(networkErrors)(reset)).toMatchObject({ certainty: "indefinite", code: "ECONNRESET" });
    expect(throughCauses(firstOf(postgresErrors, networkErrors))(deep)?.code).toBe("ECONNREFUSED");
  });

  test("a retry that any link of the chain tells of takes the proof", () => {
    const retried = around(around(refused), { attemptNumber: 3, retriesLeft: 0 });
    expect(throughCauses(networkErrors)(retried)).toMatchObject({ certainty: "indefinite", code: "ECONNREFUSED" });
    const hidden = Object.defineProperty(around(refused), "$metadata", {
      get: () => {
        throw new Error("gotcha");
      },
    });
    expect(throughCauses(networkErrors)(hidden)).toMatchObject({ certainty: "indefinite" });
  });

  test("ends at a cycle, at a depth, and at what cannot be read", () => {
    const cycle = around(undefined);
    cycle.cause = cycle;
    expect(throughCauses(networkErrors)(cycle)).toBeUndefined();
    let far: unknown = refused;
    for (let n = 0; n < 20; n++) far = around(far);
    expect(throughCauses(networkErrors)(far)).toBeUndefined();
    expect(throughCauses(networkErrors)("x")).toBeUndefined();
    const throwing: Classifier = () => {
      throw new Error("gotcha");
    };
    expect(throughCauses(throwing)(deep)).toBeUndefined();
  });
});
