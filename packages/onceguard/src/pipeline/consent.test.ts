import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { testGuard } from "../../test/support/guard.ts";
import { MemoryKeys } from "../../test/support/memory-keys.ts";
import { defineAction } from "../core/action.ts";
import type { Notification } from "../core/notification.ts";
import { sqliteStore } from "../stores/sqlite/sqlite-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

interface Payment {
  readonly orderId: string;
  readonly amount: number;
  readonly note?: string | undefined;
}

const PAYMENT = { orderId: "A1", amount: 500 };
const CALL = { actor: "agent-7", runId: "run-1" };
const BY_ADA = { actor: "ada", reason: "checked the invoice" };

/** A guard, and the database under it, as somebody sees it who goes around the guard. */
function vault() {
  const clock = fakeClock();
  const database = new DatabaseSync(":memory:");
  const paid: Payment[] = [];
  const told: Notification[] = [];
  const world = { fails: false };
  const pay = defineAction({
    name: "pay",
    riskTier: "irreversible",
    input: z.object({ orderId: z.string(), amount: z.number(), note: z.string().optional() }),
    keyFields: ["orderId"],
    volatile: ["note"],
    retry: { base: "10m", cap: "10m", maxElapsed: "1d" },
    execute: async (payment: Payment) => {
      if (world.fails) throw Object.assign(new Error("busy"), { status: 429 });
      paid.push(payment);
      return "paid";
    },
  });
  const { guard } = testGuard([pay], {
    clock,
    store: sqliteStore({ database, clock: clock.now }),
    rules: [{ verdict: "review", reason: "every payment" }],
    approvalFor: "1d",
    notify: { security: { name: "security", deliver: async (one) => void told.push(one) } },
  });
  const change = (sql: string) => database.prepare(`UPDATE onceguard_request SET ${sql}`).run();
  return { guard, clock, change, paid, told, world };
}

/** What somebody may do to the record of a request that a person has agreed to. */
const TAMPERINGS: readonly (readonly [what: string, sql: string])[] = [
  ["another payload", `payload = '{"amount":50000,"orderId":"A1"}'`],
  ["another payload with a fingerprint to it", `payload = '{"amount":9,"orderId":"A1"}', fingerprint = 'f'`],
  ["a later end of the consent", `hold = json_set(hold, '$.approval.expiresAt', 99999999999999)`],
  ["another approver", `hold = json_set(hold, '$.approval.actor', 'bob')`],
  ["another reason", `hold = json_set(hold, '$.approval.reason', 'because')`],
  ["consent to another version of the action", `hold = json_set(hold, '$.actionVersion', '2')`],
  ["consent to another version of the policy", `hold = json_set(hold, '$.policyVersion', '2')`],
];

