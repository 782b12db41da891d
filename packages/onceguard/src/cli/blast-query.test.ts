import { expect, test } from "vitest";
import { blastQuery } from "./blast-query.ts";

test.each([
  ["priority=high", { priority: "high" }],
  ["amount=5", { amount: 5 }],
  ["amount=-0.5", { amount: -0.5 }],
  ['note="5"', { note: "5" }],
  ["urgent=true", { urgent: true }],
  ["note=null", { note: null }],
  ["note=", { note: "" }],
  ['note=""', { note: "" }],
  ["formula=a=b", { formula: "a=b" }],
  ["after.status=sent", { "after.status": "sent" }],
  ["zip=01234", { zip: "01234" }],
  ["tags=[1]", { tags: "[1]" }],
  ['note={"a":1}', { note: '{"a":1}' }],
  ["note= spaced ", { note: " spaced " }],
  // More digits than a number keeps: an id, and no number.
  ["id=12345678901234567890", { id: "12345678901234567890" }],
  ["id=1e400", { id: "1e400" }],
])("--where %s", (text, where) => {
  expect(blastQuery({ where: [text] })).toEqual({ where });
});

test.each([
  [["priority"], "--where takes FIELD=VALUE"],
  [["=high"], "--where takes FIELD=VALUE"],
  [["priority=high", "priority=low"], "names priority twice"],
])("--where %j is bad usage", (where, message) => {
  expect(() => blastQuery({ where })).toThrow(message);
});

test("several conditions and filters are one question; none is no question", () => {
  expect(blastQuery({ run: "r", since: 5, where: ["a=1", "b=x"] })).toEqual({
    runId: "r",
    since: 5,
    where: { a: 1, b: "x" },
  });
  expect(() => blastQuery({})).toThrow("say what went wrong");
});
