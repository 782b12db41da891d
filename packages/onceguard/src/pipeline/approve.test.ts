import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type TestOptions, testGuard } from "../../test/support/guard.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";

interface Payment {
  readonly orderId: string;
  readonly amount: number;
}

function payments(more: Partial<ActionOptions<"pay", Payment, Payment, string>> = {}) {
  const paid: Payment[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "irreversible",
    input: z.object({ orderId: z.string(), amount: z.number() }),
    keyFields: ["orderId"],
    amount: (payment: Payment) => payment.amount,
    ...more,
    execute: async (payment: Payment) => {
      paid.push(payment);
      return `paid ${payment.amount}`;
    },
  });
  return { pay, paid };
}

const OVER_100: TestOptions = {
  rules: [{ action: "pay", amountOver: 100, verdict: "review", reason: "more than 100" }],
};
const BIG: Payment = { orderId: "A1", amount: 500 };
const BY_ADA = { actor: "ada", reason: "checked the invoice" };
const AGENT = { actor: "agent-7" };

describe("rules and policy", () => {
  test("what needs approval is held, with the reasons, and nothing is sent", async () => {
    const { pay, paid } = payments();
    const { guard } = testGuard([pay], OVER_100);
    expect(await guard.execute("pay", BIG, AGENT)).toMatchObject({
      status: "held",
      waitsFor: "approval",
      reasons: ["more than 100"],
      receipt: { state: "held", attemptNumber: 0, fencingToken: 0 },
    });
    expect(await guard.execute("pay", { orderId: "A2", amount: 100 })).toMatchObject({ status: "executed" });
    expect(paid).toEqual([{ orderId: "A2", amount: 100 }]);
  });

  test("a refusal is not stored, so a later policy can say otherwise", async () => {
    const { pay, paid } = payments();
    const { guard } = testGuard([pay], { policy: () => ({ verdict: "deny", reason: "not on Sundays" }) });
    expect(await guard.execute("pay", BIG)).toMatchObject({
      status: "denied",
      receipt: null,
      reason: "not on Sundays",
    });
    expect(paid).toEqual([]);
  });

  test("propose tells the verdict and executes nothing; what needs a person it records", async () => {
    const { pay, paid } = payments();
    const { guard } = testGuard([pay], OVER_100);
    expect(await guard.propose("pay", { orderId: "A2", amount: 5 })).toMatchObject({ verdict: "allow", receipt: null });
    const proposed = await guard.propose("pay", BIG, AGENT);
    expect(proposed).toMatchObject({ verdict: "review", reasons: ["more than 100"], receipt: { state: "held" } });
    expect(await guard.propose("pay", { ...BIG, amount: 501 })).toMatchObject({ verdict: "mismatch", receipt: null });
    await guard.halt("action", "pay", BY_ADA);
    expect(await guard.propose("pay", { orderId: "A3", amount: 5 })).toMatchObject({ verdict: "halted" });
    expect(paid).toEqual([]);
  });
});

describe("a proposal that would be held, and is not", () => {
  test("because the loop filter knows an earlier one: it says so, and nobody is asked", async () => {
    const { pay } = payments({ record: () => "customer:7", dedupWindow: "1h" });
    const { guard } = testGuard([pay], OVER_100);
    const earlier = await guard.execute("pay", { orderId: "A2", amount: 5 }, AGENT);
    expect(await guard.propose("pay", BIG, AGENT)).toMatchObject({
      ...{ verdict: "deny", receipt: null, reasons: [expect.stringContaining(earlier.requestId)] },
    });
    expect(await guard.receipts({ states: ["held"] })).toEqual([]);
  });

  test("because a budget is used up: it is halted", async () => {
    const { pay } = payments();
    const { guard } = testGuard([pay], { ...OVER_100, budgets: { amounts: [{ limit: 400, window: "1d" }] } });
    expect(await guard.propose("pay", BIG, AGENT)).toMatchObject({
      ...{ verdict: "halted", receipt: null, reasons: ["budget:amount per tenant"] },
    });
  });

  test("because another one of its id was faster: it hears that its own is not that one", async () => {
    const { pay } = payments();
    const { guard } = testGuard([pay], OVER_100);
    const both = await Promise.all([500, 501].map((amount) => guard.propose("pay", { ...BIG, amount }, AGENT)));
    expect(both.map(({ verdict }) => verdict).sort()).toEqual(["mismatch", "review"]);
  });
});

