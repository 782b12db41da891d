import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ClaimRequest, Start } from "./claim.ts";
import type { Failure } from "./failure.ts";
import type { Hold } from "./hold.ts";
import {
  advance,
  type EventType,
  firstReceipt,
  isRefusal,
  type LifecycleEvent,
  rowFor,
  type Transition,
  transition,
} from "./lifecycle.ts";
import { isTerminal, type Receipt, STATES, type State } from "./receipt.ts";

// What holds for any sequence of events, whatever they are and whoever sends them (semantics.md section 4).

const NOW = 1_000_000;
const RESULT = { json: '{"id":1}' };
const REJECTED: Failure = { certainty: "definite", tier: "conflict", code: "http_409", message: "no" };
const FORBIDDEN: Failure = { ...REJECTED, tier: "security" };
const LOST: Failure = { certainty: "indefinite", tier: "transient", code: "ECONNRESET", message: "hang up" };
const HOLD: Hold = {
  waitsFor: "approval",
  reasons: ["over the limit"],
  actionVersion: "1",
  policyVersion: "1",
  caseId: null,
  outcome: null,
  approval: null,
};
const BY = { actor: "ada", reason: "asked the bank" };

/** Every event in its variants, for a record as it stands. */
function eventsFor({ fencingToken }: Pick<Receipt, "fencingToken">): readonly LifecycleEvent[] {
  const failure = { type: "definite_failure", failure: REJECTED, retryInMs: null, route: null, reason: null } as const;
  const late = [fencingToken, fencingToken - 1, fencingToken - 2, null].flatMap((fence) =>
    [false, true].map(
      (sameKey): LifecycleEvent => ({ type: "late_success", fencingToken: fence, result: { json: "2" }, sameKey }),
    ),
  );
  return [
    { type: "approve", approval: { ...BY, expiresAt: NOW + 9, fingerprint: "f" } },
    { type: "keep_held", hold: HOLD, nextInMs: 100 },
    { type: "keep_held", hold: { ...HOLD, waitsFor: "case", caseId: "match-7" }, nextInMs: 100 },
    { type: "release", leaseMs: 5_000, notAfter: null },
    { type: "release", leaseMs: 5_000, notAfter: NOW + 9 },
    { type: "deny", actor: null, reason: "approval_expired" },
    { type: "dispatch" },
    { type: "success", result: RESULT },
    { type: "success", result: null },
    failure,
    { ...failure, retryInMs: 0, route: "operator", reason: "why" },
    { ...failure, failure: FORBIDDEN, route: "security", reason: "security" },
    { type: "indefinite", failure: LOST, nextInMs: 100 },
    { type: "indefinite", failure: { ...FORBIDDEN, certainty: "indefinite" }, nextInMs: 100 },
    { type: "shutdown", nextInMs: 100 },
    { type: "lapse" },
    { type: "restored" },
    { type: "retry", leaseMs: 5_000 },
    { type: "resend", leaseMs: 5_000, notAfter: NOW + 9 },
    { type: "probe_happened", result: RESULT },
    { type: "probe_did_not_happen", retryInMs: 250 },
    { type: "probe_did_not_happen", retryInMs: null, source: "a webhook" },
    { type: "probe_cannot_tell", nextInMs: 100 },
    { type: "give_up", reason: "no_capability", route: "operator" },
    { type: "resolve", decision: "happened", result: RESULT, ...BY },
    { type: "resolve", decision: "did_not_happen", result: null, ...BY },
    { type: "resolve", decision: "retry", result: null, ...BY },
    { type: "reopen", ...BY },
    { type: "compensate", actor: null },
    { type: "compensated" },
    { type: "compensation_failed", reason: "refused" },
    { type: "expire" },
    { type: "late_denial", source: "a webhook", sameKey: true },
    { type: "late_denial", source: "a webhook", sameKey: false },
    ...late,
  ];
}

