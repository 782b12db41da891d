import { describe, expect, test } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import { OnceguardError } from "../../src/core/errors.ts";
import { type ExternalOptions, externalAction } from "../../src/core/external-action.ts";
import type { Store } from "../../src/core/ports.ts";
import type { ExternalClaim } from "../../src/pipeline/external-claim.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { type TestOptions, testGuard, withVerbs } from "../support/guard.ts";

// Effects that somebody else performs: claim, do it, complete.

const DEFINITION: ExternalOptions = { name: "open_valve", riskTier: "side_effecting", keyFields: ["valve"] };
const V1 = { valve: "V1" };

function desk(more: Partial<ExternalOptions> = {}, options: TestOptions = {}) {
  const valve = externalAction({ ...DEFINITION, ...more });
  const guarded = testGuard([], options);
  const claims = guarded.guard.external([valve]);
  const claim = async (payload: unknown = V1, context = {}) =>
    (await claims.claim("open_valve", payload, context)) as ExternalClaim;
  return { ...guarded, valve, claims, claim };
}

const NO = { certainty: "definite", code: "jammed", message: "The valve is jammed." } as const;
const UNSURE = { certainty: "indefinite", code: "timeout", message: "No answer." } as const;

describe("a claim", () => {
  test("is one claimant's: what it needs, and what everybody else hears meanwhile and afterwards", async () => {
    const { claim, claims, guard } = desk();
    const mine = await claim();
    expect(mine).toMatchObject({ status: "claimed", fencingToken: 1, leaseMs: 300_000, receipt: { state: "running" } });
    expect(mine.idempotencyKey).toHaveLength(36);
    expect(await claim()).toMatchObject({ status: "in_progress", requestId: mine.requestId });
    const done = await claims.complete(mine.requestId, { fencingToken: 1, result: { opened: true } });
    expect(done).toMatchObject({ status: "executed", result: { opened: true } });
    expect(await claim()).toMatchObject({ status: "replayed", result: { opened: true } });
    expect((await guard.log(mine.requestId)).map(({ event }) => event)).toEqual(["claim", "success"]);
  });

  test("completed twice, because the answer was lost, is one success and no further evidence", async () => {
    const { claim, claims, guard } = desk();
    const { requestId } = await claim();
    await claims.complete(requestId, { fencingToken: 1, result: 1 });
    expect(await claims.complete(requestId, { fencingToken: 1, result: 1 })).toMatchObject({
      status: "replayed",
      result: 1,
    });
    expect((await guard.log(requestId)).map(({ event }) => event)).toEqual(["claim", "success"]);
    expect(await guard.receipt(requestId)).toMatchObject({ conflict: false });
  });

  test("of another payload under the same id is a mismatch", async () => {
    const { claim } = desk({ volatile: ["note"] });
    await claim(V1);
    expect(await claim({ ...V1, force: true })).toMatchObject({ status: "mismatch", receipt: null });
    expect(await claim({ ...V1, note: "please" })).toMatchObject({ status: "in_progress" });
  });

  test.each([
    ["1s", 1_000],
    ["24h", 86_400_000],
  ])("lasts as long as it asks for: %s", async (lease, leaseMs) => {
    const { claim } = desk();
    expect(await claim(V1, { lease })).toMatchObject({ status: "claimed", leaseMs });
  });

  test.each(["999ms", "86401s"])("does not last %s", async (lease) => {
    const { claim, claims, guard } = desk();
    const refused = { code: "invalid_option", fields: { option: "lease" } };
    await expect(claim(V1, { lease })).rejects.toMatchObject(refused);
    const { requestId } = await claim();
    await expect(claims.renew(requestId, { fencingToken: 1, lease })).rejects.toMatchObject(refused);
    expect((await guard.log(requestId)).map(({ event }) => event)).toEqual(["claim"]);
  });

  test("with its own token is asked again by its claimant, and by nobody who guesses", async () => {
    const { claim } = desk();
    const mine = await claim(V1, { claimToken: "b7c1", actor: "robot" });
    expect(await claim(V1, { claimToken: "b7c1", actor: "robot" })).toMatchObject({
      ...{ status: "claimed", fencingToken: 1, idempotencyKey: mine.idempotencyKey },
    });
    expect((await claim(V1, { claimToken: "guessed", actor: "robot" })).status).toBe("in_progress");
    expect((await claim(V1, { claimToken: "b7c1", actor: "somebody" })).status).toBe("in_progress");
    expect((await claim(V1, { claimToken: "b7c1" })).status).toBe("in_progress");
    expect((await claim(V1)).status).toBe("in_progress");
  });

  test("that is asked again after its lease was over is a question, whoever asks", async () => {
    const { claim, clock, guard } = desk();
    const { requestId } = await claim(V1, { claimToken: "b7c1", lease: "5s" });
    await clock.advance(5_000);
    expect(await claim(V1, { claimToken: "b7c1" })).toMatchObject({ status: "in_doubt" });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "in_doubt", mayHaveApplied: true });
  });

  test("is held for a person, denied by a rule, and stopped by a halt like any other", async () => {
    const by = { actor: "ada", reason: "fine" };
    const held = desk({}, { rules: [{ action: "open_valve", verdict: "review", reason: "ask ada" }] });
    const { requestId } = await held.claim();
    expect(await held.claim()).toMatchObject({ status: "held", reasons: ["ask ada"] });
    await held.guard.approve(requestId, by);
    expect(await held.claim(V1, { lease: "7s" })).toMatchObject({ status: "claimed", fencingToken: 1, leaseMs: 7_000 });

    const denied = desk({}, { rules: [{ action: "open_valve", verdict: "deny", reason: "never" }] });
    expect(await denied.claim()).toMatchObject({ status: "denied", reason: "never", receipt: null });

    const halted = desk();
    const first = await halted.claim();
    await halted.guard.halt("action", "open_valve", by);
    expect(await halted.claim({ valve: "V2" })).toMatchObject({ status: "halted", receipt: null });
    // What has begun goes on; asked about, it says that it is halted, and shows the record.
    expect(await halted.claim()).toMatchObject({ status: "halted", receipt: { requestId: first.requestId } });
    expect(await halted.claims.complete(first.requestId, { fencingToken: 1 })).toMatchObject({ status: "executed" });
  });

  test("is skipped by the loop filter, and waits for its turn on its record", async () => {
    const skip = desk({ keyFields: ["valve", "n"], record: () => "valve:1", dedupWindow: "1h" });
    const first = await skip.claim({ valve: "V1", n: 1 });
    expect(await skip.claim({ valve: "V1", n: 2 })).toMatchObject({
      status: "skipped",
      receipt: { requestId: first.requestId },
    });

    const turn = desk({ keyFields: ["valve", "n"], record: () => "valve:1", dedupWindow: "none", serialize: true });
    const one = await turn.claim({ valve: "V1", n: 1 });
    expect(await turn.claim({ valve: "V1", n: 2 })).toMatchObject({ status: "in_progress", receipt: null });
    await turn.claims.complete(one.requestId, { fencingToken: 1 });
    expect(await turn.claim({ valve: "V1", n: 2 })).toMatchObject({ status: "claimed" });
  });

  test("for the first time after a restore is a question", async () => {
    const { claim, guard, clock } = desk();
    await clock.advance(1_000);
    await guard.restore({ backupAt: clock.now() - 500, actor: "ada", reason: "disk lost" });
    expect(await claim()).toMatchObject({ status: "in_doubt", failure: { code: "restored" } });
  });

  test("on a store that is away is unavailable; any other trouble is thrown", async () => {
    const clock = fakeClock();
    let code: "store_unavailable" | "store_unusable" = "store_unavailable";
    const store: Store = withVerbs(memoryStore({ clock: clock.now }), {
      claim: () => Promise.reject(new OnceguardError(code, "away", { applied: "no" })),
    });
    const { claims, settle } = desk({}, { store, clock });
    expect(await settle(claims.claim("open_valve", V1))).toMatchObject({ status: "unavailable", dispatched: false });
    code = "store_unusable";
    await expect(settle(claims.claim("open_valve", V1))).rejects.toMatchObject({ code: "store_unusable" });
  });
});

