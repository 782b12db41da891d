import { describe, expect, test } from "vitest";
import type { Failure } from "./failure.ts";
import type { Halt } from "./halt.ts";
import type { Hold } from "./hold.ts";
import { HTTP_STATUS, halted, mismatch, notItsTurn, outcomeOf, skipped } from "./outcome.ts";
import { type Receipt, STATES, type State } from "./receipt.ts";

const FAILURE: Failure = { certainty: "definite", tier: null, code: "card_declined", message: "no funds" };

function record(state: State, more: Partial<Receipt> = {}): Receipt {
  return {
    requestId: "r",
    state,
    result: null,
    failure: null,
    reason: null,
    route: null,
    attemptEndedAt: 4_000,
    dueAt: null,
    readAt: 5_000,
    ...more,
  } as Receipt;
}

describe("what a caller sees of each state", () => {
  test.each<[State, string]>([
    ["held", "held"],
    ["running", "in_progress"],
    ["retry_wait", "retry_later"],
    ["in_doubt", "in_doubt"],
    ["review", "review"],
    ["succeeded", "replayed"],
    ["failed", "failed"],
    ["denied", "denied"],
    ["compensating", "replayed"],
    ["compensated", "replayed"],
    ["expired", "expired"],
  ])("%s: %s", (state, status) => {
    const receipt = record(state, { failure: FAILURE });
    expect(outcomeOf(receipt)).toMatchObject({ status, requestId: "r", receipt });
  });

  test("every state has an answer with an HTTP status", () => {
    for (const state of STATES) expect(HTTP_STATUS[outcomeOf(record(state)).status]).toBeGreaterThanOrEqual(200);
  });

  test("executed is only for the caller whose call it was", () => {
    expect(outcomeOf(record("succeeded"), "executed").status).toBe("executed");
    expect(outcomeOf(record("failed"), "executed").status).toBe("failed");
  });
});

describe("a success", () => {
  test("carries the result as JSON does", () => {
    const outcome = outcomeOf(record("succeeded", { result: { json: '{"id":"re_1"}' } }));
    expect(outcome).toMatchObject({ result: { id: "re_1" } });
    expect(outcome).not.toHaveProperty("omitted");
  });

  test("says why there is none", () => {
    expect(outcomeOf(record("succeeded", { result: { omitted: "too_large" } }))).toMatchObject({
      result: undefined,
      omitted: "too_large",
    });
  });

  test("null is a result, nothing is none", () => {
    expect(outcomeOf(record("succeeded", { result: { json: "null" } }))).toHaveProperty("result", null);
    expect(outcomeOf(record("succeeded"))).toHaveProperty("result", undefined);
  });
});

describe("a running one", () => {
  test("is in progress while its lease lasts; asks to come back before it ends, and soon", () => {
    expect(outcomeOf(record("running", { dueAt: 5_250 }))).toMatchObject({ status: "in_progress", retryAfterMs: 250 });
    expect(outcomeOf(record("running", { dueAt: 60_000 }))).toMatchObject({ retryAfterMs: 1_000 });
  });

  test.each([5_000, 4_999])("is in doubt from the moment its lease has passed (due at %i)", (dueAt) => {
    expect(outcomeOf(record("running", { dueAt }))).toMatchObject({
      status: "in_doubt",
      since: dueAt,
      failure: null,
      next: expect.stringContaining("Do not call again"),
    });
  });
});

describe("one that is not settled", () => {
  test("says in words what to do: ask again with the same id, or not at all", () => {
    const same = expect.stringMatching(/Ask again with the same request id\.$/);
    expect(outcomeOf(record("running", { dueAt: 6_000 }))).toMatchObject({ status: "in_progress", next: same });
    expect(outcomeOf(record("retry_wait", { dueAt: 6_000 }))).toMatchObject({ status: "retry_later", next: same });
  });

  test("whose time is not known is asked about again soon", () => {
    expect(outcomeOf(record("running", { dueAt: null }))).toMatchObject({ status: "in_progress", retryAfterMs: 1_000 });
    expect(outcomeOf(record("retry_wait", { dueAt: null }))).toMatchObject({ retryAfterMs: 1_000 });
  });

  test("and whose lease has passed, at once", () => {
    const receipt = record("running", { dueAt: 4_000 });
    expect(outcomeOf(receipt)).toMatchObject({ requestId: "r", receipt, retryAfterMs: 0 });
  });

  test("a review or a refusal without a reason says so", () => {
    expect(outcomeOf(record("review"))).toMatchObject({ reason: "unknown" });
    expect(outcomeOf(record("denied"))).toMatchObject({ reason: "denied" });
  });

  test("in doubt: since when, why, and not to call again", () => {
    expect(outcomeOf(record("in_doubt", { failure: FAILURE, dueAt: 9_000 }))).toMatchObject({
      since: 4_000,
      failure: FAILURE,
      retryAfterMs: 4_000,
      next: expect.stringContaining("Do not call again"),
    });
    expect(outcomeOf(record("in_doubt", { dueAt: 1 }))).toMatchObject({ retryAfterMs: 1_000 });
  });

  test("a retry: when it is due, never in the past", () => {
    expect(outcomeOf(record("retry_wait", { dueAt: 5_700 }))).toMatchObject({ retryAfterMs: 700 });
    expect(outcomeOf(record("retry_wait", { dueAt: 1 }))).toMatchObject({ retryAfterMs: 0 });
  });

  test("review: why, and whose it is", () => {
    expect(outcomeOf(record("review", { reason: "key_expired", route: "operator", failure: FAILURE }))).toMatchObject({
      reason: "key_expired",
      route: "operator",
      failure: FAILURE,
      next: expect.stringContaining("Do not call again"),
    });
  });
});

