import { describe, expect, test } from "vitest";
import type { Start } from "./claim.ts";
import type { Failure } from "./failure.ts";
import { type Approval, type Hold, WAITS_FOR_CASE } from "./hold.ts";
import {
  advance,
  type EventType,
  firstEvent,
  firstReceipt,
  isRefusal,
  type LifecycleEvent,
  RESTORED,
  rowFor,
  TRANSITIONS,
  type Transition,
  transition,
} from "./lifecycle.ts";
import { type Receipt, STATES, type State } from "./receipt.ts";

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
  hostScope: null,
  hostCallId: null,
  traceId: null,
  amount: 5,
  serialized: false,
  caseId: null,
  expected: null,
  keyId: null,
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

/** One that was never claimed: nothing of it was tried. */
function held(more: Partial<Receipt> = {}): Receipt {
  const never = { fencingToken: 0, generation: 1, attemptNumber: 0 };
  return record("held", { hold: HOLD, reason: "over the limit", ...never, ...more });
}

function first(start: Start, tracked = false): Receipt {
  return firstReceipt({ ...CLAIM, start, tracked }, NOW);
}

function go(receipt: Receipt, event: LifecycleEvent): Transition {
  const made = transition(receipt, event, "owner");
  if (isRefusal(made)) throw new Error(`${event.type} is refused from ${receipt.state}`);
  return made;
}

const REJECTED: Failure = { certainty: "definite", tier: "conflict", code: "http_409", message: "no" };
const LOST: Failure = { certainty: "indefinite", tier: "transient", code: "ECONNRESET", message: "hang up" };
const RESULT = { json: '{"id":1}' };