const STARTS: readonly Start[] = [
  { state: "running", leaseMs: 30_000 },
  { state: "held", hold: HOLD, dueInMs: 0 },
  { state: "retry_wait" },
  { state: "in_doubt", sentFrom: NOW - 900, sentUntil: NOW - 500 },
];

const requests: fc.Arbitrary<ClaimRequest> = fc.record({
  tenant: fc.constant("acme"),
  requestId: fc.constant("r"),
  explicitId: fc.constant(null),
  action: fc.constant("refund"),
  recordId: fc.constant("order:A1"),
  riskTier: fc.constant("irreversible" as const),
  capability: fc.constantFrom("none" as const, "probe_and_downstream_key" as const, "transaction" as const),
  keySource: fc.constant("business_key" as const),
  fingerprint: fc.constant("f"),
  payload: fc.constant('{"amount":5}'),
  runId: fc.constantFrom("run-1", null),
  actor: fc.constant("agent"),
  hostScope: fc.constant(null),
  hostCallId: fc.constant(null),
  traceId: fc.constant(null),
  amount: fc.constant(5),
  serialized: fc.boolean(),
  caseId: fc.constant(null),
  expected: fc.constant(null),
  keyId: fc.constant(null),
  ownerToken: fc.constant("owner"),
  start: fc.constantFrom(...STARTS),
  tracked: fc.boolean(),
  gate: fc.constant(null),
});

interface Step {
  readonly before: Receipt;
  readonly event: LifecycleEvent;
  readonly made: Transition;
  readonly after: Receipt;
}

/** Each step is one of the events allowed there; most of the time one that changes the state, so that walks get about. */
function walk(request: ClaimRequest, choices: readonly number[]): readonly Step[] {
  const steps: Step[] = [];
  let before = firstReceipt(request, NOW);
  for (const choice of choices) {
    const allowed = eventsFor(before).filter((event) => rowFor(before, event));
    const moving = allowed.filter((event) => rowFor(before, event)?.to !== "same");
    const from = choice % 4 === 0 || moving.length === 0 ? allowed : moving;
    const event = from[Math.floor(choice / 4) % from.length] as LifecycleEvent;
    const made = transition(before, event, "owner");
    if (isRefusal(made)) throw new Error(`${event.type} is refused from ${before.state}`);
    const after = advance(made, before.updatedAt + 1);
    steps.push({ before, event, made, after });
    before = after;
  }
  return steps;
}

function walks(see: (steps: readonly Step[]) => void, more: { numRuns?: number; seed?: number } = {}): void {
  const choices = fc.array(fc.nat(10_000), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(requests, choices, (request, chosen) => see(walk(request, chosen))),
    { numRuns: 500, ...more },
  );
}

/** The same walks every time: whether they get everywhere must not be left to chance. */
const FAR = { numRuns: 3_000, seed: 1 };

const everyStep = (see: (step: Step) => void): void => walks((steps) => steps.forEach(see));

const CLAIMS: readonly EventType[] = ["release", "retry", "resend"];
const isClaim = ({ made }: Step): boolean => CLAIMS.includes(made.event);