describe("an approval that is tampered with in the store", () => {
  test.each(TAMPERINGS)("%s: nothing is sent, its run is halted at once, and security is told", async (_what, sql) => {
    const { guard, change, paid, told } = vault();
    const { requestId } = await guard.execute("pay", PAYMENT, CALL);
    await guard.approve(requestId, BY_ADA);
    change(sql);
    await guard.reconcile();
    expect(paid).toEqual([]);
    expect(await guard.receipt(requestId)).toMatchObject({
      ...{ state: "denied", reason: "approval_tampered", route: "security" },
    });
    expect(await guard.halts({ inForce: true })).toMatchObject([{ scope: "run", id: "run-1", reason: "security" }]);
    expect(told.map(({ kind }) => kind).sort()).toEqual(["halted", "review"]);
    expect(await guard.execute("pay", { ...PAYMENT, orderId: "A2" }, CALL)).toMatchObject({ status: "halted" });
  });

  test("given by nobody", async () => {
    const { guard, change, paid } = vault();
    const { requestId } = await guard.execute("pay", PAYMENT, CALL);
    const { fingerprint } = (await guard.receipt(requestId)) ?? {};
    const forged = { ...BY_ADA, expiresAt: 99_999_999_999_999, fingerprint };
    change(`hold = json_set(hold, '$.approval', json('${JSON.stringify(forged)}')), due_at = 0`);
    await guard.reconcile();
    expect(paid).toEqual([]);
    expect(await guard.receipt(requestId)).toMatchObject({ state: "denied", reason: "approval_tampered" });
  });

  test("taken from another request", async () => {
    const { guard, change, paid } = vault();
    const first = await guard.execute("pay", PAYMENT, CALL);
    const second = await guard.execute("pay", { ...PAYMENT, orderId: "A2", amount: 50_000 }, CALL);
    const { hold } = await guard.approve(first.requestId, BY_ADA);
    change(`hold = '${JSON.stringify(hold)}', due_at = 0 WHERE request_id = '${second.requestId}'`);
    await guard.reconcile(second.requestId);
    expect(paid).toEqual([]);
    expect(await guard.receipt(second.requestId)).toMatchObject({ state: "denied", reason: "approval_tampered" });
  });

  test("after the first attempt under it: the retry goes to security, and not to the provider", async () => {
    const { guard, clock, change, paid, world } = vault();
    const { requestId } = await guard.execute("pay", PAYMENT, CALL);
    await guard.approve(requestId, BY_ADA);
    world.fails = true;
    expect(await guard.execute("pay", PAYMENT, { ...CALL, wait: 0 })).toMatchObject({ status: "retry_later" });
    world.fails = false;
    change(`payload = '{"amount":50000,"orderId":"A1"}'`);
    await clock.advance(600_000);
    await guard.reconcile();
    expect(paid).toEqual([]);
    expect(await guard.receipt(requestId)).toMatchObject({
      ...{ state: "review", reason: "approval_tampered", route: "security" },
    });
    expect(await guard.halts({ inForce: true })).toMatchObject([{ scope: "run", id: "run-1", reason: "security" }]);
  });

  test("not at all: what was agreed to is paid, in the words that the person has read", async () => {
    const { guard, paid } = vault();
    const { requestId } = await guard.execute("pay", { ...PAYMENT, note: "as agreed" }, CALL);
    await guard.approve(requestId, BY_ADA);
    expect(await guard.execute("pay", { ...PAYMENT, amount: 501 }, CALL)).toMatchObject({ status: "mismatch" });
    expect(await guard.execute("pay", { ...PAYMENT, note: "other words" }, CALL)).toMatchObject({ status: "executed" });
    expect(paid).toEqual([{ ...PAYMENT, note: "as agreed" }]);
    expect(await guard.halts({ inForce: true })).toEqual([]);
  });
});

describe("consent to a payload with private fields", () => {
  const secret = (more: object) =>
    defineAction({
      name: "pay",
      riskTier: "irreversible",
      input: z.object({ orderId: z.string(), amount: z.number() }),
      keyFields: ["orderId"],
      privacy: { encrypt: ["amount"], ...more },
      execute: async () => "paid",
    });

  test.each([
    ["of a tenant", {}],
    ["of a subject, under whose key it is fingerprinted", { subject: () => "customer:1" }],
  ])("%s counts", async (_whose, more) => {
    const { guard } = testGuard([secret(more)], {
      keys: new MemoryKeys(),
      rules: [{ verdict: "review", reason: "every payment" }],
    });
    const { requestId } = await guard.execute("pay", PAYMENT, CALL);
    await guard.approve(requestId, BY_ADA);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded" });
    expect(await guard.execute("pay", PAYMENT, CALL)).toMatchObject({ status: "replayed" });
  });

  test("and what of it can be read counts only as it was", async () => {
    const clock = fakeClock();
    const database = new DatabaseSync(":memory:");
    const { guard } = testGuard([secret({ subject: () => "customer:1" })], {
      clock,
      store: sqliteStore({ database, clock: clock.now }),
      keys: new MemoryKeys(),
      rules: [{ verdict: "review", reason: "every payment" }],
    });
    const { requestId } = await guard.execute("pay", PAYMENT, CALL);
    await guard.approve(requestId, BY_ADA);
    database.exec("UPDATE onceguard_request SET payload = json_set(payload, '$.orderId', 'A2')");
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "denied", reason: "approval_tampered" });
  });

  test("another version of the action is asked for again, and is no tampering", async () => {
    const paid: Payment[] = [];
    const action = (version: string, volatile: readonly "note"[]) =>
      defineAction({
        name: "pay",
        riskTier: "irreversible",
        version,
        volatile,
        input: z.object({ orderId: z.string(), amount: z.number(), note: z.string().optional() }),
        keyFields: ["orderId"],
        execute: async (payment: Payment) => void paid.push(payment),
      });
    const options = { rules: [{ verdict: "review", reason: "every payment" }] } as const;
    const before = testGuard([action("1", [])], options);
    const { requestId } = await before.guard.execute("pay", { ...PAYMENT, note: "urgent" }, CALL);
    await before.guard.approve(requestId, BY_ADA);
    const after = testGuard([action("2", ["note"])], { ...options, store: before.store, clock: before.clock });
    await after.guard.reconcile();
    expect(await after.guard.receipt(requestId)).toMatchObject({ state: "held", hold: { approval: null } });
    expect(paid).toEqual([]);
  });
});
