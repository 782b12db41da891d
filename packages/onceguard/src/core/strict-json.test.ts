import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import type { JsonValue } from "./json.ts";
import { checkSize, DEFAULT_JSON_LIMITS, parseStrictJson, strictJson } from "./strict-json.ts";

const error = (code: string, fields: object = {}) =>
  expect.objectContaining({ name: "OnceguardError", code, fields: expect.objectContaining(fields) });

const nested = (levels: number): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { a: value };
  return value;
};

class Money {
  readonly amount = 5;
}
class Bare {
  readonly amount = 5;
}
Object.setPrototypeOf(Bare.prototype, null);

describe("strictJson refuses what JSON would change or drop", () => {
  // biome-ignore lint/suspicious/noSparseArray: the hole is the point
  const holed = [1, , 3];
  test.each<[string, unknown, string]>([
    ["undefined", undefined, "$"],
    ["undefined in an array", { list: [1, undefined] }, "$.list[1]"],
    ["a hole", holed, "$[1]"],
    ["an array with a name on it", { match: /b/.exec("abc") }, "$.match"],
    ["an array of a class", class extends Array<unknown> {}.of(1), "$"],
    ["NaN", { a: Number.NaN }, "$.a"],
    ["Infinity", [Number.POSITIVE_INFINITY], "$[0]"],
    ["-Infinity", [Number.NEGATIVE_INFINITY], "$[0]"],
    ["an unsafe integer", { id: 2 ** 53 }, "$.id"],
    ["a negative unsafe integer", { id: -(2 ** 53) }, "$.id"],
    ["an integer of 300 digits", 1e300, "$"],
    ["a bigint", { id: 5n }, "$.id"],
    ["a symbol", [Symbol("s")], "$[0]"],
    ["a symbol key", { a: { [Symbol("s")]: 1 } }, "$.a"],
    ["a function", { toJSON: () => 1 }, "$.toJSON"],
    ["a Map", { m: new Map([["a", 1]]) }, "$.m"],
    ["a Set", new Set([1]), "$"],
    ["a WeakMap", new WeakMap(), "$"],
    ["a Date", { at: new Date(0) }, "$.at"],
    ["a RegExp", /x/, "$"],
    ["an Error", new Error("x"), "$"],
    ["a Promise", Promise.resolve(1), "$"],
    ["a boxed string", Object("text"), "$"],
    ["a class instance", new Money(), "$"],
    ["an instance of a class without a root", new Bare(), "$"],
    ["an object with a prototype of its own", Object.create({ inherited: 1 }), "$"],
    ["a Buffer", Buffer.from("x"), "$"],
    ["a typed array", new Uint8Array(2), "$"],
    ["an ArrayBuffer", new ArrayBuffer(2), "$"],
    ["a lone high surrogate", "\ud800", "$"],
    ["a lone low surrogate", ["ok", "x\udc00y"], "$[1]"],
    ["surrogates the wrong way round", "\ude00\ud83d", "$"],
    ["a lone surrogate in a key", { deep: { "\ud83d": 1 } }, "$.deep"],
    ["an own key __proto__", JSON.parse('{"a":{"__proto__":{"admin":true}}}'), "$.a.__proto__"],
  ])("%s", (_what, value, path) => {
    expect(() => strictJson(value)).toThrow(error("payload_not_json", { path }));
  });

  test("64 levels pass, 65 do not, and 20 000 do not overflow the stack", () => {
    expect(strictJson(nested(64))).toEqual(nested(64));
    expect(() => strictJson(nested(65))).toThrow(error("payload_too_deep", { maxDepth: 64 }));
    expect(() => strictJson(nested(20_000))).toThrow(error("payload_too_deep"));
    expect(strictJson(nested(100), { ...DEFAULT_JSON_LIMITS, maxDepth: 100 })).toEqual(nested(100));
  });

  test("a cycle is too deep, and a shared object that unfolds without end is too large", () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => strictJson(cycle)).toThrow(error("payload_too_deep"));
    let bomb: unknown = {};
    for (let i = 0; i < 60; i++) bomb = [bomb, bomb];
    expect(() => strictJson(bomb)).toThrow(error("payload_too_large"));
  });

  test("too large: long text, many members, a length without content", () => {
    expect(() => strictJson("x".repeat(DEFAULT_JSON_LIMITS.maxBytes))).toThrow(error("payload_too_large"));
    expect(() => strictJson(new Array(1e9))).toThrow(error("payload_too_large"));
    expect(() => strictJson(Array(2 ** 20).fill(null))).toThrow(error("payload_too_large", { maxBytes: 2 ** 20 }));
    expect(() => strictJson({ k: "v".repeat(20) }, { maxBytes: 20, maxDepth: 4 })).toThrow(error("payload_too_large"));
  });

  test("an error names the place and never quotes the value", () => {
    try {
      strictJson({ card: { number: Number("4111111111111111111") } });
      expect.unreachable();
    } catch (thrown) {
      const text = JSON.stringify(thrown);
      expect(text).toContain("$.card.number");
      expect(text).not.toContain("4111");
    }
  });
});