describe("a lease", () => {
  test("is extended by its holder, from now, and by no older token", async () => {
    const { claim, claims, clock } = desk();
    const { requestId } = await claim(V1, { lease: "5s" });
    await clock.advance(4_000);
    expect(await claims.renew(requestId, { fencingToken: 1, lease: "9s" })).toMatchObject({
      ...{ status: "claimed", requestId, fencingToken: 1, leaseMs: 9_000 },
    });
    expect(await claims.renew(requestId, { fencingToken: 1 })).toMatchObject({ leaseMs: 300_000 });
    expect(await claims.renew(requestId, { fencingToken: 0 })).toMatchObject({ status: "in_progress" });
    await clock.advance(300_000);
    // Once somebody has noticed that it is over, it is.
    await claim();
    expect(await claims.renew(requestId, { fencingToken: 1 })).toMatchObject({ status: "in_doubt" });
  });

  test("that ran out leaves a question, which a late complete answers", async () => {
    const { claim, claims, clock, guard } = desk();
    const { requestId } = await claim(V1, { lease: "5s" });
    await clock.advance(5_000);
    expect(await claim()).toMatchObject({ status: "in_doubt" });
    expect(await claims.complete(requestId, { fencingToken: 1, result: "late" })).toMatchObject({
      ...{ status: "replayed", result: "late", receipt: { evidence: "late", conflict: false } },
    });
    expect((await guard.log(requestId)).at(-1)).toMatchObject({ event: "late_success" });
  });

  test("that ran out is settled by a probe, and the right is given out anew when it did not happen", async () => {
    const { claim, clock } = desk({ probe: () => ({ answer: "did_not_happen" }), retry: { base: "1s", cap: "1s" } });
    const first = await claim(V1, { lease: "5s" });
    await clock.advance(5_000);
    expect(await claim()).toMatchObject({ status: "retry_later" });
    await clock.advance(1_000);
    expect(await claim(V1, { lease: "8s" })).toMatchObject({
      ...{ status: "claimed", fencingToken: 2, leaseMs: 8_000, idempotencyKey: first.idempotencyKey },
    });
  });
});

