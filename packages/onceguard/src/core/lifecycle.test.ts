import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Failure } from "./failure.ts";
import type { Hold } from "./hold.ts";
import {
  advance,
  type EventType,
  firstReceipt,
  isRefusal,
  KEEP_DUE,
  type LifecycleEvent,
  rowFor,
  TRANSITIONS,
  type Transition,
  transition,
} from "./lifecycle.ts";
import { isTerminal, type Receipt, STATES, type State } from "./receipt.ts";

const NOW = 1_000_000;

const CLAIM = {
  tenant: "acme",
  requestId: "r",
  explicitId: null,
  action: "refund",
  recordId: "order:A1",
  riskTier: "irreversible",
  capability: "none",
  keySource: "business_key",
  fingerprint: "f",
  payload: '{"amount":5}',
  runId: "run-1",
  actor: "agent",
  amount: 5,
  serialized: false,
  caseId: null,
  ownerToken: "owner",
  start: { state: "running", leaseMs: 30_000 },
  tracked: false,
  gate: null,
} as const;

const HOLD: Hold = {
  waitsFor: "approval",
  reasons: ["over the limit"],
  actionVersion: "1",
  policyVersion: "1",
  caseId: null,
  outcome: null,
  approval: null,
};

function record(state: State, more: Partial<Receipt> = {}): Receipt {
  return { ...firstReceipt(CLAIM, NOW), state, fencingToken: 4, generation: 2, attemptNumber: 3, version: 7, ...more };
}

function go(receipt: Receipt, event: LifecycleEvent): Transition {
  const made = transition(receipt, event, "owner");
  if (isRefusal(made)) throw new Error(`${event.type} is refused from ${receipt.state}`);
  return made;
}

const REJECTED: Failure = { certainty: "definite", tier: "conflict", code: "http_409", message: "no" };
const LOST: Failure = { certainty: "indefinite", tier: "transient", code: "ECONNRESET", message: "hang up" };
const RESULT = { json: '{"id":1}' };

const approve: LifecycleEvent = {
  type: "approve",
  approval: { actor: "ada", reason: "checked", expiresAt: 9_000, fingerprint: "f" },
};
const success: LifecycleEvent = { type: "success", result: RESULT };
const failure = (
  more: Partial<Extract<LifecycleEvent, { type: "definite_failure" }>> = {},
): Extract<LifecycleEvent, { type: "definite_failure" }> => ({
  type: "definite_failure",
  failure: REJECTED,
  retryInMs: null,
  route: null,
  reason: null,
  ...more,
});
const resolve = (decision: "happened" | "did_not_happen" | "retry"): LifecycleEvent => ({
  type: "resolve",
  decision,
  result: RESULT,
  actor: "ada",
  reason: "asked the bank",
});
const late = (fencingToken: number, sameKey = false): LifecycleEvent => ({
  type: "late_success",
  fencingToken,
  result: RESULT,
  sameKey,
});

/** One event of each type, for the question of where it is allowed at all. */
const ONE_OF_EACH: Readonly<Record<EventType, LifecycleEvent>> = {
  claim: { type: "claim" },
  hold: { type: "hold" },
  enqueue: { type: "enqueue" },
  doubt: { type: "doubt" },
  approve,
  keep_held: { type: "keep_held", hold: HOLD, nextInMs: 100 },
  release: { type: "release", leaseMs: 5_000, notAfter: null },
  dispatch: { type: "dispatch" },
  restored: { type: "restored" },
  late_denial: { type: "late_denial", source: "a webhook", sameKey: true },
  deny: { type: "deny", actor: "ada", reason: "no" },
  success,
  definite_failure: failure(),
  indefinite: { type: "indefinite", failure: LOST, nextInMs: 100 },
  shutdown: { type: "shutdown", nextInMs: 100 },
  lapse: { type: "lapse" },
  retry: { type: "retry", leaseMs: 5_000 },
  resend: { type: "resend", leaseMs: 5_000, notAfter: null },
  probe_happened: { type: "probe_happened", result: RESULT },
  probe_did_not_happen: { type: "probe_did_not_happen", retryInMs: 250 },
  probe_cannot_tell: { type: "probe_cannot_tell", nextInMs: 100 },
  give_up: { type: "give_up", reason: "no_capability", route: "operator" },
  resolve: resolve("happened"),
  reopen: { type: "reopen", actor: "ada", reason: "card works" },
  late_success: late(4),
  compensate: { type: "compensate", actor: "ada" },
  compensated: { type: "compensated" },
  compensation_failed: { type: "compensation_failed", reason: "refused" },
  expire: { type: "expire" },
};