describe("strictJson accepts", () => {
  const json = fc.jsonValue({ maxDepth: 6, stringUnit: "grapheme" }).filter((value) => {
    const text = JSON.stringify(value);
    return !text.includes("__proto__") && !/-?\d{16,}|e\+/.test(text);
  });

  test("every JSON value, as a copy that shares nothing", () => {
    fc.assert(
      fc.property(json, (value) => {
        const copy = strictJson(value);
        expect(copy).toEqual(JSON.parse(JSON.stringify(value)));
        expect(strictJson(copy)).toEqual(copy);
        if (typeof value === "object" && value !== null) expect(copy).not.toBe(value);
      }),
    );
  });

  test("objects without a prototype, and leaves undefined members out", () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1, b: undefined });
    expect(strictJson(bare)).toEqual({ a: 1 });
    expect(Object.keys(strictJson({ a: undefined }) as object)).toEqual([]);
  });

  test("the largest safe integers, the smallest fractions, and one zero", () => {
    expect(strictJson([2 ** 53 - 1, 1 - 2 ** 53, 5e-324])).toEqual([2 ** 53 - 1, 1 - 2 ** 53, 5e-324]);
    expect(Object.is(strictJson(-0), 0)).toBe(true);
  });

  test("keys that objects inherit, as plain content", () => {
    const value = JSON.parse('{"constructor":1,"toString":2,"hasOwnProperty":3}') as JsonValue;
    expect(canonicalJson(strictJson(value))).toBe('{"constructor":1,"hasOwnProperty":3,"toString":2}');
  });

  test("later changes to the caller's object do not reach the copy", () => {
    const given = { list: [{ amount: 5 }] };
    const copy = strictJson(given);
    (given.list[0] as { amount: number }).amount = 500;
    expect(copy).toEqual({ list: [{ amount: 5 }] });
  });

  test("nothing that fits the limit: the running estimate never exceeds the canonical size", () => {
    fc.assert(
      fc.property(json, (value) => {
        const canonical = canonicalJson(strictJson(value));
        const limits = { maxBytes: Buffer.byteLength(canonical), maxDepth: 64 };
        expect(strictJson(value, limits)).toEqual(strictJson(value));
        checkSize(canonical, limits);
        expect(() => checkSize(canonical, { ...limits, maxBytes: limits.maxBytes - 1 })).toThrow(
          error("payload_too_large"),
        );
      }),
    );
  });
});

describe("parseStrictJson", () => {
  test.each([
    ['{"a":1,"a":2}', "a"],
    ['{"a":1,"\\u0061":2}', "a"],
    ['{"deep":[{"x":{"k":1,"y":[],"k" \n\t:1}}]}', "k"],
    ['{"\\u005f_proto__":1,"__proto__":2}', "__proto__"],
    ['{"\\"":1,"\\u0022":2}', '"'],
    ['{"a/b":1,"a\\/b":2}', "a/b"],
    ['{"":1,"":2}', ""],
    ['{"\\ud83d\\ude00":1,"😀":2}', "😀"],
  ])("refuses the repeated key in %s", (text, key) => {
    expect(() => parseStrictJson(text)).toThrow(error("payload_not_json", { key }));
  });

  test("the same key in different objects, or as a value, is no repetition", () => {
    const text = '{"a":{"a":"a"},"b":[{"a":1},{"a":"b"}],"c":["a","a"],"d":"a:","e":"\\"a\\":"}';
    expect(parseStrictJson(text)).toEqual(JSON.parse(text));
  });

  test.each([
    ['{"\\u005f_proto__":{"admin":true}}', "$.__proto__"],
    ['["\\ud800"]', "$[0]"],
    ['{"\\udc00":1}', "$"],
    ['{"id":9007199254740993}', "$.id"],
    ["1e400", "$"],
  ])("refuses %s like the value", (text, path) => {
    expect(() => parseStrictJson(text)).toThrow(error("payload_not_json", { path }));
  });

  test.each([
    "",
    "{",
    '{"a":}',
    "[1,]",
    "{'a':1}",
    '"\n"',
    '"open',
    '{"a":1}x',
    "NaN",
    "\ufeff{}",
    '{"\\x":1}',
    "]",
    "}{",
    '{"a"}',
  ])("refuses %j, which is no JSON", (text) => {
    expect(() => parseStrictJson(text)).toThrow(error("payload_not_json"));
  });

  test("an error about the text does not quote it", () => {
    expect(() => parseStrictJson("secret-token-1234")).toThrow(/^The payload is not JSON\.$/);
    expect(() => parseStrictJson('{"card":"4111",x}')).toThrow("The payload is not JSON (at position 15).");
  });

  test("depth 65 and 20 000 open brackets are refused before parsing", () => {
    const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    expect(parseStrictJson(deep(64))).toEqual(JSON.parse(deep(64)));
    expect(() => parseStrictJson(deep(65))).toThrow(error("payload_too_deep"));
    expect(() => parseStrictJson(deep(20_000))).toThrow(error("payload_too_deep"));
    expect(() => parseStrictJson('{"a":'.repeat(20_000))).toThrow(error("payload_too_deep"));
    expect(parseStrictJson(`["${"[".repeat(20_000)}"]`)).toEqual(["[".repeat(20_000)]);
  });

  test("over-size text is refused before it is read", () => {
    expect(() => parseStrictJson(" ".repeat(DEFAULT_JSON_LIMITS.maxBytes + 1))).toThrow(error("payload_too_large"));
    expect(() => parseStrictJson(`"${"x".repeat(50_000_000)}"`)).toThrow(error("payload_too_large"));
  });

  test("agrees with JSON.parse on what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 2, "\t"), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        fc.pre(!text.includes("__proto__") && !/-?\d{16,}|e\+/.test(text));
        expect(parseStrictJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });
});
