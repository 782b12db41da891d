import { describe, expect, test } from "vitest";
import { httpErrors } from "./http-status.ts";

// Which status is a rejection, and who can fix it: failure.test.ts.

test("an API's own mapping of an upstream's answer is a rejection only if both statuses are", () => {
  const mapped = (status: number, upstream: number) => httpErrors({ status, response: { status: upstream } });
  expect(mapped(400, 409)).toMatchObject({ certainty: "definite", tier: "validation", code: "http_400" });
  expect(mapped(400, 502)).toMatchObject({ certainty: "indefinite", code: "http_400" });
  expect(mapped(502, 400)).toMatchObject({ certainty: "indefinite", tier: "transient", code: "http_502" });
});

test("statuses that an action declares count for each of them", () => {
  const options = { noEffectOn: [503] };
  expect(httpErrors({ status: 503 }, options)).toMatchObject({ certainty: "definite", tier: "transient" });
  expect(httpErrors({ status: 503, response: { status: 500 } }, options)).toMatchObject({ certainty: "indefinite" });
});

describe("a followed redirect", () => {
  test("takes the proof, even from a status that the action declares", () => {
    const redirected = { status: 503, response: { redirected: true } };
    expect(httpErrors(redirected, { noEffectOn: [503] })).toMatchObject({ certainty: "indefinite", code: "http_503" });
  });
});

test("no status, no opinion", () => {
  for (const error of [undefined, "409", 409, {}, { status: 200 }, { status: 302 }]) {
    expect(httpErrors(error)).toBeUndefined();
  }
});