describe("approval", () => {
  test("is consumed by one execution, at the next call or by the sweeper", async () => {
    const { pay, paid } = payments();
    const { guard } = testGuard([pay], OVER_100);
    const { requestId } = await guard.execute("pay", BIG, AGENT);
    const approved = await guard.approve(requestId, BY_ADA);
    expect(approved).toMatchObject({ state: "held", hold: { approval: { actor: "ada" } } });
    await guard.reconcile();
    expect(await guard.execute("pay", BIG, AGENT)).toMatchObject({ status: "replayed", result: "paid 500" });
    expect(paid).toEqual([BIG]);
    await expect(guard.approve(requestId, BY_ADA)).rejects.toMatchObject({ code: "not_resolvable" });
  });

  test("the caller who asks again executes it", async () => {
    const { pay } = payments();
    const { guard } = testGuard([pay], OVER_100);
    const { requestId } = await guard.execute("pay", BIG, AGENT);
    await guard.approve(requestId, BY_ADA);
    expect(await guard.execute("pay", BIG, AGENT)).toMatchObject({ status: "executed" });
  });

  test("of what is irreversible takes somebody else than the proposer", async () => {
    const { pay } = payments();
    const { guard } = testGuard([pay], OVER_100);
    const { requestId } = await guard.execute("pay", BIG, AGENT);
    await expect(guard.approve(requestId, { actor: "agent-7", reason: "fine" })).rejects.toMatchObject({
      code: "approver_is_proposer",
    });
  });

  test("that is not used in time is none", async () => {
    const { pay, paid } = payments();
    const { guard, clock } = testGuard([pay], OVER_100);
    const { requestId } = await guard.execute("pay", BIG, AGENT);
    await guard.approve(requestId, { ...BY_ADA, lasts: "10m" });
    await clock.advance(600_001);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "denied", reason: "approval_expired" });
    expect(paid).toEqual([]);
  });

  test("that would be over at once is refused: it would end the request", async () => {
    const { pay } = payments();
    const { guard } = testGuard([pay], OVER_100);
    const { requestId } = await guard.execute("pay", BIG, AGENT);
    await expect(guard.approve(requestId, { ...BY_ADA, lasts: 0 })).rejects.toMatchObject({ code: "invalid_option" });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "held", hold: { approval: null } });
  });

  test("never given: denied when the time to wait is over, and not before", async () => {
    const { pay } = payments();
    const { guard, clock } = testGuard([pay], { ...OVER_100, holdFor: "1d" });
    const { requestId } = await guard.execute("pay", BIG, AGENT);
    await clock.advance(86_000_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "held" });
    await clock.advance(500_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "denied", reason: "not_approved_in_time" });
  });

  test.each([
    ["action", { version: "2" }, {}, "action_changed"],
    ["policy", {}, { policyVersion: "2" }, "policy_changed"],
  ])("to another version of the %s is none: it is asked for again", async (_what, action, options, problem) => {
    const first = payments();
    const shared = testGuard([first.pay], OVER_100);
    const { requestId } = await shared.guard.execute("pay", BIG, AGENT);
    await shared.guard.approve(requestId, BY_ADA);
    const { store } = shared;
    const second = payments(action);
    const { guard } = testGuard([second.pay], { ...OVER_100, ...options, store, clock: shared.clock });
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({
      state: "held",
      hold: { approval: null, reasons: ["more than 100", problem] },
    });
    await guard.approve(requestId, BY_ADA);
    await guard.reconcile();
    expect(second.paid).toEqual([BIG]);
  });

  test("is bound to the version of the record that was looked at", async () => {
    const { pay } = payments();
    const { guard } = testGuard([pay], OVER_100);
    const { requestId } = await guard.execute("pay", BIG, AGENT);
    await expect(guard.approve(requestId, { ...BY_ADA, expectedVersion: 7 })).rejects.toMatchObject({
      code: "version_conflict",
    });
    await expect(guard.approve(requestId, { actor: "ada", reason: "" })).rejects.toMatchObject({
      code: "missing_reason",
    });
  });

  test("refused: denied for good, with the person's words", async () => {
    const { pay, paid } = payments();
    const { guard } = testGuard([pay], OVER_100);
    const { requestId } = await guard.execute("pay", BIG, AGENT);
    await guard.deny(requestId, { actor: "ada", reason: "wrong customer" });
    expect(await guard.execute("pay", BIG, AGENT)).toMatchObject({ status: "denied", reason: "wrong customer" });
    await expect(guard.approve(requestId, BY_ADA)).rejects.toMatchObject({ code: "not_resolvable" });
    expect(paid).toEqual([]);
  });
});

