import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Hold, problemWithApproval, reasonOf, WAITS_FOR_CASE } from "./hold.ts";

const HOLD: Hold = {
  waitsFor: "approval",
  reasons: ["over the limit", "new customer"],
  actionVersion: "3",
  policyVersion: "2026-01",
  caseId: null,
  outcome: null,
  approval: { actor: "ada", reason: "checked", expiresAt: 9_000, fingerprint: "f" },
};
const SAME = { at: 8_999, fingerprint: "f", actionVersion: "3", policyVersion: "2026-01" };

describe("problemWithApproval", () => {
  test("none where everything is as it was when the consent was given, and it is used in time", () => {
    expect(problemWithApproval(HOLD, SAME)).toBeNull();
  });

  test.each([
    [8_999, null],
    [9_000, "approval_expired"],
    [9_001, "approval_expired"],
  ])("at %i, of a consent until 9000: %s", (at, problem) => {
    expect(problemWithApproval(HOLD, { ...SAME, at })).toBe(problem);
  });

  test("nobody has consented", () => {
    expect(problemWithApproval({ ...HOLD, approval: null }, SAME)).toBe("not_approved");
  });

  test.each([
    [{ fingerprint: "g" }, "payload_changed"],
    [{ actionVersion: "4" }, "action_changed"],
    [{ policyVersion: "2026-02" }, "policy_changed"],
  ])("consent was given to something else: %j", (changed, problem) => {
    expect(problemWithApproval(HOLD, { ...SAME, ...changed })).toBe(problem);
  });

  test("the worst comes first: what was consented to is asked before how long ago that was", () => {
    const all = { at: 9_000, fingerprint: "g", actionVersion: "4", policyVersion: "2026-02" };
    const order = [
      problemWithApproval({ ...HOLD, approval: null }, all),
      problemWithApproval(HOLD, all),
      problemWithApproval(HOLD, { ...all, fingerprint: "f" }),
      problemWithApproval(HOLD, { ...all, fingerprint: "f", actionVersion: "3" }),
      problemWithApproval(HOLD, { ...SAME, at: 9_000 }),
    ];
    expect(order).toEqual(["not_approved", "payload_changed", "action_changed", "policy_changed", "approval_expired"]);
  });

  test("counts only where nothing at all differs", () => {
    const word = fc.constantFrom("f", "3", "2026-01", "x");
    const times = fc.integer({ min: 8_990, max: 9_010 });
    fc.assert(
      fc.property(word, word, word, times, (fingerprint, actionVersion, policyVersion, at) => {
        const same = fingerprint === "f" && actionVersion === "3" && policyVersion === "2026-01" && at < 9_000;
        expect(problemWithApproval(HOLD, { at, fingerprint, actionVersion, policyVersion }) === null).toBe(same);
      }),
    );
  });
});

test("a held record's reason: the first of the policy's, or that it waits for its case and for nobody", () => {
  expect(reasonOf(HOLD)).toBe("over the limit");
  expect(reasonOf({ ...HOLD, reasons: [] })).toBeNull();
  expect(reasonOf({ ...HOLD, waitsFor: "case", caseId: "match-7" })).toBe(WAITS_FOR_CASE);
});

test("no reason of a policy looks like waiting for a case by accident: only such a record is woken by its case", () => {
  expect(reasonOf({ ...HOLD, reasons: ["near_duplicate"] })).not.toBe(WAITS_FOR_CASE);
  expect(WAITS_FOR_CASE).toBe("waits_for_case");
});
