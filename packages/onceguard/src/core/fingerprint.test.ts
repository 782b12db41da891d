import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fingerprint, withoutFields } from "./fingerprint.ts";
import type { JsonValue } from "./json.ts";

const hmacUnder = (key: string) => (text: string) => createHmac("sha256", key).update(text).digest("hex");
const hmac = hmacUnder("tenant key");

const payload: JsonValue = {
  orderId: "A1",
  note: "please",
  customer: { name: "Ada", note: "vip", deep: { note: "x", id: 1 } },
  items: [
    { sku: "x", note: "gift" },
    { sku: "y", note: "wrap" },
  ],
};

describe("fingerprint", () => {
  test("is pinned: one that changes with a release would answer every replay with mismatch", () => {
    const print = fingerprint(hmac, "refund", { b: 1, a: "ö" }, []);
    expect(print).toBe(hmac('24:onceguard/fingerprint/v16:refund16:{"a":"ö","b":1}'));
    expect(print).toBe("0985476d8f472360afee8b9631117c36894b1241bc2c837e60d722382134bd79");
  });

  test("differs by payload, action and tenant key", () => {
    const prints = [
      fingerprint(hmac, "refund", payload, []),
      fingerprint(hmac, "refund", { ...payload, orderId: "A2" }, []),
      fingerprint(hmac, "refund", { ...payload, note: "now" }, []),
      fingerprint(hmac, "payout", payload, []),
      fingerprint(hmacUnder("another tenant's key"), "refund", payload, []),
    ];
    expect(new Set(prints).size).toBe(prints.length);
  });

  test("does not depend on the order of keys", () => {
    const { orderId, ...rest } = payload;
    expect(fingerprint(hmac, "refund", { ...rest, orderId: orderId as JsonValue }, [])).toBe(
      fingerprint(hmac, "refund", payload, []),
    );
  });

  test("does not see volatile fields, whatever they say and whether they are there", () => {
    const of = (note: JsonValue | undefined) =>
      fingerprint(hmac, "refund", note === undefined ? { orderId: "A1" } : { orderId: "A1", note }, ["note"]);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer(), fc.array(fc.string())), (note) => {
        expect(of(note)).toBe(of(undefined));
      }),
    );
  });
});

describe("withoutFields", () => {
  test.each<[string, JsonValue]>([
    ["note", { ...payload, note: undefined as never }],
    ["customer.note", { ...payload, customer: { name: "Ada", deep: { note: "x", id: 1 } } }],
    ["customer.deep.note", { ...payload, customer: { name: "Ada", note: "vip", deep: { id: 1 } } }],
    ["items[].note", { ...payload, items: [{ sku: "x" }, { sku: "y" }] }],
    ["items", { ...payload, items: undefined as never }],
    ["items[]", { ...payload, items: undefined as never }],
  ])("%s", (path, expected) => {
    const before = structuredClone(payload);
    expect(withoutFields(payload, [path])).toStrictEqual(JSON.parse(JSON.stringify(expected)));
    expect(payload).toEqual(before);
  });

  test.each(["missing", "missing.deeper", "customer.missing", "note.deeper", "items.note", "toString", "note."])(
    "%j names nothing here and drops nothing",
    (path) => {
      expect(withoutFields(payload, [path])).toStrictEqual(payload);
    },
  );

  test("a path that begins with a dot goes through the field without a name, as it does for keys", () => {
    const odd = { "": { note: "x", id: 1 }, ".note": "y" };
    expect(withoutFields(odd, [".note"])).toEqual({ "": { id: 1 }, ".note": "y" });
  });

  test("several at once", () => {
    expect(withoutFields(payload, ["note", "customer", "items[].note"])).toEqual({
      orderId: "A1",
      items: [{ sku: "x" }, { sku: "y" }],
    });
  });

  test.each<JsonValue>(["text", 5, null, [{ note: "x" }]])("%j is no object and stays as it is", (value) => {
    expect(withoutFields(value, ["note"])).toEqual(value);
  });
});
