import { expect, test } from "vitest";
import { isLapsed, isTerminal, type Receipt, resultOf, STATES } from "./receipt.ts";

const record = (more: Partial<Receipt>): Receipt =>
  ({ state: "running", dueAt: 5_000, readAt: 5_000, ...more }) as Receipt;

test("nothing more is sent in a terminal state (semantics.md section 4)", () => {
  expect(STATES.filter(isTerminal)).toEqual(["succeeded", "failed", "denied", "compensated", "expired"]);
  const open = ["held", "running", "retry_wait", "in_doubt", "review"];
  expect(STATES).toEqual([...open, "succeeded", "failed", "denied", "compensating", "compensated", "expired"]);
});

test.each([
  [4_999, false],
  [5_000, true],
  [5_001, true],
])("a lease until 5000 has passed at %i: %s", (readAt, lapsed) => {
  expect(isLapsed(record({ readAt }))).toBe(lapsed);
});

test("only what is running has a lease", () => {
  for (const state of STATES) expect(isLapsed(record({ state, readAt: 9_000 }))).toBe(state === "running");
  expect(isLapsed(record({ dueAt: null }))).toBe(false);
});

test("the stored result as a value, undefined where there is none", () => {
  expect(resultOf(record({ result: { json: '{"id":1}' } }))).toEqual({ id: 1 });
  expect(resultOf(record({ result: { json: "null" } }))).toBeNull();
  expect(resultOf(record({ result: { omitted: "too_large" } }))).toBeUndefined();
  expect(resultOf(record({ result: null }))).toBeUndefined();
});