const APPROVAL: Approval = { actor: "ada", reason: "checked", expiresAt: 9_000, fingerprint: "f" };
const approve: LifecycleEvent = { type: "approve", approval: APPROVAL };
const APPROVED: Hold = { ...HOLD, approval: APPROVAL };
const CASE_HOLD: Hold = { ...HOLD, waitsFor: "case", reasons: [], caseId: "match-7", outcome: "YES" };
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
  restored: ["held", "running", "retry_wait", "in_doubt"],
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
      hostScope: null,
      hostCallId: null,
      traceId: null,
      amount: 5,
      serialized: false,
      caseId: null,
      expected: null,
      keyId: null,
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
      hold: null,
      dispatched: null,
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

  test("1: the outbox records it as a retry that is due, of an attempt that was never made", () => {
    expect(rowFor(null, { type: "enqueue" })).toMatchObject({ row: 1, to: "retry_wait" });
    expect(first({ state: "retry_wait" })).toEqual({
      ...first(CLAIM.start),
      state: "retry_wait",
      fencingToken: 0,
      attemptNumber: 0,
      dueAt: NOW,
    });
  });

  test("2: what needs approval or a finality case is held: nothing is claimed, nothing is tried", () => {
    expect(rowFor(null, { type: "hold" })).toMatchObject({ row: 2, to: "held" });
    expect(first({ state: "held", hold: HOLD, dueInMs: 700 })).toEqual({
      ...first(CLAIM.start),
      state: "held",
      fencingToken: 0,
      attemptNumber: 0,
      hold: HOLD,
      reason: "over the limit",
      dueAt: NOW + 700,
    });
    expect(first({ state: "held", hold: CASE_HOLD, dueInMs: 0 })).toMatchObject({ reason: WAITS_FOR_CASE, dueAt: NOW });
  });

  test("2: it goes on waiting, for what it waits for now and until then", () => {
    const made = go(held(), { type: "keep_held", hold: CASE_HOLD, nextInMs: 900 });
    expect(made).toMatchObject({ row: 2, sends: false });
    expect(advance(made, NOW + 5)).toEqual({
      ...held(),
      hold: CASE_HOLD,
      reason: WAITS_FOR_CASE,
      version: 8,
      updatedAt: NOW + 5,
      readAt: NOW + 5,
      dueAt: NOW + 905,
    });
  });

  test("3: a consent is kept with the record, and the record is due at once; nothing is claimed by it", () => {
    const before = held({ dueAt: NOW + 60_000 });
    const made = go(before, approve);
    expect(made).toMatchObject({ row: 3, by: { actor: "ada" }, sends: false, notAfter: null });
    expect(advance(made, NOW + 5)).toEqual({
      ...before,
      hold: APPROVED,
      version: 8,
      updatedAt: NOW + 5,
      readAt: NOW + 5,
      dueAt: NOW + 5,
    });
  });

  test("3: the newest consent is the one that counts; without a hold there is nothing to keep it in", () => {
    const again = { ...APPROVAL, actor: "bob", expiresAt: 10_000 };
    expect(go(held({ hold: APPROVED }), { type: "approve", approval: again }).next.hold?.approval).toEqual(again);
    expect(go(held({ hold: null }), approve).next.hold).toBeNull();
  });

  test("3: released, it runs under a new fence and with a lease, and the consent is still known", () => {
    const made = go(held({ hold: APPROVED }), { type: "release", leaseMs: 5_000, notAfter: 9_000 });
    expect(made).toMatchObject({
      row: 3,
      sends: true,
      notAfter: 9_000,
      next: { state: "running", fencingToken: 1, attemptNumber: 1, reason: null, hold: APPROVED },
    });
    expect(advance(made, NOW).dueAt).toBe(NOW + 5_000);
  });

  test("3: the one compare-and-set that releases it is bound to the record as it was, so a consent starts one attempt", () => {
    const made = go(held({ hold: APPROVED }), ONE_OF_EACH.release);
    const running = advance(made, NOW);
    expect(running).toMatchObject({ state: "running", version: made.from.version + 1 });
    expect(transition(running, ONE_OF_EACH.release, "other")).toEqual({
      refused: true,
      state: "running",
      event: "release",
    });
  });

  test.each<[string | null, string]>([
    ["ada", "no"],
    [null, "approval_expired"],
  ])("4: denied by %s, it is denied, with the reason", (actor, reason) => {
    expect(go(held(), { type: "deny", actor, reason })).toMatchObject({
      row: 4,
      by: { actor },
      sends: false,
      next: { state: "denied", reason, dueInMs: null, fencingToken: 0, attemptNumber: 0 },
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

  test.each<[LifecycleEvent, number]>([
    [failure(), 0],
    // A re-send waits its backoff, as every attempt does.
    [failure({ retryInMs: 250 }), 250],
    [failure({ route: "domain_expert" }), 0],
  ])(
    "8: a definite failure after an indefinite one is in doubt, never failed and never retried (%#)",
    (event, dueInMs) => {
      expect(go(record("running", { mayHaveApplied: true }), event)).toMatchObject({
        row: 8,
        next: {
          state: "in_doubt",
          mayHaveApplied: true,
          failure: REJECTED,
          route: null,
          reason: null,
          dueInMs,
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

  test("9: in a new epoch a first call is a question: it may have been sent at any time since the backup", () => {
    expect(rowFor(null, { type: "doubt" })).toMatchObject({ row: 9, to: "in_doubt" });
    expect(first({ state: "in_doubt", sentFrom: 400, sentUntil: 900 })).toEqual({
      ...first(CLAIM.start),
      state: "in_doubt",
      fencingToken: 0,
      attemptNumber: 0,
      mayHaveApplied: true,
      failure: RESTORED,
      generationAt: 400,
      attemptEndedAt: 900,
      dueAt: NOW,
    });
    expect(RESTORED).toMatchObject({ certainty: "indefinite", code: "restored" });
  });

  test("9: after a restore, what was in doubt in the backup keeps why, and settles from now on", () => {
    const before = record("in_doubt", {
      mayHaveApplied: true,
      failure: REJECTED,
      attemptEndedAt: 1,
      dueAt: NOW + 9_000,
    });
    expect(advance(go(before, { type: "restored" }), NOW + 5)).toEqual({
      ...before,
      ...{ attemptEndedAt: NOW + 5, dueAt: NOW + 5, version: 8, updatedAt: NOW + 5, readAt: NOW + 5 },
    });
  });

  test.each(["held", "running", "retry_wait"] as const)(
    "9: after a restore, what was %s in the backup may have happened since, until now",
    (state) => {
      const before = record(state, { hold: APPROVED, reason: "why", failure: REJECTED, attemptEndedAt: 1 });
      const made = go(before, { type: "restored" });
      expect(made).toMatchObject({ row: 9, sends: false });
      expect(advance(made, NOW + 5)).toEqual({
        ...before,
        state: "in_doubt",
        mayHaveApplied: true,
        failure: RESTORED,
        reason: null,
        attemptEndedAt: NOW + 5,
        dueAt: NOW + 5,
        version: 8,
        updatedAt: NOW + 5,
        readAt: NOW + 5,
      });
    },
  );

  describe("9: with a mark before every dispatch", () => {
    test("a first claim begins without the mark; an action that does not track has none", () => {
      const starts: readonly Start[] = [
        CLAIM.start,
        { state: "held", hold: HOLD, dueInMs: 0 },
        { state: "retry_wait" },
        { state: "in_doubt", sentFrom: 1, sentUntil: 2 },
      ];
      for (const start of starts) {
        expect(first(start, true).dispatched).toBe(false);
        expect(first(start, false).dispatched).toBeNull();
      }
    });

    test("the mark is a write under the fence that keeps the claim and its lease as they are", () => {
      const before = record("running", { dispatched: false });
      const made = go(before, { type: "dispatch" });
      expect(made).toMatchObject({ row: 9, sends: true, notAfter: null });
      expect(advance(made, NOW + 5)).toEqual({
        ...before,
        dispatched: true,
        version: 8,
        updatedAt: NOW + 5,
        readAt: NOW + 5,
      });
    });

    test("a lapse without the mark proves that nothing was sent: it waits for its next attempt, without a doubt", () => {
      expect(go(record("running", { dispatched: false }), { type: "lapse" })).toMatchObject({
        row: 9,
        requiresLapse: true,
        sends: false,
        next: {
          state: "retry_wait",
          mayHaveApplied: false,
          failure: { certainty: "definite", tier: "transient", code: "never_sent" },
          dueInMs: 0,
          endsAttempt: true,
          fencingToken: 4,
          generation: 2,
          attemptNumber: 3,
        },
      });
    });

    test.each<[string, Partial<Receipt>]>([
      ["the mark is there", { dispatched: true }],
      ["the action does not track", { dispatched: null }],
      ["an earlier attempt may have had its effect", { dispatched: false, mayHaveApplied: true }],
    ])("a lapse proves nothing where %s", (_why, more) => {
      expect(go(record("running", more), { type: "lapse" })).toMatchObject({
        row: 9,
        next: { state: "in_doubt", mayHaveApplied: true, failure: { certainty: "indefinite", code: "lease_expired" } },
      });
    });

    test("an effect inside the store's own transaction has not happened as long as the record does not say so", () => {
      for (const dispatched of [null, false]) {
        const made = go(record("running", { capability: "transaction", dispatched }), { type: "lapse" });
        expect(made.next).toMatchObject({
          state: "retry_wait",
          mayHaveApplied: false,
          failure: { code: "never_sent" },
        });
      }
      const others = ["none", "probe", "downstream_key", "probe_and_downstream_key"] as const;
      for (const capability of others) {
        expect(go(record("running", { capability }), { type: "lapse" }).next.state).toBe("in_doubt");
      }
    });

    test.each<[string, Partial<Receipt>]>([
      [
        "marked: it was committed half done, or made by an action that is no transaction any more",
        { dispatched: true },
      ],
      ["in doubt from an earlier attempt", { mayHaveApplied: true }],
    ])("but for one that is %s", (_why, more) => {
      const lapsed = go(record("running", { capability: "transaction", ...more }), { type: "lapse" });
      expect(lapsed.next).toMatchObject({
        state: "in_doubt",
        mayHaveApplied: true,
        failure: { code: "lease_expired" },
      });
    });

    test("a claim can begin with the mark, and no other start can", () => {
      const starts: [Start, boolean | null][] = [
        [{ state: "running", leaseMs: 1 }, true],
        [{ state: "held", hold: HOLD, dueInMs: 1 }, null],
        [{ state: "retry_wait" }, null],
      ];
      for (const [start, dispatched] of starts) {
        expect(firstReceipt({ ...CLAIM, start, marked: true }, NOW)).toMatchObject({ dispatched });
        expect(firstReceipt({ ...CLAIM, start, marked: true }, NOW)).not.toHaveProperty("marked");
      }
    });

    test.each<[State, LifecycleEvent]>([
      ["held", { type: "release", leaseMs: 1, notAfter: null }],
      ["retry_wait", { type: "retry", leaseMs: 1 }],
      ["in_doubt", { type: "resend", leaseMs: 1, notAfter: null }],
    ])("every new claim begins without it (from %s)", (state, event) => {
      expect(go(record(state, { dispatched: true }), event).next.dispatched).toBe(false);
      expect(go(record(state, { dispatched: false }), event).next.dispatched).toBe(false);
      expect(go(record(state, { dispatched: null }), event).next.dispatched).toBeNull();
    });

    test("the proof is gone with the doubt of an earlier attempt: a re-send that lapses unmarked is still a question", () => {
      const doubt = record("in_doubt", { mayHaveApplied: true, dispatched: true });
      const again = advance(go(doubt, { type: "resend", leaseMs: 1, notAfter: null }), NOW);
      expect(again).toMatchObject({ state: "running", dispatched: false, mayHaveApplied: true });
      expect(go(again, { type: "lapse" }).next).toMatchObject({ state: "in_doubt", mayHaveApplied: true });
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

  test.each<[State, LifecycleEvent]>([
    ["held", { type: "release", leaseMs: 1, notAfter: null }],
    ["retry_wait", { type: "retry", leaseMs: 1 }],
  ])("3, 10: what waited before its first attempt (%s) counts from that attempt", (state, event) => {
    const never = record(state, { attemptNumber: 0, fencingToken: 0, generationAt: 1 });
    expect(go(never, event).next).toMatchObject({ startsGeneration: true, generation: 2, attemptNumber: 1 });
    expect(advance(go(never, event), NOW + 5).generationAt).toBe(NOW + 5);
    expect(go(record(state, { attemptNumber: 1 }), event).next.startsGeneration).toBe(false);
  });

  test("11: one that may have been sent before counts from then on: its key may be that old", () => {
    const lost = first({ state: "in_doubt", sentFrom: 400, sentUntil: 900 });
    const made = go(lost, { type: "resend", leaseMs: 5_000, notAfter: 2_000 });
    expect(made).toMatchObject({ row: 11, notAfter: 2_000, next: { fencingToken: 1, attemptNumber: 1 } });
    expect(advance(made, NOW + 5).generationAt).toBe(400);
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
    const doubt = record("in_doubt", { mayHaveApplied: true, failure: LOST });
    expect(go(doubt, { type: "probe_did_not_happen", retryInMs: 0 })).toMatchObject({
      row: 13,
      next: { state: "retry_wait", mayHaveApplied: false, dueInMs: 0, fencingToken: 4, generation: 2, failure: LOST },
    });
    expect(go(doubt, { type: "probe_did_not_happen", retryInMs: null })).toMatchObject({
      row: 13,
      next: {
        state: "failed",
        mayHaveApplied: false,
        dueInMs: null,
        failure: { certainty: "definite", tier: null, message: expect.stringMatching(/probe says so/) },
      },
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
      by: { actor: "ada" },
      next: { ...decided, state: "succeeded", evidence: "person", result: RESULT, failure: null, generation: 2 },
    });
    expect(go(review, resolve("did_not_happen"))).toMatchObject({
      row: 16,
      next: {
        ...decided,
        state: "failed",
        generation: 2,
        startsGeneration: false,
        dueInMs: null,
        failure: { certainty: "definite", message: "ada: asked the bank" },
      },
    });
    expect(go(review, resolve("retry"))).toMatchObject({
      row: 16,
      next: { ...decided, state: "retry_wait", generation: 3, startsGeneration: true, dueInMs: 0, fencingToken: 4 },
    });
  });

  test("16: what is known to have happened can neither be run again nor be said not to have happened", () => {
    const review = record("review", { evidence: "effect", result: RESULT, reason: "refused" });
    for (const decision of ["retry", "did_not_happen"] as const) {
      expect(transition(review, resolve(decision), "owner")).toHaveProperty("refused", true);
    }
    expect(go(review, resolve("happened")).next).toMatchObject({ state: "succeeded", evidence: "person" });
  });

  test("10, 11: while evidence contradicts the record nothing is sent; a person has to look first", () => {
    const events = { retry_wait: ONE_OF_EACH.retry, in_doubt: ONE_OF_EACH.resend };
    for (const state of ["retry_wait", "in_doubt"] as const) {
      expect(transition(record(state, { conflict: true }), events[state], "owner")).toHaveProperty("refused", true);
      expect(go(record(state, { conflict: true }), ONE_OF_EACH.give_up).next).toMatchObject({ conflict: true });
    }
  });

  test("3: nor is what is held, until a person who has looked consents", () => {
    const contradicted = held({ hold: APPROVED, conflict: true });
    expect(transition(contradicted, ONE_OF_EACH.release, "owner")).toHaveProperty("refused", true);
    const approved = advance(go(contradicted, approve), NOW);
    expect(approved.conflict).toBe(false);
    expect(go(approved, ONE_OF_EACH.release).next).toMatchObject({ state: "running", conflict: false });
    // To wait on is no look at it.
    expect(go(contradicted, ONE_OF_EACH.keep_held).next.conflict).toBe(true);
  });

  describe("16: of a settled record that evidence contradicts, a person decides which of the two is true", () => {
    const settled = (state: State, conflict: boolean) =>
      record(state, { conflict, result: state === "succeeded" ? { json: '{"id":"own"}' } : null, failure: REJECTED });

    test.each<[State, "happened" | "did_not_happen"]>([
      ["succeeded", "happened"],
      ["failed", "did_not_happen"],
      ["denied", "did_not_happen"],
    ])("%s, and it is true that it %s: all stays as it is but the conflict", (state, decision) => {
      const before = { ...settled(state, true), reason: "why", dueAt: null };
      const made = go(before, resolve(decision));
      expect(made).toMatchObject({ row: 16, by: { actor: "ada" }, tells: null, sends: false });
      expect(advance(made, NOW + 5)).toEqual({
        ...before,
        conflict: false,
        version: 8,
        updatedAt: NOW + 5,
        readAt: NOW + 5,
      });
    });

    test.each(["failed", "denied"] as const)("%s, but it has happened after all", (state) => {
      expect(go(settled(state, true), resolve("happened"))).toMatchObject({
        row: 16,
        next: {
          ...{ state: "succeeded", evidence: "person", result: RESULT, conflict: false, failure: null },
          reason: "asked the bank",
          dueInMs: null,
        },
      });
    });

    test("nothing else is decided about what is settled", () => {
      const decisions = ["happened", "did_not_happen", "retry"] as const;
      for (const state of ["succeeded", "failed", "denied"] as const) {
        for (const decision of decisions) {
          expect(transition(settled(state, false), resolve(decision), "owner")).toHaveProperty("refused", true);
        }
        expect(transition(settled(state, true), resolve("retry"), "owner")).toHaveProperty("refused", true);
      }
      expect(transition(settled("succeeded", true), resolve("did_not_happen"), "owner")).toHaveProperty(
        "refused",
        true,
      );
    });
  });

  test.each(["happened", "did_not_happen", "retry"] as const)("16, 19: with %s a person has looked", (decision) => {
    expect(go(record("review", { conflict: true }), resolve(decision)).next.conflict).toBe(false);
    expect(go(record("failed", { conflict: true }), ONE_OF_EACH.reopen).next.conflict).toBe(false);
  });

  // 17 and 18: see lifecycle-late-evidence.test.ts.

  test("19: a failed one is reopened under a new generation", () => {
    expect(
      go(record("failed", { failure: REJECTED }), { type: "reopen", actor: "ada", reason: "card works" }),
    ).toMatchObject({
      row: 19,
      by: { actor: "ada" },
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

  test.each(["succeeded", "failed", "denied", "compensated"] as const)(
    "21: after retention the final state %s stays known; payload, result, consent and the words of the error go",
    (state) => {
      const done = record(state, {
        result: RESULT,
        evidence: "probe",
        failure: REJECTED,
        hold: APPROVED,
        reason: "a person's words",
        conflict: true,
        dueAt: null,
      });
      const made = go(done, { type: "expire" });
      expect(made.row).toBe(21);
      expect(advance(made, NOW + 5)).toEqual({
        ...done,
        state: "expired",
        reason: state,
        payload: null,
        hold: null,
        result: { omitted: "retention" },
        failure: { ...REJECTED, message: "" },
        version: 8,
        updatedAt: NOW + 5,
        readAt: NOW + 5,
      });
    },
  );

  test("21: where there was no result and no error, there is none afterwards", () => {
    expect(go(record("denied"), { type: "expire" }).next).toMatchObject({ result: null, failure: null });
  });
});

test.each<[Start, EventType]>([
  [CLAIM.start, "claim"],
  [{ state: "held", hold: HOLD, dueInMs: 0 }, "hold"],
  [{ state: "retry_wait" }, "enqueue"],
  [{ state: "in_doubt", sentFrom: 1, sentUntil: 2 }, "doubt"],
])("the making of a record that starts as %j is logged as %s, and the table agrees on its state", (start, event) => {
  expect(firstEvent(start)).toBe(event);
  expect(rowFor(null, { type: event } as LifecycleEvent)?.to).toBe(start.state);
  expect(first(start).state).toBe(start.state);
});

test("a first record carries nothing that belongs to the claim and not to the request", () => {
  expect(Object.keys(first(CLAIM.start, true))).not.toEqual(expect.arrayContaining(["ownerToken"]));
  for (const field of ["ownerToken", "start", "gate", "tracked"]) expect(first(CLAIM.start)).not.toHaveProperty(field);
});

describe("a transition", () => {
  test("is bound to the record, the owner and the actor", () => {
    const receipt = record("running");
    expect(transition(receipt, success, "mine")).toMatchObject({
      from: receipt,
      ownerToken: "mine",
      by: { actor: "agent" },
    });
  });

  test("writes every field that a store sets, whatever the event: none is left to what was there", () => {
    const fields = Object.keys(go(record("running"), success).next).sort();
    expect(fields).toHaveLength(17);
    for (const { event, next } of EVERY) expect([event, Object.keys(next).sort()]).toEqual([event, fields]);
    for (const event of [failure({ retryInMs: 1 }), failure({ route: "operator" }), resolve("retry"), late(3)]) {
      const state = event.type === "resolve" ? "review" : "running";
      expect(Object.keys(go(record(state), event).next).sort()).toEqual(fields);
    }
  });

  test.each<[Receipt, LifecycleEvent, object]>([
    [
      record("running"),
      { type: "lapse" },
      {
        certainty: "indefinite",
        tier: "transient",
        code: "lease_expired",
        message: expect.stringMatching(/lease ran out/),
      },
    ],
    [
      record("running", { dispatched: false }),
      { type: "lapse" },
      {
        certainty: "definite",
        tier: "transient",
        code: "never_sent",
        message: expect.stringMatching(/nothing was sent/),
      },
    ],
    [
      record("running"),
      { type: "shutdown", nextInMs: 0 },
      { certainty: "indefinite", tier: "transient", code: "shutdown", message: expect.stringMatching(/shut down/) },
    ],
    [
      record("running"),
      { type: "restored" },
      { certainty: "indefinite", tier: "transient", code: "restored", message: expect.stringMatching(/from a backup/) },
    ],
  ])("says why, where no effect said it (%#)", (receipt, event, words) => {
    expect(go(receipt, event).next.failure).toEqual(words);
  });

  /** Every transition that the table allows, one event of each type. */
  const EVERY: readonly Transition[] = Object.values(ONE_OF_EACH).flatMap((event) =>
    STATES.flatMap((state) => {
      const made = transition(record(state, { hold: state === "held" ? HOLD : null }), event, "owner");
      return isRefusal(made) ? [] : [made];
    }),
  );

  test("leads to a dispatch, and so is stopped by a halt, exactly where it claims or marks one", () => {
    for (const { event, sends, from } of EVERY) {
      expect([event, from.state, sends]).toEqual([
        event,
        from.state,
        ["release", "retry", "resend", "dispatch"].includes(event),
      ]);
    }
  });

  test("late evidence sends nothing, also where the record is running and stays so", () => {
    for (const event of [ONE_OF_EACH.late_success, late(3), ONE_OF_EACH.late_denial]) {
      expect(go(record("running"), event)).toMatchObject({ sends: false, next: { state: "running" } });
    }
  });

  test("does not apply any more after the time that its event names, and only a consent or a key has such a time", () => {
    expect(go(held(), { type: "release", leaseMs: 1, notAfter: 77 }).notAfter).toBe(77);
    expect(go(record("in_doubt"), { type: "resend", leaseMs: 1, notAfter: 78 }).notAfter).toBe(78);
    for (const { event, notAfter } of EVERY) expect([event, notAfter]).toEqual([event, null]);
  });

  describe("halts the run", () => {
    const REFUSED: Failure = { certainty: "definite", tier: "security", code: "http_403", message: "no" };
    const HALT = { tenant: "acme", scope: "run", id: "run-1", reason: "security", actor: null };

    test.each<[string, Partial<Receipt>, Partial<Extract<LifecycleEvent, { type: "definite_failure" }>>, State]>([
      ["a review", {}, { route: "security", reason: "security" }, "review"],
      ["a failure", {}, {}, "failed"],
      ["a doubt", { mayHaveApplied: true }, { route: "security" }, "in_doubt"],
      ["a retry", {}, { retryInMs: 5 }, "retry_wait"],
    ])("on a security failure, whatever becomes of the request: %s", (_what, more, event, state) => {
      const made = go(record("running", more), failure({ failure: REFUSED, ...event }));
      expect(made).toMatchObject({ halts: HALT, next: { state } });
    });

    test("on one after which nobody knows whether it happened, as well", () => {
      const unproven: Failure = { ...REFUSED, certainty: "indefinite" };
      const made = go(record("running"), { type: "indefinite", failure: unproven, nextInMs: 0 });
      expect(made).toMatchObject({ halts: HALT, next: { state: "in_doubt" } });
    });

    test("but not where there is no run", () => {
      expect(go(record("running", { runId: null }), failure({ failure: REFUSED })).halts).toBeNull();
    });

    test("and on nothing else", () => {
      for (const { event, halts } of EVERY) expect([event, halts]).toEqual([event, null]);
      for (const tier of ["transient", "validation", "conflict", null] as const) {
        expect(go(record("running"), failure({ failure: { ...REFUSED, tier } })).halts).toBeNull();
      }
    });
  });

  describe("tells a person", () => {
    test.each<[string, Receipt, LifecycleEvent, object]>([
      [
        "of a review, by its route",
        record("running"),
        failure({ route: "data_owner", reason: "validation" }),
        { kind: "review", route: "data_owner", reason: "validation" },
      ],
      [
        "of what nothing automatic is left for",
        record("in_doubt"),
        { type: "give_up", reason: "key_expired", route: "security" },
        { kind: "review", route: "security", reason: "key_expired" },
      ],
      [
        "of a compensation that failed",
        record("compensating", { evidence: "effect" }),
        ONE_OF_EACH.compensation_failed,
        { kind: "review", route: "operator", reason: "refused" },
      ],
      [
        "of a consent that does not count any more, by what is new",
        held({ hold: APPROVED }),
        { type: "keep_held", hold: { ...HOLD, reasons: ["over the limit", "policy_changed"] }, nextInMs: 5 },
        { kind: "held", route: "operator", reason: "policy_changed" },
      ],
      [
        "of a consent that does not count any more, where no reason is given",
        held({ hold: APPROVED }),
        { type: "keep_held", hold: { ...HOLD, reasons: [] }, nextInMs: 5 },
        { kind: "held", route: "operator", reason: null },
      ],
      // It was held for its case, and told to nobody: without a word now, nobody would ever approve it.
      [
        "that approval is needed now, since the policy has become stricter",
        held({ hold: CASE_HOLD, reason: WAITS_FOR_CASE }),
        { type: "keep_held", hold: { ...CASE_HOLD, waitsFor: "approval", reasons: ["over the limit"] }, nextInMs: 5 },
        { kind: "held", route: "operator", reason: "over the limit" },
      ],
      [
        "of evidence that contradicts the record, with the record's own reason",
        record("denied", { reason: "not today" }),
        late(4),
        { kind: "conflict", route: "operator", reason: "not today" },
      ],
    ])("%s", (_what, receipt, event, tells) => {
      expect(go(receipt, event).tells).toEqual(tells);
    });

    test.each<[string, Receipt, LifecycleEvent]>([
      ["of a conflict that is known", record("denied", { conflict: true }), late(4)],
      ["of a review that is known", record("review", { reason: "uncertain" }), late(3)],
      ["of a consent that is still there", held({ hold: APPROVED }), ONE_OF_EACH.approve],
      [
        "of a consent that is kept while it waits for its case",
        held({ hold: APPROVED }),
        { type: "keep_held", hold: { ...CASE_HOLD, approval: APPROVAL }, nextInMs: 5 },
      ],
      ["of a consent that is used", held({ hold: APPROVED }), ONE_OF_EACH.release],
      ["of its own no", held({ hold: APPROVED }), ONE_OF_EACH.deny],
      ["that it waits on for what it waited for", held(), ONE_OF_EACH.keep_held],
    ])("not %s", (_what, receipt, event) => {
      const { conflict } = receipt;
      expect(go({ ...receipt, conflict: conflict || receipt.state === "review" }, event).tells).toBeNull();
    });

    test("of nothing else", () => {
      for (const { event, from, next, tells } of EVERY) {
        const isNews =
          next.state === "review" && from.state !== "review" ? "review" : next.conflict ? "conflict" : null;
        expect([event, from.state, tells?.kind ?? null]).toEqual([event, from.state, isNews]);
      }
    });
  });

  test.each<[State, LifecycleEvent, string | null]>([
    ["held", ONE_OF_EACH.approve, "ada"],
    ["held", ONE_OF_EACH.deny, "ada"],
    ["held", { type: "deny", actor: null, reason: "approval_expired" }, null],
    ["review", ONE_OF_EACH.resolve, "ada"],
    ["failed", ONE_OF_EACH.reopen, "ada"],
    ["succeeded", { type: "compensate", actor: null }, null],
    ["running", ONE_OF_EACH.late_denial, "a webhook"],
    ["in_doubt", { ...late(4), source: "a webhook" } as LifecycleEvent, "a webhook"],
    ["in_doubt", { type: "probe_did_not_happen", retryInMs: 0, source: "a webhook" }, "a webhook"],
    ["in_doubt", { type: "probe_did_not_happen", retryInMs: 0 }, "agent"],
    ["in_doubt", late(4), "agent"],
    ["running", success, "agent"],
    ["held", ONE_OF_EACH.release, "agent"],
    ["running", { type: "restored" }, "agent"],
  ])("from %s, %j is the doing of %s", (state, event, actor) => {
    expect(go(record(state, { hold: HOLD }), event).by.actor).toBe(actor);
  });

  test.each<[LifecycleEvent, State, object | null]>([
    [ONE_OF_EACH.definite_failure, "running", { failure: REJECTED }],
    [ONE_OF_EACH.indefinite, "running", { failure: LOST }],
    [ONE_OF_EACH.resolve, "review", { decision: "happened", reason: "asked the bank" }],
    [ONE_OF_EACH.deny, "held", { reason: "no" }],
    [ONE_OF_EACH.give_up, "in_doubt", { reason: "no_capability" }],
    [ONE_OF_EACH.reopen, "failed", { reason: "card works" }],
    [{ type: "compensate", actor: "ada", reason: "wrong rate" }, "succeeded", { reason: "wrong rate" }],
    [ONE_OF_EACH.compensate, "succeeded", null],
    [ONE_OF_EACH.compensation_failed, "compensating", { reason: "refused" }],
    [late(3, true), "running", { fencingToken: 3, sameKey: true }],
    [
      { ...late(3), fencingToken: null, source: "a webhook" } as LifecycleEvent,
      "running",
      { fencingToken: null, sameKey: false, source: "a webhook" },
    ],
    [ONE_OF_EACH.late_denial, "running", { source: "a webhook", sameKey: true }],
    [approve, "held", { reason: "checked", expiresAt: 9_000 }],
    [ONE_OF_EACH.release, "held", null],
    [ONE_OF_EACH.dispatch, "running", null],
    [ONE_OF_EACH.restored, "running", null],
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
