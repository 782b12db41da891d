import { describe, expect, it } from "vitest";
import { type JsonSchema, problemWith } from "./json-schema.ts";

describe("what does not fit is said in words", () => {
  const schema: JsonSchema = {
    type: "object",
    properties: {
      name: { type: "string", minLength: 1, maxLength: 5, format: "name" },
      count: { type: "integer", minimum: 1, maximum: 3 },
      kind: { enum: ["a", "b"] },
      list: { type: "array", items: { type: "number" } },
      map: { type: "object", additionalProperties: { type: ["string", "null"] } },
      any: {},
    },
    required: ["name"],
    additionalProperties: false,
  };

  it.each<[unknown, string | null]>([
    [{ name: "x" }, null],
    [{ name: "x", count: 3, kind: "b", list: [1, 2.5], map: { a: null, b: "c" }, any: [{}] }, null],
    [null, "the body must be an object"],
    [[], "the body must be an object"],
    [{}, '"name" is missing'],
    [{ name: "" }, '"name" must not be empty'],
    [{ name: "123456" }, '"name" must be at most 5 characters long'],
    [{ name: "a\nb" }, '"name" is not printable text (control characters or lone surrogates)'],
    [{ name: 1 }, '"name" must be a text'],
    [{ name: "x", count: 0 }, '"count" must be at least 1'],
    [{ name: "x", count: 4 }, '"count" must be at most 3'],
    [{ name: "x", count: 1.5 }, '"count" must be a whole number'],
    [{ name: "x", count: 2 ** 53 }, '"count" must be a whole number'],
    [{ name: "x", kind: "c" }, '"kind" must be one of a, b'],
    [{ name: "x", list: [1, "2"] }, '"list[1]" must be a number'],
    [{ name: "x", map: { a: 1 } }, '"map.a" must be a text or null'],
    [{ name: "x", other: 1 }, 'there is no "other"; there are name, count, kind, list, map, any'],
    // What every object has from its prototype is no member of a schema.
    [{ name: "x", constructor: 1 }, 'there is no "constructor"; there are name, count, kind, list, map, any'],
  ])("%j: %s", (value, problem) => {
    expect(problemWith(schema, value)).toBe(problem);
  });

  it("a pattern is anchored as it is written", () => {
    expect(problemWith({ type: "string", pattern: "^a+$" }, "aa")).toBeNull();
    expect(problemWith({ type: "string", pattern: "^a+$" }, "ab", "x")).toBe('"x" must match ^a+$');
  });
});