describe("fresh authority before anything runs again", () => {
  const failing = () => {
    const state = { fails: true, tries: 0 };
    const pay = defineAction({
      name: "pay",
      riskTier: "irreversible",
      input: z.object({ orderId: z.string(), amount: z.number() }),
      keyFields: ["orderId"],
      amount: (payment: Payment) => payment.amount,
      retry: { base: "10m", cap: "2h", maxElapsed: "1d" },
      execute: async () => {
        state.tries += 1;
        if (state.fails) throw Object.assign(new Error("busy"), { status: 429 });
        return "paid";
      },
    });
    return { pay, state };
  };

  test("a policy that says no by now sends it to a person", async () => {
    const { pay, state } = failing();
    let verdict: "allow" | "deny" = "allow";
    const { guard, clock } = testGuard([pay], {
      policy: () => (verdict === "allow" ? { verdict } : { verdict, reason: "frozen" }),
    });
    const { requestId } = await guard.execute("pay", BIG, { wait: 0 });
    verdict = "deny";
    state.fails = false;
    await clock.advance(3_600_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "policy_denied" });
    expect(state.tries).toBe(1);
  });

  test("an approval that has run out meanwhile does, too", async () => {
    const { pay, state } = failing();
    const { guard, clock } = testGuard([pay], { ...OVER_100, approvalFor: "5m" });
    const { requestId } = await guard.execute("pay", BIG, AGENT);
    await guard.approve(requestId, BY_ADA);
    expect(await guard.execute("pay", BIG, { ...AGENT, wait: 0 })).toMatchObject({ status: "retry_later" });
    state.fails = false;
    await clock.advance(3_600_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "approval_expired" });
    expect(state.tries).toBe(1);
  });

  test("a policy that throws at some requests permits nothing, and keeps no other one waiting", async () => {
    const { pay, paid } = payments();
    const reported: unknown[] = [];
    let isBroken = false;
    const { guard } = testGuard([pay], {
      policy: ({ payload }) => {
        if (isBroken && (payload as unknown as Payment).orderId !== "good") throw new Error("no such customer");
        return { verdict: "review", reason: "look first" };
      },
      onBackgroundError: (error) => reported.push(error),
    });
    // More than a sweeper reads at a time, and all of them are due before the one that can be moved.
    const bad = Array.from({ length: 70 }, (_, n) => `bad-${n}`);
    for (const orderId of [...bad, "good"]) {
      const { requestId } = await guard.execute("pay", { ...BIG, orderId }, AGENT);
      await guard.approve(requestId, BY_ADA);
    }
    isBroken = true;
    const { moved, left } = await guard.reconcile();
    expect([moved.length, left.length]).toEqual([1, 70]);
    expect(paid).toEqual([{ ...BIG, orderId: "good" }]);
    expect(reported).toEqual(bad.map(() => new Error("no such customer")));
  });

  test("a policy that wants a person by now gets one", async () => {
    const { pay, state } = failing();
    let review = false;
    const { guard, clock } = testGuard([pay], {
      policy: () => (review ? { verdict: "review", reason: "look first" } : { verdict: "allow" }),
    });
    const { requestId } = await guard.execute("pay", BIG, { wait: 0 });
    review = true;
    await clock.advance(3_600_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "needs_approval" });
    expect(state.tries).toBe(1);
  });
});
