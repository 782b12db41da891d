import { expect, test } from "vitest";
import { DEFAULT_JSON_LIMITS, parseStrictJson } from "./strict-json.ts";

test("a text of 20 MB under a raised limit is read, even as one string", () => {
  const limits = { ...DEFAULT_JSON_LIMITS, maxBytes: 64_000_000 };
  const long = "x".repeat(20_000_000);
  expect(parseStrictJson(`{"text":"${long}"}`, limits)).toEqual({ text: long });
  const escaped = `"${"\\n".repeat(5_000_000)}"`;
  expect(parseStrictJson(escaped, limits)).toBe("\n".repeat(5_000_000));
});
