import { describe, expect, test } from "vitest";
import type { Failure } from "./failure.ts";
import { advance, firstReceipt, isRefusal, type LifecycleEvent, type Transition, transition } from "./lifecycle.ts";
import { type Receipt, STATES, type State } from "./receipt.ts";

// Rows 17 and 18 of semantics.md section 4: what arrives after a claim was taken away, or from the provider.

const NOW = 1_000_000;
const RESULT = { json: '{"id":1}' };
const OWN = { json: '{"id":"own"}' };
const REJECTED: Failure = { certainty: "definite", tier: "conflict", code: "http_409", message: "no" };

const CLAIM = {
  tenant: "acme",
  requestId: "r",
  explicitId: null,
  action: "refund",
  recordId: "order:A1",
  riskTier: "irreversible",
  capability: "downstream_key",
  keySource: "business_key",
  fingerprint: "f",
  payload: "{}",
  runId: "run-1",
  actor: "agent",
  hostScope: null,
  hostCallId: null,
  traceId: null,
  amount: null,
  serialized: false,
  caseId: null,
  expected: null,
  keyId: null,
  ownerToken: "owner",
  start: { state: "running", leaseMs: 30_000 },
  tracked: false,
  gate: null,
} as const;

/** In its fourth claim, with something in every field that evidence could spoil. */
function record(state: State, more: Partial<Receipt> = {}): Receipt {
  return {
    ...firstReceipt(CLAIM, NOW),
    ...{ state, fencingToken: 4, generation: 2, attemptNumber: 3, version: 7 },
    ...{ reason: "why", route: "security", failure: REJECTED },
    ...more,
  };
}

/** Says that it happened, and by whatever way it got to know. */
const DONE = ["succeeded", "compensating", "compensated"] as const;
const OPEN = ["in_doubt", "review", "retry_wait"] as const;

function go(receipt: Receipt, event: LifecycleEvent): Transition {
  const made = transition(receipt, event, "owner");
  if (isRefusal(made)) throw new Error(`${event.type} is refused from ${receipt.state}`);
  return made;
}

/** From the owner of that claim; from the provider, who knows of no claims, it is null. */
const success = (fencingToken: number | null, sameKey: boolean): LifecycleEvent => ({
  type: "late_success",
  fencingToken,
  sameKey,
  result: RESULT,
});
const denial = (sameKey: boolean): LifecycleEvent => ({ type: "late_denial", source: "a webhook", sameKey });

/** The record but for its version and times. */
function untouched(before: Receipt, more: Partial<Receipt> = {}): Receipt {
  return { ...before, version: 8, updatedAt: NOW + 5, readAt: NOW + 5, ...more };
}

const NEWEST = 4;
const OLDER = 3;
const PROVIDER = null;

describe("17: a late success settles what is open", () => {
  describe.each(OPEN)("%s", (state) => {
    test.each<[string, number | null, boolean]>([
      ["of the newest attempt", NEWEST, true],
      ["of the newest attempt, without a key", NEWEST, false],
      ["of an older attempt under the same key: one effect of both", OLDER, true],
      ["from the provider, who names the current key", PROVIDER, true],
    ])("%s", (_what, fencingToken, sameKey) => {
      const before = record(state, { mayHaveApplied: state !== "retry_wait", attemptEndedAt: 1 });
      const made = go(before, success(fencingToken, sameKey));
      expect(made).toMatchObject({ row: 17, sends: false, tells: null, requiresLapse: false });
      expect(advance(made, NOW + 5)).toEqual(
        untouched(before, {
          state: "succeeded",
          evidence: "late",
          result: RESULT,
          mayHaveApplied: false,
          failure: null,
          reason: null,
          route: null,
          dueAt: null,
        }),
      );
    });

    test.each<[string, number | null]>([
      ["of an older attempt, while a newer one may be a second effect", OLDER],
      ["from the provider, who names another key", PROVIDER],
    ])("but not %s (row 18)", (_what, fencingToken) => {
      const before = record(state);
      const made = go(before, success(fencingToken, false));
      expect(made).toMatchObject({ row: 18, tells: { kind: "conflict" } });
      expect(advance(made, NOW + 5)).toEqual(untouched(before, { conflict: true }));
    });
  });

  // What is asked there is about the compensation, and no repeated webhook of the effect answers that.
  test("a review of a compensation that failed stays one, whatever says once more that the effect happened", () => {
    for (const event of [success(NEWEST, true), success(PROVIDER, true)]) {
      const before = record("review", { evidence: "effect", result: OWN, failure: null, reason: "refused" });
      expect(go(before, event).next).toMatchObject({ state: "review", result: OWN, reason: "refused" });
    }
  });
});

