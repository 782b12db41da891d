import { describe, expect, test } from "vitest";
import { checkPrivacy } from "../core/privacy.ts";
import { decrypted, encrypted, hmacUnder } from "./private-fields.ts";

const key = { id: "k1", bytes: new Uint8Array(32).fill(7) };
const other = { id: "k2", bytes: new Uint8Array(32).fill(8) };
const place = { tenant: "acme", requestId: "r1" };
const rules = (encrypt: readonly string[] | "all") => checkPrivacy({ encrypt }, "pay")?.encrypt ?? [];
const seal = (value: unknown, encrypt: readonly string[] | "all") =>
  encrypted(JSON.stringify(value), rules(encrypt), key, place);
const open = (text: string, under = key, at = place) => decrypted(text, under, at);

const PAYMENT = {
  ref: "A1",
  iban: "DE02",
  payee: { name: "Ada", iban: { country: "DE", digits: [0, 2] } },
  lines: [{ iban: "AT61", sum: 5 }, { sum: 6 }, "text", null],
};

describe("private fields of a document", () => {
  test("are encrypted each on its own, wherever they stand; the rest stays readable", () => {
    const text = seal(PAYMENT, ["iban"]);
    const mark = { $encrypted: expect.stringMatching(/^v1\.[\w-]{16}\.[\w-]{20,}$/) };
    expect(JSON.parse(text)).toEqual({
      ref: "A1",
      iban: mark,
      payee: { name: "Ada", iban: mark },
      lines: [{ iban: mark, sum: 5 }, { sum: 6 }, "text", null],
    });
    expect(JSON.parse(open(text) ?? "")).toEqual(PAYMENT);
  });

  test("or as a whole", () => {
    for (const value of [PAYMENT, [1, 2], "text", 0, null]) {
      const text = seal(value, "all");
      expect(Object.keys(JSON.parse(text))).toEqual(["$encrypted"]);
      expect(JSON.parse(open(text) ?? "")).toEqual(value);
    }
  });

  test("look different each time: two of the same are not told to be the same", () => {
    expect(seal(PAYMENT, ["iban"])).not.toBe(seal(PAYMENT, ["iban"]));
  });

  test("open only where they were put, and under their key", () => {
    const text = seal({ iban: "DE02" }, ["iban"]);
    expect(open(text)).toBe('{"iban":"DE02"}');
    expect(open(text, other)).toBeNull();
    expect(open(text, { ...key, id: "k2" })).toBeNull();
    expect(open(text, key, { ...place, tenant: "globex" })).toBeNull();
    expect(open(text, key, { ...place, requestId: "r2" })).toBeNull();
    expect(open(text.replace('"iban"', '"bic"'))).toBeNull();
    expect(open(`{"payee":${text}}`)).toBeNull();
  });

  test("do not open when anything of them was changed", () => {
    const [version, nonce, sealed] = JSON.parse(seal("DE02", "all")).$encrypted.split(".");
    const turned = (text: string) => (text.startsWith("A") ? "B" : "A") + text.slice(1);
    const others = [
      `${version}.${turned(nonce)}.${sealed}`,
      `${version}.${nonce}.${turned(sealed)}`,
      `${version}.${nonce}.${sealed.slice(0, -4)}`,
      `${version}.${nonce}`,
      "",
    ];
    for (const one of others) expect(open(JSON.stringify({ $encrypted: one }))).toBeNull();
  });
});

test("what only looks like a private field is read as it is", () => {
  for (const value of [{ $encrypted: 5 }, { $encrypted: "x", of: "the caller's own" }, { note: '"$encrypted"' }]) {
    expect(open(JSON.stringify(value))).toBe(JSON.stringify(value));
  }
  const untouched = '{ "ref": 1 }';
  expect(open(untouched)).toBe(untouched);
});

test("a fingerprint under a key is the same each time, and tells nothing to who has not the key", () => {
  const digest = hmacUnder(key)("text");
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(hmacUnder(key)("text")).toBe(digest);
  expect(hmacUnder(other)("text")).not.toBe(digest);
  expect(hmacUnder(key)("Text")).not.toBe(digest);
});
