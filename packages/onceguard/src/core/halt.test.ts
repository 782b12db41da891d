import fc from "fast-check";
import { expect, test } from "vitest";
import { HALT_SCOPES, type HaltOrder, type HaltScope, type HaltSubject, halts } from "./halt.ts";

const subject: HaltSubject = { tenant: "acme", action: "refund", runId: "run-1" };
const order = (scope: HaltScope, id: string, tenant = "acme"): HaltOrder => ({
  tenant,
  scope,
  id,
  reason: "why",
  actor: null,
});

test("what can be stopped", () => {
  expect(HALT_SCOPES).toEqual(["run", "action", "tenant"]);
});

test.each<[HaltScope, string, boolean]>([
  ["tenant", "acme", true],
  ["action", "refund", true],
  ["action", "pay", false],
  ["run", "run-1", true],
  ["run", "run-2", false],
  // The same text as a name of another kind is another thing.
  ["action", "run-1", false],
  ["action", "acme", false],
  ["run", "refund", false],
  ["run", "acme", false],
])("a halt of %s %s: %s", (scope, id, stops) => {
  expect(halts(order(scope, id), subject)).toBe(stops);
});

test("a tenant is stopped whole, whatever its halt is called", () => {
  expect(halts(order("tenant", "everything"), subject)).toBe(true);
});

test.each([
  ["tenant", "acme"],
  ["action", "refund"],
  ["run", "run-1"],
] as const)("another tenant's halt of %s %s stops nothing here", (scope, id) => {
  expect(halts(order(scope, id, "umbrella"), subject)).toBe(false);
});

test("what belongs to no run, no halt of a run stops", () => {
  const alone = { ...subject, runId: null };
  for (const id of ["run-1", "", "null"]) expect(halts(order("run", id), alone)).toBe(false);
  expect(halts(order("action", "refund"), alone)).toBe(true);
  expect(halts(order("tenant", "acme"), alone)).toBe(true);
});

test("stops nobody of another tenant, and only by what the scope names", () => {
  const name = fc.constantFrom("a", "b");
  const orders = fc.record({
    tenant: name,
    scope: fc.constantFrom(...HALT_SCOPES),
    id: name,
    reason: fc.constant("why"),
    actor: fc.constant(null),
  });
  const subjects = fc.record({ tenant: name, action: name, runId: fc.option(name) });
  fc.assert(
    fc.property(orders, subjects, (halt, who) => {
      const named = { tenant: halt.id, action: who.action, run: who.runId }[halt.scope];
      expect(halts(halt, who)).toBe(halt.tenant === who.tenant && named === halt.id);
    }),
  );
});