describe("a failure", () => {
  test("that is certain and passing lets it be claimed again, when its pause is over", async () => {
    const { claim, claims, clock } = desk({ retry: { base: "1m", cap: "1m" } });
    const { requestId } = await claim();
    expect(await claims.fail(requestId, { fencingToken: 1, failure: { ...NO, tier: "transient" } })).toMatchObject({
      ...{ status: "retry_later", retryAfterMs: 59_940 },
    });
    expect(await claim()).toMatchObject({ status: "retry_later" });
    await clock.advance(60_000);
    expect(await claim()).toMatchObject({ status: "claimed", fencingToken: 2 });
  });

  test("that is certain and passing for the last time goes to a person", async () => {
    const { claim, claims, guard } = desk({ retry: { maxAttempts: 1 } });
    const { requestId } = await claim();
    await claims.fail(requestId, { fencingToken: 1, failure: { ...NO, tier: "transient" } });
    expect(await guard.receipt(requestId)).toMatchObject({
      state: "review",
      reason: "retries_exhausted",
      route: "operator",
    });
  });

  test("that is certain, and nothing else is said of it, is the answer", async () => {
    const { claim, claims } = desk();
    const { requestId } = await claim();
    expect(await claims.fail(requestId, { fencingToken: 1, failure: NO })).toMatchObject({
      status: "failed",
      failure: NO,
    });
    expect(await claim()).toMatchObject({ status: "failed" });
  });

  test.each([
    ["validation", "data_owner"],
    ["conflict", "domain_expert"],
    ["security", "security"],
  ] as const)("of tier %s goes to the %s", async (tier, route) => {
    const { claim, claims, guard } = desk();
    const { requestId } = await claim();
    await claims.fail(requestId, { fencingToken: 1, failure: { ...NO, tier } });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: tier, route });
  });

  test("that is not certain is a question, due at once", async () => {
    const { claim, claims, guard, clock } = desk();
    const { requestId } = await claim();
    expect(await claims.fail(requestId, { fencingToken: 1, failure: UNSURE })).toMatchObject({
      status: "in_doubt",
      failure: UNSURE,
    });
    expect(await guard.receipt(requestId)).toMatchObject({ dueAt: clock.now() });
    expect(await claim()).toMatchObject({ status: "in_doubt" });
  });

  test("that comes after the claim was lost is a line of the log, and changes nothing", async () => {
    const { claim, claims, clock, guard } = desk();
    const { requestId } = await claim(V1, { lease: "5s" });
    await clock.advance(5_000);
    await claim();
    expect(await claims.fail(requestId, { fencingToken: 1, failure: NO })).toMatchObject({ status: "in_doubt" });
    const line = (await guard.log(requestId)).at(-1);
    expect(line).toMatchObject({ event: "late_failure", fencingToken: 1 });
    expect(JSON.parse(line?.detail ?? "")).toMatchObject({ failure: NO });
  });

  test("says nothing of what is private in the payload", async () => {
    const { claim, claims } = desk({ privacy: { redact: ["pin"] } });
    const { requestId } = await claim({ ...V1, pin: "98765" });
    const failure = { ...NO, message: "The pin 98765 is wrong." };
    expect(await claims.fail(requestId, { fencingToken: 1, failure })).toMatchObject({
      failure: { code: "jammed", certainty: "definite" },
    });
  });
});