/** semantics.md section 4, by event: from which states it is allowed. Everything else is refused. */
const ALLOWED: Readonly<Record<EventType, readonly (State | "absent")[]>> = {
  claim: ["absent"],
  hold: ["absent"],
  enqueue: ["absent"],
  doubt: ["absent"],
  approve: ["held"],
  keep_held: ["held"],
  release: ["held"],
  dispatch: ["running"],
  restored: ["held", "running", "retry_wait"],
  late_denial: STATES,
  deny: ["held"],
  success: ["running"],
  definite_failure: ["running"],
  indefinite: ["running"],
  shutdown: ["running"],
  lapse: ["running"],
  retry: ["retry_wait"],
  resend: ["in_doubt"],
  probe_happened: ["in_doubt"],
  probe_did_not_happen: ["in_doubt"],
  probe_cannot_tell: ["in_doubt"],
  give_up: ["retry_wait", "in_doubt"],
  resolve: ["review"],
  reopen: ["failed"],
  late_success: STATES,
  compensate: ["succeeded"],
  compensated: ["compensating"],
  compensation_failed: ["compensating"],
  expire: ["succeeded", "failed", "denied", "compensated"],
};

test.each(Object.values(ONE_OF_EACH))(
  "$type is allowed from the states of the table, and refused elsewhere",
  (event) => {
    const allowed = ALLOWED[event.type];
    expect(rowFor(null, event) !== undefined).toBe(allowed.includes("absent"));
    for (const state of STATES) {
      const made = transition(record(state), event, "owner");
      if (allowed.includes(state)) expect(made).toMatchObject({ event: event.type, from: { state } });
      else expect(made).toEqual({ refused: true, state, event: event.type });
    }
  },
);

test("every row of semantics.md section 4 is in the table", () => {
  expect([...new Set(TRANSITIONS.map(({ row }) => row))].sort((a, b) => a - b)).toEqual(
    Array.from({ length: 21 }, (_, n) => n + 1),
  );
});

