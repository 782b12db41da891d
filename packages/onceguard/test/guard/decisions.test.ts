import { describe, expect, test } from "vitest";
import { type ActionOptions, defineAction } from "../../src/core/action.ts";
import type { Store } from "../../src/core/ports.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { type TestOptions, testGuard, withVerbs } from "../support/guard.ts";

interface Order {
  readonly id: string;
}

function orders(more: Partial<ActionOptions<"order", Order, Order, string>> = {}) {
  const sent: string[] = [];
  const order = defineAction({
    name: "order",
    riskTier: "side_effecting",
    keyFields: ["id"],
    ...more,
    execute: async ({ id }: Order) => {
      sent.push(id);
      return `sent ${id}`;
    },
  });
  return { order, sent };
}

const ASK: TestOptions = { rules: [{ action: "order", verdict: "review", reason: "every order" }] };
const BY_ADA = { actor: "ada", reason: "looked at it" };
const CASE = { case: () => ({ id: "match:1", outcome: "ann" }) };
const signal = { id: "s1", source: "ref", outcome: "ann", confidence: 1, at: 1 };

describe("who approves", () => {
  test("of what can be undone it may be the proposer", async () => {
    const { order, sent } = orders();
    const { guard } = testGuard([order], ASK);
    const { requestId } = await guard.execute("order", { id: "1" }, { actor: "ada" });
    await guard.approve(requestId, BY_ADA);
    await guard.reconcile();
    expect(sent).toEqual(["1"]);
  });

  test("an error about the proposer names request and actor", async () => {
    const { order } = orders({
      riskTier: "irreversible",
      input: { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value as Order }) } },
    });
    const { guard } = testGuard([order], ASK);
    const { requestId } = await guard.execute("order", { id: "1" }, { actor: "ada" });
    await expect(guard.approve(requestId, BY_ADA)).rejects.toMatchObject({
      code: "approver_is_proposer",
      fields: { requestId, actor: "ada" },
    });
  });

  test("nobody approves what waits for its case: signals decide that", async () => {
    const { order, sent } = orders(CASE);
    const { guard } = testGuard([order]);
    const { requestId } = await guard.execute("order", { id: "1" });
    await expect(guard.approve(requestId, BY_ADA)).rejects.toMatchObject({
      code: "not_resolvable",
      fields: { requestId, state: "held", caseId: "match:1" },
    });
    await guard.reconcile();
    expect(sent).toEqual([]);
  });

  test("nobody approves what was never held", async () => {
    const { order } = orders();
    const { guard } = testGuard([order]);
    const { requestId } = await guard.execute("order", { id: "1" });
    await expect(guard.approve(requestId, BY_ADA)).rejects.toMatchObject({
      code: "not_resolvable",
      fields: { requestId, state: "succeeded", event: "approve" },
    });
  });
});

describe("every decision", () => {
  const held = async () => {
    const { order } = orders();
    const made = testGuard([order], ASK);
    return { ...made, requestId: (await made.guard.execute("order", { id: "1" })).requestId };
  };

  test.each<[string, { actor: string; reason: string }]>([
    ["no actor", { actor: "", reason: "why" }],
    ["an actor of blanks", { actor: "  ", reason: "why" }],
    ["no reason", { actor: "ada", reason: "" }],
    ["a reason of blanks", { actor: "ada", reason: " " }],
    ["no text at all", {} as never],
    ["nothing at all", undefined as never],
    ["what no store can keep in the actor", { actor: "a\u0000da", reason: "why" }],
    ["what no store can keep in the reason", { actor: "ada", reason: "w\u0000hy" }],
  ])("with %s is refused, and nothing is written", async (_what, by) => {
    const { guard, requestId } = await held();
    const before = await guard.log(requestId);
    const missing = { code: "missing_reason" };
    await expect(guard.approve(requestId, by)).rejects.toMatchObject(missing);
    await expect(guard.deny(requestId, by)).rejects.toMatchObject(missing);
    await expect(guard.resolve(requestId, { decision: "happened", ...by })).rejects.toMatchObject(missing);
    await expect(guard.reopen(requestId, by)).rejects.toMatchObject(missing);
    await expect(guard.halt("action", "order", by)).rejects.toMatchObject(missing);
    await expect(guard.resume("action", "order", by)).rejects.toMatchObject(missing);
    await expect(guard.endRestore(by)).rejects.toMatchObject(missing);
    expect(await guard.log(requestId)).toEqual(before);
  });

  test("on another version than the one that was looked at is refused, and says which it is", async () => {
    const { guard, requestId } = await held();
    const stale = { ...BY_ADA, expectedVersion: 7 };
    const conflict = { code: "version_conflict", fields: { requestId, expected: 7, actual: 1 } };
    await expect(guard.approve(requestId, stale)).rejects.toMatchObject(conflict);
    await expect(guard.deny(requestId, stale)).rejects.toMatchObject(conflict);
    await expect(guard.resolve(requestId, { decision: "retry", ...stale })).rejects.toMatchObject(conflict);
    await expect(guard.reopen(requestId, stale)).rejects.toMatchObject(conflict);
    expect(await guard.deny(requestId, { ...BY_ADA, expectedVersion: 1 })).toMatchObject({ state: "denied" });
  });

  test("on a request that nobody knows is refused", async () => {
    const { guard } = await held();
    await expect(guard.deny("nobody", { ...BY_ADA, tenant: "acme" })).rejects.toMatchObject({
      code: "receipt_not_found",
      fields: { tenant: "acme", requestId: "nobody" },
    });
    await expect(guard.deny("", BY_ADA)).rejects.toMatchObject({ code: "invalid_request_id" });
  });

  test.each([
    ["has moved on", 2],
    ["is gone", null],
  ])("of two at the same moment the second hears that the record %s", async (_what, actual) => {
    const clock = fakeClock();
    const memory = memoryStore({ clock: clock.now });
    const { order } = orders();
    let meanwhile = async (): Promise<void> => undefined;
    const store: Store = withVerbs(memory, {
      apply: async (change) => {
        await meanwhile();
        const answer = await memory.apply(change);
        return actual === null && answer.kind === "stale" ? { kind: "stale", receipt: null } : answer;
      },
    });
    const { guard } = testGuard([order], { ...ASK, store, clock });
    const other = testGuard([order], { ...ASK, store: memory, clock });
    const { requestId } = await guard.execute("order", { id: "1" });
    meanwhile = async () => void (await other.guard.deny(requestId, { actor: "bob", reason: "no" }));
    await expect(guard.approve(requestId, BY_ADA)).rejects.toMatchObject({
      code: "version_conflict",
      fields: { requestId, expected: 1, actual },
    });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "denied", reason: "no" });
  });
});