describe("any sequence of events", () => {
  test("visits every state, every row and every event", () => {
    const states = new Set<State>();
    const rows = new Set<number>();
    const events = new Set<EventType>();
    walks((steps) => {
      for (const { before, made, after } of steps) {
        states.add(before.state).add(after.state);
        rows.add(made.row);
        events.add(made.event);
      }
    }, FAR);
    expect([...states].sort()).toEqual([...STATES].sort());
    // Row 1 makes the record.
    expect([...rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n + 2));
    const all = eventsFor({ fencingToken: 1 }).map(({ type }) => type);
    expect([...events].sort()).toEqual([...new Set(all)].sort());
  });

  test("version rises by one; the fence and the attempt by one with every claim and with nothing else", () => {
    everyStep((step) => {
      const { before, after } = step;
      const claims = isClaim(step) ? 1 : 0;
      expect([after.version, after.fencingToken, after.attemptNumber]).toEqual([
        before.version + 1,
        before.fencingToken + claims,
        before.attemptNumber + claims,
      ]);
      expect(after.state === "running" && before.state !== "running").toBe(claims === 1);
    });
  });

  test("what is held, waits or is in doubt is never running without a claim, and what sends is a claim or its mark", () => {
    everyStep((step) => {
      expect(step.made.sends).toBe(isClaim(step) || step.made.event === "dispatch");
      if (step.made.sends) expect(step.after.state).toBe("running");
    });
  });

  test("the generation rises with a person's retry and with a reopen and never else, never with a possible effect", () => {
    everyStep(({ made, before, after }) => {
      const rises = made.event === "reopen" || (made.event === "resolve" && after.state === "retry_wait");
      expect(after.generation).toBe(before.generation + (rises ? 1 : 0));
      if (rises) expect(after.mayHaveApplied).toBe(false);
    });
  });

  test("its time begins with it, and again with the first attempt of what was certainly never sent", () => {
    everyStep((step) => {
      const { before, after } = step;
      const rises = after.generation > before.generation;
      const begins = isClaim(step) && before.attemptNumber === 0 && !before.mayHaveApplied;
      expect(after.generationAt).toBe(rises || begins ? after.updatedAt : before.generationAt);
    });
  });

  test("may-have-applied comes with row 9 and with late evidence, goes only with evidence or a person, and never hides", () => {
    everyStep(({ made, before, after }) => {
      if (!before.mayHaveApplied && after.mayHaveApplied) {
        if (made.row !== 9) expect([made.event, after.state]).toEqual(["late_success", "running"]);
      }
      // The commit of a transaction is authoritative, as a probe is: without it there is no effect.
      const isRolledBack = made.event === "lapse" && before.capability === "transaction";
      if (before.mayHaveApplied && !after.mayHaveApplied && !isRolledBack) {
        expect([5, 12, 13, 16, 17]).toContain(made.row);
      }
      if (after.mayHaveApplied) expect(["running", "in_doubt", "review"]).toContain(after.state);
      if (after.state === "in_doubt") expect(after.mayHaveApplied).toBe(true);
    });
  });

  test("a doubt is left only by evidence, a person, or a claim under the same key", () => {
    const ways: readonly EventType[] = ["probe_happened", "probe_did_not_happen", "give_up", "late_success", "resend"];
    everyStep(({ made, before, after }) => {
      if (before.state !== "in_doubt" || after.state === "in_doubt") return;
      expect(ways).toContain(made.event);
      if (made.event === "resend") expect(after).toMatchObject({ generation: before.generation, mayHaveApplied: true });
    });
  });

  test("the mark is there from the dispatch to the next claim, and nothing else touches it", () => {
    everyStep((step) => {
      const { before, made, after } = step;
      const afterClaim = before.dispatched === null ? null : false;
      const expected = made.event === "dispatch" ? true : isClaim(step) ? afterClaim : before.dispatched;
      expect(after.dispatched).toBe(expected);
    });
  });

  test("a lapse leads to another attempt only where nothing can have been sent", () => {
    everyStep(({ made, before, after }) => {
      if (made.event !== "lapse" || after.state !== "retry_wait") return;
      expect(before.capability === "transaction" || before.dispatched === false).toBe(true);
      expect(before.capability === "transaction" || !before.mayHaveApplied).toBe(true);
    });
  });

  test("a terminal state is left only by reopen, compensate and expire, and where evidence contradicts it by a person", () => {
    everyStep(({ made, before, after }) => {
      if (!isTerminal(before.state) || after.state === before.state) return;
      const ways: Partial<Record<EventType, State>> = {
        reopen: "retry_wait",
        resolve: "succeeded",
        compensate: "compensating",
        expire: "expired",
      };
      expect(ways[made.event]).toBe(after.state);
      if (made.event === "reopen") expect(before.state).toBe("failed");
      if (made.event === "resolve") expect([before.state === "succeeded", before.conflict]).toEqual([false, true]);
      if (made.event === "compensate") expect(before.state).toBe("succeeded");
    });
  });

  test("what succeeded never runs again and never becomes failed, and what expired stays so and says what it was", () => {
    walks((steps) => {
      let succeeded = false;
      for (const { before, made, after } of steps) {
        // In review: a compensation that failed. What can be decided there is about that, not about the effect.
        if (succeeded) expect(["succeeded", "compensating", "compensated", "expired", "review"]).toContain(after.state);
        if (after.state === "succeeded") succeeded = true;
        if (before.state === "expired") expect(after).toMatchObject({ state: "expired", reason: before.reason });
        if (made.event === "expire") expect(after.reason).toBe(before.state);
      }
    });
  });

  test("what a replay of a success answers stays the same, whatever evidence comes", () => {
    everyStep(({ before, made, after }) => {
      const isDone = ["succeeded", "compensating", "compensated"].includes(before.state);
      if (!isDone || made.event === "expire") return;
      expect([after.result, after.evidence]).toEqual([before.result, before.evidence]);
    });
  });

  test("what is failed says why, and that is certain", () => {
    everyStep(({ after }) => {
      if (after.state === "failed") expect(after.failure?.certainty).toBe("definite");
    });
  });

  test("a success that was heard of while its attempt ran never ends as failed without a conflict", () => {
    walks((steps) => {
      let heard: number | null = null;
      for (const { before, event, after } of steps) {
        const speaks = event.type === "late_success" && (event.sameKey || event.fencingToken === before.fencingToken);
        if (speaks && before.state === "running" && before.capability !== "transaction") heard = before.generation;
        if (event.type === "resolve" && before.conflict) heard = null; // a person has looked at both
        if (after.state === "failed" && heard === after.generation) expect(after.conflict).toBe(true);
      }
    }, FAR);
  });

  test("the payload goes in row 21 and nowhere else; who it is never changes", () => {
    const identity = ["tenant", "requestId", "fingerprint", "action", "capability", "runId", "caseId", "createdAt"];
    everyStep(({ made, before, after }) => {
      expect(after.payload).toBe(made.row === 21 ? null : before.payload);
      for (const field of identity as readonly (keyof Receipt)[]) expect(after[field]).toEqual(before[field]);
    });
  });

  test("a consent comes from a person only, and what it was given to goes with retention", () => {
    everyStep(({ made, before, after }) => {
      const had = before.hold?.approval ?? null;
      const has = after.hold?.approval ?? null;
      if (has !== null && has !== had) expect(made.event).toBe("approve");
      if (!["approve", "keep_held", "expire"].includes(made.event)) expect(after.hold).toEqual(before.hold);
      if (made.event === "expire") expect(after.hold).toBeNull();
    });
  });

  test("a conflict stays until a person has decided, and until then nothing is claimed", () => {
    everyStep((step) => {
      const { before, made, after } = step;
      if (!before.conflict) return;
      if (!after.conflict) expect(["resolve", "reopen", "approve"]).toContain(made.event);
      expect([made.event, isClaim(step)]).toEqual([made.event, false]);
    });
  });

  test("a due time stands exactly where something is still to happen", () => {
    everyStep(({ after }) => {
      const open = ["held", "running", "retry_wait", "in_doubt", "review"].includes(after.state);
      expect(after.dueAt !== null).toBe(open);
      expect(after.route === null || after.state === "review").toBe(true);
      expect(after.evidence !== null || after.state !== "succeeded").toBe(true);
    });
  });

  test("a person hears of every review and of every conflict once, in the write that makes it", () => {
    everyStep(({ before, made, after }) => {
      const isReview = after.state === "review" && before.state !== "review";
      const isConflict = after.conflict && !before.conflict;
      expect(made.tells?.kind === "review").toBe(isReview);
      expect(made.tells?.kind === "conflict").toBe(isConflict);
    });
  });

  test("a run is halted by a security failure and by nothing else", () => {
    everyStep(({ before, event, made }) => {
      const isSecurity = "failure" in event && event.failure.tier === "security";
      expect(made.halts?.id ?? null).toBe(isSecurity ? before.runId : null);
    });
  });
});