describe("semantics.md section 4, row by row", () => {
  test("1: a first claim creates a running record with fence 1, owner and lease", () => {
    expect(rowFor(null, { type: "claim" })).toMatchObject({ row: 1, to: "running" });
    expect(firstReceipt(CLAIM, NOW)).toEqual({
      tenant: "acme",
      requestId: "r",
      explicitId: null,
      action: "refund",
      recordId: "order:A1",
      riskTier: "irreversible",
      capability: "none",
      keySource: "business_key",
      fingerprint: "f",
      payload: '{"amount":5}',
      runId: "run-1",
      actor: "agent",
      state: "running",
      conflict: false,
      mayHaveApplied: false,
      fencingToken: 1,
      generation: 1,
      attemptNumber: 1,
      version: 1,
      result: null,
      failure: null,
      evidence: null,
      reason: null,
      route: null,
      createdAt: NOW,
      updatedAt: NOW,
      generationAt: NOW,
      attemptEndedAt: null,
      dueAt: NOW + 30_000,
      readAt: NOW,
    });
  });

  test("1: a record that is there already cannot be claimed again", () => {
    expect(transition(record("running"), { type: "claim" }, "owner")).toHaveProperty("refused", true);
  });

  test("2: what needs approval is held", () => {
    expect(rowFor(null, { type: "hold" })).toMatchObject({ row: 2, to: "held" });
  });

  test("3: an approved one runs, under a new fence and with a lease", () => {
    const made = go(record("held", { dueAt: null, reason: "needs approval" }), approve);
    expect(made).toMatchObject({ row: 3, actor: "ada", next: { state: "running", fencingToken: 5, reason: null } });
    expect(advance(made, NOW).dueAt).toBe(NOW + 5_000);
  });

  test("4: a denied one is denied, with the reason", () => {
    expect(go(record("held"), { type: "deny", actor: null, reason: "cancelled" })).toMatchObject({
      row: 4,
      actor: null,
      next: { state: "denied", reason: "cancelled", dueInMs: null },
    });
  });

  test("5: success is recorded with its result and settles every doubt", () => {
    expect(go(record("running", { mayHaveApplied: true, failure: LOST }), success)).toMatchObject({
      row: 5,
      next: {
        state: "succeeded",
        result: RESULT,
        evidence: "effect",
        mayHaveApplied: false,
        failure: null,
        dueInMs: null,
        endsAttempt: true,
      },
    });
  });

  test("6: a definite failure with budget left waits its backoff, under the same fence and generation", () => {
    expect(go(record("running"), failure({ retryInMs: 250, route: "operator", reason: "later" }))).toMatchObject({
      row: 6,
      next: {
        state: "retry_wait",
        failure: REJECTED,
        dueInMs: 250,
        endsAttempt: true,
        fencingToken: 4,
        generation: 2,
        attemptNumber: 3,
        reason: null,
        route: null,
      },
    });
    expect(go(record("running"), failure({ retryInMs: 0 })).next.state).toBe("retry_wait");
  });

  test("7: any other definite failure fails, or goes to a person by route", () => {
    expect(go(record("running"), failure({ reason: "declined" }))).toMatchObject({
      row: 7,
      next: { state: "failed", failure: REJECTED, reason: null, route: null, dueInMs: null, endsAttempt: true },
    });
    expect(go(record("running"), failure({ route: "domain_expert", reason: "conflict" }))).toMatchObject({
      row: 7,
      next: { state: "review", failure: REJECTED, reason: "conflict", route: "domain_expert", dueInMs: 0 },
    });
  });

  test.each([failure(), failure({ retryInMs: 250 }), failure({ route: "domain_expert" })])(
    "8: a definite failure after an indefinite one is in doubt, never failed and never retried (%#)",
    (event) => {
      expect(go(record("running", { mayHaveApplied: true }), event)).toMatchObject({
        row: 8,
        next: {
          state: "in_doubt",
          mayHaveApplied: true,
          failure: REJECTED,
          route: null,
          dueInMs: 0,
          endsAttempt: true,
        },
      });
    },
  );

  test.each<[LifecycleEvent, string, number, boolean]>([
    [{ type: "indefinite", failure: LOST, nextInMs: 100 }, "ECONNRESET", 100, false],
    [{ type: "lapse" }, "lease_expired", 0, true],
    [{ type: "shutdown", nextInMs: 50 }, "shutdown", 50, false],
  ])("9: %j is in doubt, and may have applied", (event, code, dueInMs, requiresLapse) => {
    expect(go(record("running"), event)).toMatchObject({
      row: 9,
      requiresLapse,
      next: {
        state: "in_doubt",
        mayHaveApplied: true,
        failure: { code, certainty: "indefinite" },
        dueInMs,
        endsAttempt: true,
        fencingToken: 4,
        generation: 2,
      },
    });
  });

  test("9: only a lapse asks the store for its clock", () => {
    for (const event of Object.values(ONE_OF_EACH)) {
      for (const state of STATES) {
        const made = transition(record(state), event, "owner");
        if (!isRefusal(made)) expect(made.requiresLapse).toBe(event.type === "lapse");
      }
    }
  });

  test("10: a retry runs as the next attempt under a new fence and the same generation", () => {
    const made = go(record("retry_wait", { failure: REJECTED }), { type: "retry", leaseMs: 5_000 });
    expect(made).toMatchObject({
      row: 10,
      next: { state: "running", fencingToken: 5, attemptNumber: 4, generation: 2, startsGeneration: false },
    });
    expect(advance(made, NOW).dueAt).toBe(NOW + 5_000);
  });

  test("11: a re-send runs under a new fence and the same generation, and still may have applied", () => {
    const made = go(record("in_doubt", { mayHaveApplied: true }), { type: "resend", leaseMs: 5_000, notAfter: null });
    expect(made).toMatchObject({
      row: 11,
      next: { state: "running", fencingToken: 5, attemptNumber: 4, generation: 2, mayHaveApplied: true },
    });
  });

  test("12: a probe that saw it: succeeded, with that evidence", () => {
    expect(go(record("in_doubt", { mayHaveApplied: true }), { type: "probe_happened", result: null })).toMatchObject({
      row: 12,
      next: { state: "succeeded", evidence: "probe", mayHaveApplied: false, failure: null, result: null },
    });
  });

  test("13: a probe that says it did not happen clears the doubt: tried again, or failed", () => {
    const doubt = record("in_doubt", { mayHaveApplied: true });
    expect(go(doubt, { type: "probe_did_not_happen", retryInMs: 0 })).toMatchObject({
      row: 13,
      next: { state: "retry_wait", mayHaveApplied: false, dueInMs: 0, fencingToken: 4, generation: 2 },
    });
    expect(go(doubt, { type: "probe_did_not_happen", retryInMs: null })).toMatchObject({
      row: 13,
      next: { state: "failed", mayHaveApplied: false, dueInMs: null },
    });
  });

  test("13: the settle delay counts from the end of the attempt, which no question moves", () => {
    const doubt = record("in_doubt", { mayHaveApplied: true, attemptEndedAt: NOW - 500 });
    const asked = advance(go(doubt, { type: "probe_cannot_tell", nextInMs: 100 }), NOW);
    expect(asked.attemptEndedAt).toBe(NOW - 500);
    expect(advance(go(asked, { type: "probe_did_not_happen", retryInMs: 0 }), NOW).attemptEndedAt).toBe(NOW - 500);
  });

  test("14: a probe that cannot tell is asked again later", () => {
    expect(
      go(record("in_doubt", { mayHaveApplied: true, failure: LOST }), { type: "probe_cannot_tell", nextInMs: 900 }),
    ).toMatchObject({ row: 14, next: { state: "in_doubt", mayHaveApplied: true, failure: LOST, dueInMs: 900 } });
  });

  test.each(["in_doubt", "retry_wait"] as const)("15: with nothing left to try, %s goes to a person", (state) => {
    const before = record(state, { mayHaveApplied: state === "in_doubt", failure: LOST });
    expect(go(before, { type: "give_up", reason: "key_expired", route: "operator" })).toMatchObject({
      row: 15,
      next: {
        state: "review",
        reason: "key_expired",
        route: "operator",
        mayHaveApplied: before.mayHaveApplied,
        failure: LOST,
        dueInMs: 0,
      },
    });
  });

  test("16: a person decides", () => {
    const review = record("review", { mayHaveApplied: true, failure: LOST, reason: "uncertain", route: "operator" });
    const decided = { route: null, mayHaveApplied: false, reason: "asked the bank" };
    expect(go(review, resolve("happened"))).toMatchObject({
      row: 16,
      actor: "ada",
      next: { ...decided, state: "succeeded", evidence: "person", result: RESULT, failure: null, generation: 2 },
    });
    expect(go(review, resolve("did_not_happen"))).toMatchObject({
      row: 16,
      next: { ...decided, state: "failed", generation: 2, startsGeneration: false, dueInMs: null },
    });
    expect(go(review, resolve("retry"))).toMatchObject({
      row: 16,
      next: { ...decided, state: "retry_wait", generation: 3, startsGeneration: true, dueInMs: 0, fencingToken: 4 },
    });
  });

  describe("17: a late success", () => {
    const settled = { state: "succeeded", evidence: "late", result: RESULT, mayHaveApplied: false, dueInMs: null };

    test.each(["in_doubt", "review", "retry_wait"] as const)("of the newest attempt settles %s", (state) => {
      const before = record(state, { mayHaveApplied: true, route: "operator", reason: "uncertain" });
      expect(go(before, late(4))).toMatchObject({ row: 17, next: { ...settled, route: null, conflict: false } });
    });

    test.each(["in_doubt", "review", "retry_wait"] as const)(
      "of an older attempt settles %s only when one key makes one effect of both",
      (state) => {
        expect(go(record(state), late(3, true))).toMatchObject({ row: 17, next: { ...settled, conflict: false } });
        expect(go(record(state), late(3, false))).toMatchObject({ row: 18, next: { state, conflict: true } });
      },
    );
  });

  describe("18: late evidence that contradicts the record", () => {
    test.each(["held", "failed", "denied", "expired"] as const)(
      "leaves %s as it is, and marks the conflict",
      (state) => {
        const before = record(state, { reason: "why", route: "security", failure: REJECTED, result: { omitted: "x" } });
        const made = go(before, late(4));
        expect(made).toMatchObject({ row: 18, next: { conflict: true, dueInMs: KEEP_DUE } });
        // Nothing else changes: not its result, not its evidence, not what it waits for.
        expect(advance(made, NOW + 5)).toEqual({
          ...before,
          conflict: true,
          version: 8,
          updatedAt: NOW + 5,
          readAt: NOW + 5,
        });
      },
    );

    test("a newer attempt is under way: it keeps its lease", () => {
      const made = go(record("running"), late(3));
      expect(made).toMatchObject({ row: 18, next: { state: "running", conflict: true, fencingToken: 4 } });
      expect(advance(made, NOW + 5).dueAt).toBe(NOW + 30_000);
    });

    test.each(["succeeded", "compensating", "compensated"] as const)(
      "the very success that %s records is none",
      (s) => {
        expect(go(record(s), late(4)).next.conflict).toBe(false);
        expect(go(record(s), late(3, true)).next.conflict).toBe(false);
        expect(go(record(s), late(3, false)).next.conflict).toBe(true);
      },
    );

    test("a conflict is never taken back", () => {
      expect(go(record("succeeded", { conflict: true }), late(4)).next.conflict).toBe(true);
    });
  });

  test("19: a failed one is reopened under a new generation", () => {
    expect(
      go(record("failed", { failure: REJECTED }), { type: "reopen", actor: "ada", reason: "card works" }),
    ).toMatchObject({
      row: 19,
      actor: "ada",
      next: {
        state: "retry_wait",
        generation: 3,
        startsGeneration: true,
        failure: null,
        reason: "card works",
        dueInMs: 0,
      },
    });
  });

  test("20: compensation keeps the receipt of what it undoes", () => {
    const done = record("succeeded", { result: RESULT, evidence: "effect" });
    const kept = { result: RESULT, evidence: "effect" };
    expect(go(done, { type: "compensate", actor: null })).toMatchObject({
      row: 20,
      next: { ...kept, state: "compensating" },
    });
    const undoing = { ...done, state: "compensating" } as const;
    expect(go(undoing, { type: "compensated" })).toMatchObject({ row: 20, next: { ...kept, state: "compensated" } });
    expect(go(undoing, { type: "compensation_failed", reason: "refused" })).toMatchObject({
      row: 20,
      next: { ...kept, state: "review", reason: "refused", route: "operator", dueInMs: 0 },
    });
  });

  test("21: after retention payload and result are gone, and what was known stays", () => {
    const done = record("succeeded", { result: RESULT, evidence: "probe", dueAt: null });
    const expired = advance(go(done, { type: "expire" }), NOW + 5);
    expect(go(done, { type: "expire" }).row).toBe(21);
    expect(expired).toEqual({
      ...done,
      state: "expired",
      payload: null,
      result: { omitted: "retention" },
      version: 8,
      updatedAt: NOW + 5,
      readAt: NOW + 5,
    });
    expect(advance(go(record("failed"), { type: "expire" }), NOW).result).toBeNull();
  });
});