describe("one that did not happen", () => {
  test("failed: the same error on every replay", () => {
    expect(outcomeOf(record("failed", { failure: FAILURE }))).toMatchObject({ failure: FAILURE });
  });

  test("failed because a person or a probe said so: certainly did not happen", () => {
    expect(outcomeOf(record("failed"))).toMatchObject({
      failure: { certainty: "definite", code: "did_not_happen", message: "It did not happen." },
    });
  });

  test("denied: why", () => {
    expect(outcomeOf(record("denied", { reason: "over the limit" }))).toMatchObject({ reason: "over the limit" });
  });
});

describe("a held one", () => {
  const hold: Hold = {
    waitsFor: "approval",
    reasons: ["over the limit", "new customer"],
    actionVersion: "1",
    policyVersion: "1",
    caseId: null,
    outcome: null,
    approval: null,
  };

  test("waits for a person: why, and that nothing was sent", () => {
    expect(outcomeOf(record("held", { hold, dueAt: 9_999_999 }))).toEqual({
      status: "held",
      requestId: "r",
      receipt: expect.objectContaining({ state: "held" }),
      waitsFor: "approval",
      caseId: null,
      reasons: ["over the limit", "new customer"],
      // Not for as long as a person may take: the answer can be there at any time.
      retryAfterMs: 1_000,
      next: expect.stringMatching(/person's approval; nothing was sent.*Do not call again under another id/),
    });
  });

  test("waits for its case: which, and that nothing was sent", () => {
    const bound: Hold = { ...hold, waitsFor: "case", caseId: "match-7", reasons: [] };
    expect(outcomeOf(record("held", { hold: bound }))).toMatchObject({
      waitsFor: "case",
      caseId: "match-7",
      reasons: [],
      next: expect.stringMatching(/finality case; nothing was sent.*Do not call again under another id/),
    });
    // For a person first, and for the case after that.
    expect(outcomeOf(record("held", { hold: { ...hold, caseId: "match-7" } }))).toMatchObject({
      waitsFor: "approval",
      caseId: "match-7",
      next: expect.stringContaining("person's approval"),
    });
  });

  test("of which nothing more is known waits for a person", () => {
    expect(outcomeOf(record("held", { hold: null }))).toMatchObject({
      waitsFor: "approval",
      caseId: null,
      reasons: [],
      next: expect.stringContaining("person's approval"),
    });
  });
});

describe("an expired one", () => {
  test.each([
    ["succeeded", "ended as succeeded"],
    ["denied", "ended as denied"],
    [null, "ended as settled"],
  ])("tells its final state (%s), and that it never executes again", (reason, words) => {
    const { reason: said } = outcomeOf(record("expired", { reason })) as { reason: string };
    expect(said).toContain(words);
    expect(said).toContain("never executes again");
  });
});

describe("what stopped a call before it was recorded", () => {
  test("skipped: the earlier receipt, and by which request", () => {
    const earlier = record("succeeded", { requestId: "earlier", action: "refund", recordId: "order:A1" });
    expect(skipped("r", earlier)).toEqual({
      status: "skipped",
      requestId: "r",
      receipt: earlier,
      reason: '"refund" was done on order:A1 inside the window, by request earlier',
    });
    expect(skipped("r", { ...earlier, recordId: null }).reason).toContain("on this record inside the window");
  });

  test.each<[Halt["scope"], string, string, string]>([
    ["run", "run-1", "security", 'the run "run-1" is halted: security'],
    ["action", "refund", "budget:amount per action", 'the action "refund" is halted: budget:amount per action'],
    ["tenant", "acme", "under attack", 'the tenant "acme" is halted: under attack'],
  ])("halted: what is, and why (%s)", (scope, id, reason, words) => {
    const halt: Halt = {
      ...{ tenant: "acme", scope, id, reason, actor: null },
      ...{ haltedAt: 1, resumedAt: null, resumedBy: null, resumeReason: null },
    };
    for (const receipt of [null, record("retry_wait")]) {
      expect(halted("r", halt, receipt)).toEqual({
        status: "halted",
        requestId: "r",
        receipt,
        halt,
        reason: words,
        next: expect.stringMatching(/until a person resumes it\. Do not call again, and do not try another way/),
      });
    }
  });

  test("not its turn: nothing was sent, and the same id keeps the place", () => {
    expect(notItsTurn("r", "order:A1")).toEqual({
      status: "in_progress",
      requestId: "r",
      receipt: null,
      retryAfterMs: 1_000,
      next: expect.stringMatching(/order:A1; nothing was sent\. Ask again with the same request id/),
    });
  });
});

test("a mismatch carries no stored data: the caller may not be the owner", () => {
  expect(mismatch("r")).toEqual({
    status: "mismatch",
    requestId: "r",
    receipt: null,
    reason: expect.stringContaining("new id"),
  });
});

test("HTTP statuses as in semantics.md section 5", () => {
  expect(HTTP_STATUS).toEqual({
    executed: 200,
    replayed: 200,
    skipped: 200,
    in_doubt: 202,
    review: 202,
    held: 202,
    denied: 403,
    in_progress: 409,
    expired: 410,
    mismatch: 422,
    failed: 422,
    halted: 423,
    retry_later: 503,
    unavailable: 503,
  });
});
