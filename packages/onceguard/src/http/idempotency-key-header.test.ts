import { expect, it } from "vitest";
import { readIdempotencyKey } from "./idempotency-key-header.ts";

it.each<[string | null, string | null]>([
  [null, null],
  ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"],
  ["8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"],
  [' "a b" ', "a b"],
  ['"say \\"hi\\" \\\\"', 'say "hi" \\'],
  ["order:A1/2,3", "order:A1/2,3"],
  [`"${"x".repeat(255)}"`, "x".repeat(255)],
])("%s is the key %s", (header, key) => {
  expect(readIdempotencyKey(header)).toEqual(key === null ? null : { key });
});

it.each([
  "",
  "  ",
  '""',
  '"',
  '"a',
  'a"b',
  '"a"b"',
  '"a", "b"', // two headers, as they are joined
  "a, b",
  "a b",
  '"a\\x"',
  '"ä"',
  "ä",
  '"a";p=1',
  "x".repeat(256),
  "a\u0000b",
])("%j is none", (header) => {
  expect(readIdempotencyKey(header)).toHaveProperty("problem");
});