test.each<[string, Receipt, LifecycleEvent]>([
  ["in doubt: it has been heard of already", record("in_doubt", { evidence: "late" }), success(PROVIDER, true)],
  [
    "in doubt: heard of from the provider, then from the owner",
    record("in_doubt", { evidence: "late" }),
    success(NEWEST, false),
  ],
  ["in review: it is the compensation that failed", record("review", { evidence: "effect" }), success(PROVIDER, true)],
  ["running: it has been heard of already", record("running", { evidence: "late" }), success(PROVIDER, true)],
])("a repeated word of what the record knows is no conflict (%s)", (_what, before, event) => {
  expect(go(before, event)).toMatchObject({ tells: null, next: { conflict: false } });
});

describe("18: a late success that the record does not agree with", () => {
  // Whoever says so, and under whatever key: the record says that it did not happen.
  describe.each(["held", "failed", "denied"] as const)("%s becomes a conflict and stays as it is", (state) => {
    test.each([
      [NEWEST, true],
      [NEWEST, false],
      [OLDER, true],
      [OLDER, false],
      [PROVIDER, true],
      [PROVIDER, false],
    ])("fence %j, same key %j", (fencingToken, sameKey) => {
      const before = record(state);
      const made = go(before, success(fencingToken, sameKey));
      expect(made).toMatchObject({ row: 18, sends: false, tells: { kind: "conflict", reason: "why" } });
      expect(advance(made, NOW + 5)).toEqual(untouched(before, { conflict: true }));
    });
  });

  describe.each(DONE)("%s", (state) => {
    test.each([
      [NEWEST, true],
      [NEWEST, false],
      [OLDER, true],
      [PROVIDER, true],
    ])(
      "has said so itself (fence %j, same key %j): no conflict, and a replay answers what it did",
      (fence, sameKey) => {
        const before = record(state, { result: OWN, evidence: "effect" });
        const made = go(before, success(fence, sameKey));
        expect(made).toMatchObject({ row: 18, tells: null });
        expect(advance(made, NOW + 5)).toEqual(untouched(before));
      },
    );

    test.each([
      [OLDER, false],
      [PROVIDER, false],
    ])("hears of a second effect (fence %j, same key %j): a conflict", (fence, sameKey) => {
      const before = record(state, { result: OWN, evidence: "effect" });
      expect(advance(go(before, success(fence, sameKey)), NOW + 5)).toEqual(untouched(before, { conflict: true }));
    });
  });

  test.each<[string | null, boolean]>([
    ["succeeded", false],
    ["compensated", false],
    ["failed", true],
    ["denied", true],
    // From before the final state was kept: nobody knows, so somebody has to look.
    [null, true],
  ])("an expired record answers as what it was (%s): a conflict is %s", (reason, conflict) => {
    for (const event of [success(PROVIDER, true), success(NEWEST, false), success(OLDER, true)]) {
      expect(go(record("expired", { reason, route: null }), event).next).toMatchObject({
        state: "expired",
        conflict,
        reason,
      });
    }
    expect(go(record("expired", { reason }), success(OLDER, false)).next.conflict).toBe(true);
  });
});

