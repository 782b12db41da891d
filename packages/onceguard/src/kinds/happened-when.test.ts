import { expect, it } from "vitest";
import { happenedWhen, isAnswerPath } from "./happened-when.ts";

it.each([
  [{ items: [{ id: 7 }] }, "items[0].id", "happened"],
  [{ items: [] }, "items[0].id", "did_not_happen"],
  [{ order: { refunded: false } }, "order.refunded", "did_not_happen"],
  [{ order: { refunded: true } }, "order.refunded", "happened"],
  [{ refund: null }, "refund", "did_not_happen"],
  [{ refunds: [] }, "refunds", "did_not_happen"],
  // Another kind of answer says nothing: an error in a 200, a changed API, a list where there was an object.
  [{ error: "try later" }, "items[0].id", "cannot_tell"],
  [{ items: [{ name: "x" }] }, "items[0].id", "cannot_tell"],
  [{ items: "none" }, "items[0].id", "cannot_tell"],
  [[], "items[0].id", "cannot_tell"],
  ["text", "items", "cannot_tell"],
] as const)("%j at %s: %s", (answer, path, found) => {
  expect(happenedWhen(answer as never, path)).toBe(found);
});

it("a path is checked where it is written", () => {
  for (const path of ["items[0].id", "a", "a.b-c[10]", "[0]", "[0].id"]) expect(isAnswerPath(path)).toBe(true);
  for (const path of ["", "[0", "a..b", "a[x]", "a[0", "a b", 7, undefined]) expect(isAnswerPath(path)).toBe(false);
});
