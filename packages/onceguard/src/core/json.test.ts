import fc from "fast-check";
import { expect, test } from "vitest";
import { isJsonObject, utf8Length } from "./json.ts";

test("utf8Length counts what the encoder writes", () => {
  const encoder = new TextEncoder();
  expect([..."a\u007f", "\u0080", "é", "€", "😀", "a\u{10ffff}b\uffff"].map(utf8Length)).toEqual([1, 1, 2, 2, 3, 4, 9]);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(utf8Length(text)).toBe(encoder.encode(text).length);
    }),
  );
});

test("isJsonObject tells objects from arrays, null and the rest", () => {
  expect([{}, { a: 1 }].every(isJsonObject)).toBe(true);
  expect([[], null, "x", 1, true, undefined].some(isJsonObject)).toBe(false);
});