describe("while an attempt is under way", () => {
  test.each<[string, number | null, boolean]>([
    ["from the provider, who names the current key", PROVIDER, true],
    ["of that very attempt, whose lease is over", NEWEST, false],
    ["of that very attempt, with its key", NEWEST, true],
    ["of an older attempt under the same key: one effect of both", OLDER, true],
  ])("a success %s is kept until that attempt has ended", (_what, fencingToken, sameKey) => {
    const before = record("running", { reason: null, route: null });
    const made = go(before, success(fencingToken, sameKey));
    expect(made).toMatchObject({ row: 18, sends: false, tells: null });
    expect(advance(made, NOW + 5)).toEqual(
      untouched(before, { result: RESULT, evidence: "late", mayHaveApplied: true }),
    );
  });

  test.each<[string, number | null]>([
    ["of an older attempt under no key", OLDER],
    ["from the provider, who names another key", PROVIDER],
  ])("a success %s is a second effect: a conflict, and the attempt keeps its lease", (_what, fencingToken) => {
    const before = record("running");
    expect(advance(go(before, success(fencingToken, false)), NOW + 5)).toEqual(untouched(before, { conflict: true }));
  });

  test.each<[string, LifecycleEvent]>([
    [
      "a definite failure",
      { type: "definite_failure", failure: REJECTED, retryInMs: 5, route: "operator", reason: "conflict" },
    ],
    ["an indefinite one", { type: "indefinite", failure: REJECTED, nextInMs: 5 }],
    ["a lapse", { type: "lapse" }],
    ["a shutdown", { type: "shutdown", nextInMs: 5 }],
  ])(
    "what was kept is there when the attempt ends in %s: in doubt, never failed, never tried again",
    (_what, event) => {
      const heard = advance(go(record("running", { dispatched: false }), success(PROVIDER, true)), NOW);
      expect(advance(go(heard, event), NOW)).toMatchObject({ state: "in_doubt", evidence: "late", result: RESULT });
    },
  );

  test("the attempt's own success takes its place", () => {
    const heard = advance(go(record("running"), success(PROVIDER, true)), NOW);
    const made = go(heard, { type: "success", result: OWN });
    expect(made.next).toMatchObject({ state: "succeeded", evidence: "effect", result: OWN, mayHaveApplied: false });
  });
});

describe("18: somebody says that it did not happen, after all", () => {
  test.each(STATES)("%s stays as it is in everything but the conflict", (state) => {
    for (const sameKey of [true, false]) {
      const before = record(state, { result: OWN, reason: state === "expired" ? "succeeded" : "why" });
      const made = go(before, denial(sameKey));
      const conflict = sameKey && (state === "expired" || DONE.some((done) => done === state));
      expect(made).toMatchObject({ row: 18, sends: false, by: { actor: "a webhook" } });
      expect(advance(made, NOW + 5)).toEqual(untouched(before, { conflict }));
      expect(made.tells?.kind ?? null).toBe(conflict ? "conflict" : null);
    }
  });

  test.each([
    ["failed", false],
    ["denied", false],
    ["compensated", true],
    [null, false],
  ] as const)("an expired record answers as what it was (%s): a conflict is %s", (reason, conflict) => {
    expect(go(record("expired", { reason }), denial(true)).next.conflict).toBe(conflict);
  });

  // Whatever the record knows it by: two sources that contradict each other are a question for a person.
  test.each<[string, Receipt]>([
    ["a success heard of while the attempt runs", record("running", { evidence: "late", mayHaveApplied: true })],
    ["an effect whose compensation failed", record("review", { evidence: "effect" })],
  ])("it contradicts %s", (_what, before) => {
    expect(go(before, denial(true)).next).toMatchObject({ state: before.state, conflict: true });
  });

  test.each([0, 250, null])(
    "in doubt, a success that was heard of is not forgotten, nor sent again (%j)",
    (retryInMs) => {
      const heard = record("in_doubt", { evidence: "late", result: RESULT, mayHaveApplied: true });
      const made = go(heard, { type: "probe_did_not_happen", retryInMs, source: "a webhook" });
      expect(made).toMatchObject({ row: 18, by: { actor: "a webhook" }, sends: false, tells: { kind: "conflict" } });
      expect(advance(made, NOW + 5)).toEqual(
        untouched(heard, { conflict: true, reason: null, route: null, dueAt: NOW + 5 }),
      );
    },
  );

  test("it says nothing about what was sent under another key", () => {
    for (const before of [record("running", { evidence: "late" }), record("review", { evidence: "effect" })]) {
      expect(go(before, denial(false)).next.conflict).toBe(false);
    }
  });
});

test("a conflict is never taken back by evidence", () => {
  for (const state of STATES) {
    for (const event of [NEWEST, OLDER, PROVIDER].flatMap((fence) => [success(fence, true), success(fence, false)])) {
      expect(go(record(state, { conflict: true }), event).next.conflict).toBe(true);
    }
    for (const sameKey of [true, false]) {
      expect(go(record(state, { conflict: true }), denial(sameKey)).next.conflict).toBe(true);
    }
  }
});