describe("a transition", () => {
  test("is bound to the record, the owner and the actor", () => {
    const receipt = record("running");
    expect(transition(receipt, success, "mine")).toMatchObject({ from: receipt, ownerToken: "mine", actor: "agent" });
  });

  test.each<[LifecycleEvent, State, object | null]>([
    [ONE_OF_EACH.definite_failure, "running", { failure: REJECTED }],
    [ONE_OF_EACH.indefinite, "running", { failure: LOST }],
    [ONE_OF_EACH.resolve, "review", { decision: "happened", reason: "asked the bank" }],
    [ONE_OF_EACH.deny, "held", { reason: "no" }],
    [ONE_OF_EACH.give_up, "in_doubt", { reason: "no_capability" }],
    [ONE_OF_EACH.reopen, "failed", { reason: "card works" }],
    [ONE_OF_EACH.compensation_failed, "compensating", { reason: "refused" }],
    [late(3, true), "running", { fencingToken: 3, sameKey: true }],
    [success, "running", null],
    [ONE_OF_EACH.probe_happened, "in_doubt", null],
  ])("logs what is particular to %j, and no result", (event, state, detail) => {
    const made = go(record(state), event);
    expect(made.detail && JSON.parse(made.detail)).toEqual(detail);
  });

  test("times are the store's now, and only those that it sets", () => {
    const before = record("running", { attemptEndedAt: 1, generationAt: 2 });
    const after = advance(go(before, failure({ retryInMs: 250 })), NOW + 5);
    expect(after).toMatchObject({
      version: 8,
      createdAt: NOW,
      updatedAt: NOW + 5,
      readAt: NOW + 5,
      attemptEndedAt: NOW + 5,
      generationAt: 2,
      dueAt: NOW + 255,
    });
    const reopened = advance(go(record("failed", { attemptEndedAt: 1 }), ONE_OF_EACH.reopen), NOW + 9);
    expect(reopened).toMatchObject({ attemptEndedAt: 1, generationAt: NOW + 9, dueAt: NOW + 9 });
  });
});