describe("consent", () => {
  test("lasts as long as the guard says, unless the grant says so itself", async () => {
    const { order } = orders();
    const { guard, clock } = testGuard([order], { ...ASK, approvalFor: "10m" });
    const first = await guard.execute("order", { id: "1" });
    const second = await guard.execute("order", { id: "2" });
    const { hold: byDefault } = await guard.approve(first.requestId, BY_ADA);
    const { hold: ownTime } = await guard.approve(second.requestId, { ...BY_ADA, lasts: "1m" });
    expect(byDefault?.approval?.expiresAt).toBe(clock.now() + 600_000);
    expect(ownTime?.approval?.expiresAt).toBe(clock.now() + 60_000);
  });

  test("given early outlives a policy that asks for it no more, and has to be valid then", async () => {
    let asks = true;
    const { order, sent } = orders();
    const { guard, clock } = testGuard([order], {
      policy: () => (asks ? { verdict: "review", reason: "look" } : { verdict: "allow" }),
    });
    const { requestId } = await guard.execute("order", { id: "1" });
    await guard.approve(requestId, { ...BY_ADA, lasts: "1m" });
    asks = false;
    await clock.advance(60_001);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "denied", reason: "approval_expired" });
    expect(sent).toEqual([]);
  });

  test("is asked for by a policy that has become stricter while the request waited for its case", async () => {
    let asks = false;
    const { order, sent } = orders(CASE);
    const { guard, clock } = testGuard([order], {
      policy: () => (asks ? { verdict: "review", reason: "look first" } : { verdict: "allow" }),
      holdFor: "1d",
    });
    const { requestId } = await guard.execute("order", { id: "1" });
    asks = true;
    await clock.advance(60_001);
    await guard.reconcile();
    const asked = await guard.receipt(requestId);
    expect(asked).toMatchObject({ state: "held", hold: { waitsFor: "approval", reasons: ["look first"] } });
    expect(asked?.dueAt).toBe(clock.now() + 86_400_000);
    await guard.approve(requestId, BY_ADA);
    await guard.reconcile();
    // Consent comes first, then the case.
    expect(await guard.receipt(requestId)).toMatchObject({ state: "held", hold: { waitsFor: "case" } });
    await guard.case("match:1").signal(signal);
    await clock.advance(60_001);
    await guard.reconcile();
    expect(sent).toEqual(["1"]);
  });

  test("that runs out while the request waits for its case is asked for again: that is nobody's neglect", async () => {
    const { order, sent } = orders(CASE);
    const { guard, clock } = testGuard([order], { ...ASK, approvalFor: "5m" });
    const { requestId } = await guard.execute("order", { id: "1" });
    await guard.approve(requestId, BY_ADA);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ hold: { waitsFor: "case", approval: { actor: "ada" } } });
    await clock.advance(600_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({
      state: "held",
      hold: { waitsFor: "approval", approval: null, reasons: ["every order", "approval_expired"] },
    });
    expect(sent).toEqual([]);
  });

  test("from before the evidence that it has happened does not count", async () => {
    const { order, sent } = orders();
    const { guard } = testGuard([order], ASK);
    const { requestId } = await guard.execute("order", { id: "1" });
    await guard.approve(requestId, BY_ADA);
    await guard.evidence(requestId, { answer: "happened", source: "a webhook" });
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({
      state: "held",
      conflict: true,
      hold: { approval: null, reasons: ["every order", "conflict"] },
    });
    expect(sent).toEqual([]);
    await guard.approve(requestId, { actor: "bob", reason: "another order, I called them" });
    await guard.reconcile();
    expect(sent).toEqual(["1"]);
  });

  test("a policy that refuses by now ends a held request", async () => {
    let verdict: "review" | "deny" = "review";
    const { order, sent } = orders();
    const { guard } = testGuard([order], { policy: () => ({ verdict, reason: "frozen" }) });
    const { requestId } = await guard.execute("order", { id: "1" });
    await guard.approve(requestId, BY_ADA);
    verdict = "deny";
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "denied", reason: "frozen" });
    expect(sent).toEqual([]);
  });

  test("that a person was asked for is not given by a policy that asks no more", async () => {
    let asks = true;
    const { order, sent } = orders();
    const { guard, clock } = testGuard([order], {
      policy: () => (asks ? { verdict: "review", reason: "look" } : { verdict: "allow" }),
      holdFor: "1h",
    });
    const { requestId } = await guard.execute("order", { id: "1" });
    asks = false;
    await clock.advance(3_599_999);
    await guard.reconcile(requestId);
    expect(await guard.receipt(requestId)).toMatchObject({ state: "held" });
    await clock.advance(1);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "denied", reason: "not_approved_in_time" });
    expect(sent).toEqual([]);
  });

  test("is waited for as long as the guard that looks says, whatever the one that held it said", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const { order } = orders();
    const { requestId } = await testGuard([order], { ...ASK, store, clock, holdFor: "1h" }).guard.execute("order", {
      id: "1",
    });
    const { guard } = testGuard([order], { ...ASK, store, clock, holdFor: "1d" });
    await clock.advance(3_600_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "held", version: 1 });
    await clock.advance(82_800_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "denied" });
  });

  test("that is not given in time is denied, also where evidence contradicts the record meanwhile", async () => {
    const { order, sent } = orders();
    const { guard, clock } = testGuard([order], { ...ASK, holdFor: "1h" });
    const { requestId } = await guard.execute("order", { id: "1" });
    await clock.advance(1_000);
    await guard.evidence(requestId, { answer: "happened", source: "a webhook" });
    await clock.advance(86_400_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({
      state: "denied",
      conflict: true,
      reason: "not_approved_in_time",
    });
    expect(sent).toEqual([]);
  });

  test("that ran out while it waited for its case is missed, though the policy asks for none any more", async () => {
    let asks = true;
    const { order, sent } = orders(CASE);
    const { guard, clock } = testGuard([order], {
      policy: () => (asks ? { verdict: "review", reason: "look" } : { verdict: "allow" }),
      approvalFor: "5m",
    });
    const { requestId } = await guard.execute("order", { id: "1" });
    await guard.approve(requestId, BY_ADA);
    await guard.reconcile();
    asks = false;
    await clock.advance(600_000);
    await guard.case("match:1").signal(signal);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({
      state: "held",
      hold: { waitsFor: "approval", approval: null },
    });
    expect(sent).toEqual([]);
  });
});