describe("whose request it is", () => {
  test.each([0, 2, 7])("a token that was never given out, %i, records nothing", async (fencingToken) => {
    const { claim, claims, guard } = desk();
    const { requestId } = await claim();
    const refused = { code: "version_conflict", fields: { requestId, expected: fencingToken, actual: 1 } };
    await expect(claims.complete(requestId, { fencingToken, result: 1 })).rejects.toMatchObject(refused);
    await expect(claims.fail(requestId, { fencingToken, failure: NO })).rejects.toMatchObject(refused);
    expect((await guard.log(requestId)).map(({ event }) => event)).toEqual(["claim"]);
  });

  test("an older token that was given out is late evidence: a second effect under another claim is a conflict", async () => {
    const { claim, claims, clock, guard } = desk({
      probe: () => ({ answer: "did_not_happen" }),
      retry: { base: "1s", cap: "1s" },
    });
    const { requestId } = await claim(V1, { lease: "5s" });
    await clock.advance(5_000);
    await claim();
    await clock.advance(1_000);
    expect(await claim()).toMatchObject({ fencingToken: 2 });
    await claims.complete(requestId, { fencingToken: 2, result: "second" });
    expect(await claims.complete(requestId, { fencingToken: 1, result: "first" })).toMatchObject({ result: "second" });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded", conflict: true });
  });

  test("under the same key it is one effect, and no conflict", async () => {
    const { claim, claims, guard } = desk({ downstreamKey: { lifetime: "1h" } });
    const { requestId } = await claim();
    await claims.fail(requestId, { fencingToken: 1, failure: UNSURE });
    expect(await claims.complete(requestId, { fencingToken: 1, result: 1 })).toMatchObject({
      status: "replayed",
      result: 1,
    });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded", evidence: "late", conflict: false });
  });

  test("tenants are apart", async () => {
    const { claim, claims } = desk();
    const { requestId } = await claim(V1, { tenant: "acme" });
    await expect(claims.complete(requestId, { fencingToken: 1 })).rejects.toMatchObject({ code: "receipt_not_found" });
    expect(await claims.complete(requestId, { fencingToken: 1, tenant: "acme" })).toMatchObject({ status: "executed" });
  });

  test("what the guard executes itself is nobody's to claim or to complete", async () => {
    const own = defineAction({ name: "own", riskTier: "side_effecting", keyFields: ["id"], execute: () => 1 });
    const { guard } = testGuard([own]);
    expect(() => guard.external([own])).toThrow(
      expect.objectContaining({ code: "invalid_action", fields: { action: "own" } }),
    );
    const claims = guard.external([externalAction(DEFINITION), externalAction({ ...DEFINITION, name: "close_valve" })]);
    await expect(claims.claim("own", { id: "1" })).rejects.toMatchObject({
      ...{
        code: "unknown_action",
        message: expect.stringContaining("close_valve, open_valve"),
        fields: { action: "own" },
      },
    });
    const { requestId } = await guard.execute("own", { id: "1" });
    await expect(claims.complete(requestId, { fencingToken: 1 })).rejects.toMatchObject({ code: "unknown_action" });
    await expect(guard.external([]).claim("x", {})).rejects.toMatchObject({ message: expect.stringContaining("none") });
  });
});

describe("the record of a claim", () => {
  test("has what was said once, and no further line where it was said in time", async () => {
    const { claim, claims, guard } = desk();
    const { requestId } = await claim();
    await claims.fail(requestId, { fencingToken: 1, failure: NO });
    expect((await guard.log(requestId)).map(({ event }) => event)).toEqual(["claim", "definite_failure"]);
  });

  test("is written also when somebody else writes at the same time", async () => {
    let others = 0;
    const memory = memoryStore();
    const store = withVerbs(memory, {
      apply: async (change) =>
        change.event === "success" && others++ === 0
          ? ({ kind: "stale", receipt: await memory.find(change.from.tenant, change.from.requestId) } as never)
          : memory.apply(change),
    });
    const { claim, claims, guard } = desk({}, { store });
    const { requestId } = await claim();
    expect(await claims.complete(requestId, { fencingToken: 1, result: 1 })).toMatchObject({ status: "executed" });
    expect([others, (await guard.receipt(requestId))?.evidence]).toEqual([2, "effect"]);
  });

  test("is not settled by an older claim's success while a newer one is in doubt, whatever key either was sent under", async () => {
    const { claim, claims, clock, guard } = desk({
      downstreamKey: { lifetime: "1d" },
      retry: { base: "1s", cap: "1s" },
    });
    const { requestId } = await claim(V1, { lease: "5s" });
    await clock.advance(5_000);
    expect(await claim()).toMatchObject({ fencingToken: 2 });
    await claims.fail(requestId, { fencingToken: 2, failure: UNSURE });
    await claims.complete(requestId, { fencingToken: 1, result: "first" });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "in_doubt" });
  });

  test("in doubt is asked about when that is due, and not whenever somebody claims", async () => {
    let asked = 0;
    const probe = () => {
      asked += 1;
      return { answer: "cannot_tell" } as const;
    };
    const { claim, clock } = desk({ probe, retry: { base: "10s", cap: "10s" } });
    await claim(V1, { lease: "5s" });
    await clock.advance(5_000);
    for (let n = 0; n < 3; n++) expect(await claim()).toMatchObject({ status: "in_doubt" });
    expect(asked).toBe(1);
    await clock.advance(10_000);
    await claim();
    expect(asked).toBe(2);
  });
});
