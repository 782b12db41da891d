import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "./json.ts";
import {
  checkRequestId,
  deriveRequestId,
  keyPart,
  keyParts,
  lengthPrefixed,
  MAX_REQUEST_ID_LENGTH,
  readPath,
} from "./request-id.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const error = (code: string, fields: object = {}) =>
  expect.objectContaining({ name: "OnceguardError", code, fields: expect.objectContaining(fields) });

describe("lengthPrefixed", () => {
  test("puts the length in bytes before each part", () => {
    expect(lengthPrefixed(["ab", "", "ö€💶"])).toBe("2:ab0:9:ö€💶");
  });

  test("different parts give different texts", () => {
    const parts = fc.array(fc.string({ unit: fc.constantFrom("a", "1", ":", "ö") }), { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(lengthPrefixed(a) === lengthPrefixed(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});

describe("deriveRequestId", () => {
  test("is pinned: an id that changes with a release would pay again what was paid under the old one", () => {
    expect(deriveRequestId(sha256, "acme", "refund", ["A1"])).toBe(sha256("20:onceguard/request/v14:acme6:refund2:A1"));
    expect(deriveRequestId(sha256, "acme", "refund", ["A1"])).toBe(
      "9d8e823ff65ee66bfeae5709ee4e87a52a65b3a3a4a28e6deb3ae6470ba91ff8",
    );
  });

  test("tells tenants, actions, parts and their borders apart", () => {
    const ids = [
      deriveRequestId(sha256, "acme", "refund", ["ab", "c"]),
      deriveRequestId(sha256, "acme", "refund", ["a", "bc"]),
      deriveRequestId(sha256, "acme", "refund", ["abc"]),
      deriveRequestId(sha256, "acme", "refund", ["abc", ""]),
      deriveRequestId(sha256, "acme", "refundab", ["c"]),
      deriveRequestId(sha256, "globex", "refund", ["ab", "c"]),
      deriveRequestId(sha256, "acme", "refund", []),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("checkRequestId", () => {
  test.each(["a", "order:A1/refund 1", "ö💶", "x".repeat(MAX_REQUEST_ID_LENGTH)])("takes %j", (id) => {
    expect(checkRequestId(id)).toBe(id);
  });

  test.each<[unknown, RegExp]>([
    ["", /is empty/],
    ["x".repeat(MAX_REQUEST_ID_LENGTH + 1), /256 characters long; at most 255/],
    ["a\nb", /control characters/],
    ["\u0000", /control characters/],
    ["\u007f", /control characters/],
    ["\ud83d", /lone surrogates/],
    [5, /a number/],
    [null, /a object/],
    [undefined, /a undefined/],
  ])("refuses %j", (id, message) => {
    expect(() => checkRequestId(id as string)).toThrow(error("invalid_request_id", { problem: expect.any(String) }));
    expect(() => checkRequestId(id as string)).toThrow(message);
  });
});

describe("keyParts", () => {
  const payload: JsonValue = {
    orderId: "A1",
    amount: 5,
    zero: 0,
    off: false,
    empty: "",
    nothing: null,
    customer: { id: 7, tags: ["b", "a"], address: { zip: "1010", city: "Wien" } },
    items: [{ sku: "x", qty: 1 }, { sku: "y" }],
    "a.b": 1,
  };

  test("reads fields by path, down and across lists", () => {
    expect(keyParts("refund", payload, ["orderId", "amount", "customer.id", "items[].sku", "customer.tags"])).toEqual([
      "A1",
      "5",
      "7",
      '["x","y"]',
      '["b","a"]',
    ]);
  });

  test("0 and false are values", () => {
    expect(keyParts("refund", payload, ["zero", "off"])).toEqual(["0", "false"]);
  });

  test("an object's keys count in canonical order, whatever order a model wrote them in", () => {
    const turned = { customer: { address: { city: "Wien", zip: "1010" } } };
    expect(keyParts("refund", payload, ["customer.address"])).toEqual(['{"city":"Wien","zip":"1010"}']);
    expect(keyParts("refund", turned, ["customer.address"])).toEqual(keyParts("refund", payload, ["customer.address"]));
  });

  test.each([
    "missing",
    "nothing",
    "empty",
    "customer.missing",
    "orderId.length",
    "items.sku",
    "items[].qty",
    "customer[].id",
    "toString",
    "customer.constructor",
    "__proto__",
    "a.b",
    "",
  ])("no value at %j: refused, because all calls that lack it would be one", (path) => {
    expect(() => keyParts("refund", payload, ["orderId", path])).toThrow(
      error("missing_key_field", { action: "refund", path }),
    );
  });

  test.each<JsonValue>([[], {}, [null], ["x", null], ["x", ""], [[]], [{}], ["x", {}]])(
    "%j says nothing, or not of every part, and identifies nothing",
    (value) => {
      expect(() => keyParts("refund", { value }, ["value"])).toThrow(error("missing_key_field", { path: "value" }));
    },
  );

  test("the order of the fields is part of the key", () => {
    expect(keyParts("refund", payload, ["amount", "orderId"])).toEqual(["5", "A1"]);
  });
});

test("keyPart: strings stand for themselves, everything else for its canonical JSON", () => {
  expect([keyPart("5"), keyPart(1e21), keyPart(true), keyPart({ b: 1, a: 2 })]).toEqual([
    "5",
    "1e+21",
    "true",
    '{"a":2,"b":1}',
  ]);
});

test("readPath: a list of lists, and a list at the end", () => {
  const value = { a: [{ b: [{ c: 1 }, { c: 2 }] }, { b: [] }] };
  expect(readPath(value, "a[].b[].c")).toEqual([[1, 2], []]);
  expect(readPath(value, "a[].b[]")).toEqual([[{ c: 1 }, { c: 2 }], []]);
  expect(readPath({ a: [] }, "a[].b")).toEqual([]);
  expect(readPath([], "a")).toBeUndefined();
});