describe("an attempt after the first", () => {
  const busyOnce = () => {
    let tries = 0;
    const order = defineAction({
      name: "order",
      riskTier: "side_effecting",
      keyFields: ["id"],
      retry: { base: "10m", cap: "10m", maxElapsed: "1d" },
      execute: async (_order: Order) => {
        tries += 1;
        if (tries === 1) throw Object.assign(new Error("busy"), { status: 429 });
        return "sent";
      },
    });
    return { order, tries: () => tries };
  };

  test.each([
    ["in force", "11m", "succeeded", null],
    ["over at this very moment", "10m", "review", "approval_expired"],
  ])("under consent that is %s", async (_what, lasts, state, reason) => {
    const { order, tries } = busyOnce();
    const { guard, clock } = testGuard([order], ASK);
    const { requestId } = await guard.execute("order", { id: "1" });
    await guard.approve(requestId, { ...BY_ADA, lasts });
    expect(await guard.execute("order", { id: "1" }, { wait: 0 })).toMatchObject({ status: "retry_later" });
    await clock.advance(600_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state, reason });
    expect(tries()).toBe(state === "succeeded" ? 2 : 1);
  });
});

describe("an amount", () => {
  const paying = (amount: number) => testGuard([orders({ amount: () => amount }).order]).guard;

  test.each([0, 0.5, 1_000_000])("of %d is one", async (amount) => {
    expect(await paying(amount).execute("order", { id: "1" })).toMatchObject({
      status: "executed",
      receipt: { amount },
    });
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("of %d is none, and nothing is sent", async (amount) => {
    await expect(paying(amount).execute("order", { id: "1" })).rejects.toMatchObject({
      code: "invalid_action",
      fields: { action: "order", amount },
    });
  });
});