describe("any sequence of events", () => {
  /** Every event in its variants, for a record as it stands. */
  const variants = (receipt: Receipt): LifecycleEvent[] => [
    ...Object.values(ONE_OF_EACH),
    failure({ retryInMs: 0, route: "operator", reason: "why" }),
    failure({ route: "domain_expert", reason: "conflict" }),
    { type: "probe_did_not_happen", retryInMs: null },
    resolve("did_not_happen"),
    resolve("retry"),
    ...[0, 1, 2].flatMap((behind) => [false, true].map((same) => late(receipt.fencingToken - behind, same))),
  ];

  type See = (before: Receipt, made: Transition, after: Receipt) => void;

  /** Walks from a first claim, or a held record; each step is one of the events allowed there. */
  function walk(startsHeld: boolean, steps: readonly number[], see: See): void {
    let receipt = firstReceipt(CLAIM, NOW);
    if (startsHeld) receipt = { ...receipt, state: "held", fencingToken: 0, attemptNumber: 0, dueAt: null };
    for (const step of steps) {
      const allowed = variants(receipt).filter((event) => rowFor(receipt, event));
      const made = go(receipt, allowed[step % allowed.length] as LifecycleEvent);
      const after = advance(made, receipt.updatedAt + 1);
      see(receipt, made, after);
      receipt = after;
    }
  }

  const walks = (each: (walkOn: (see: See) => void) => void, parameters: fc.Parameters<unknown> = { numRuns: 500 }) =>
    fc.assert(
      fc.property(fc.boolean(), fc.array(fc.nat(10_000), { minLength: 1, maxLength: 40 }), (held, steps) =>
        each((see) => walk(held, steps, see)),
      ),
      parameters as object,
    );
  const property = (see: See, parameters?: fc.Parameters<unknown>) => walks((walkOn) => walkOn(see), parameters);

  test("visits every state and every row", () => {
    const states = new Set<State>();
    const rows = new Set<number>();
    // The same walks every time: whether they get everywhere must not be left to chance.
    property(
      (before, made, after) => {
        states.add(before.state).add(after.state);
        rows.add(made.row);
      },
      { numRuns: 3_000, seed: 1 },
    );
    expect([...states].sort()).toEqual([...STATES].sort());
    expect(rows.size).toBe(19); // rows 1 and 2 make the record
  });

  test("version rises by one, the fence and the attempt by one in rows 3, 10 and 11 and nowhere else", () => {
    property((before, made, after) => {
      const claims = [3, 10, 11].includes(made.row) ? 1 : 0;
      expect([after.version, after.fencingToken, after.attemptNumber]).toEqual([
        before.version + 1,
        before.fencingToken + claims,
        before.attemptNumber + claims,
      ]);
      expect(after.state === "running" && before.state !== "running").toBe(claims === 1);
    });
  });

  test("the generation rises by one in row 16 (retry) and row 19 and nowhere else, never with a possible effect", () => {
    property((before, made, after) => {
      const rises = made.row === 19 || (made.row === 16 && after.state === "retry_wait");
      expect(after.generation).toBe(before.generation + (rises ? 1 : 0));
      expect(after.generationAt).toBe(rises ? after.updatedAt : before.generationAt);
      if (rises) expect(after.mayHaveApplied).toBe(false);
    });
  });

  test("may-have-applied comes with row 9, goes only with evidence or a person, and never hides in a settled state", () => {
    property((before, made, after) => {
      if (!before.mayHaveApplied && after.mayHaveApplied) expect(made.row).toBe(9);
      if (before.mayHaveApplied && !after.mayHaveApplied) expect([5, 12, 13, 16, 17]).toContain(made.row);
      if (made.row === 9) expect(after.mayHaveApplied).toBe(true);
      if (after.mayHaveApplied) expect(["running", "in_doubt", "review"]).toContain(after.state);
      if (after.state === "in_doubt") expect(after.mayHaveApplied).toBe(true);
    });
  });

  test("a terminal state is left only by reopen, compensate and expire", () => {
    property((before, made, after) => {
      if (!isTerminal(before.state) || after.state === before.state) return;
      const ways: Partial<Record<EventType, State>> = {
        reopen: "retry_wait",
        compensate: "compensating",
        expire: "expired",
      };
      expect(ways[made.event]).toBe(after.state);
      if (made.event === "reopen") expect(before.state).toBe("failed");
      if (made.event === "compensate") expect(before.state).toBe("succeeded");
    });
  });

  test("what succeeded never runs again and never becomes failed, and what expired stays so", () => {
    walks((walkOn) => {
      let succeeded = false;
      walkOn((before, _made, after) => {
        // In review: a compensation that failed. What can be decided there is about that, not about the effect.
        if (succeeded) expect(["succeeded", "compensating", "compensated", "expired", "review"]).toContain(after.state);
        if (after.state === "succeeded") succeeded = true;
        if (before.state === "expired") expect(after.state).toBe("expired");
      });
    });
  });

  test("what is failed says why, and that is certain", () => {
    property((_before, _made, after) => {
      if (after.state === "failed") expect(after.failure?.certainty).toBe("definite");
    });
  });

  test("the payload goes in row 21 and nowhere else; who it is never changes", () => {
    property((before, made, after) => {
      expect(after.payload).toBe(made.row === 21 ? null : before.payload);
      for (const field of ["tenant", "requestId", "fingerprint", "action", "capability", "createdAt"] as const) {
        expect(after[field]).toBe(before[field]);
      }
    });
  });

  test("a due time stands exactly where something is still to happen, and a conflict stays", () => {
    property((before, _made, after) => {
      const open = ["running", "retry_wait", "in_doubt", "review"].includes(after.state);
      expect(after.dueAt !== null).toBe(open);
      expect(after.route === null || after.state === "review").toBe(true);
      expect(after.conflict || !before.conflict).toBe(true);
      expect(after.evidence !== null || after.state !== "succeeded").toBe(true);
    });
  });
});
