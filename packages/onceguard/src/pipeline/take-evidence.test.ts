import { describe, expect, test } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";
import { idempotencyKey } from "../core/idempotency-key.ts";
import { sha256 } from "./digest.ts";

interface Order {
  readonly id: string;
}

function pay(execute: () => Promise<unknown>, more: Partial<ActionOptions<"pay", Order, Order, unknown>> = {}) {
  return defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    ...more,
    execute: async () => execute(),
  });
}

const lost = async (): Promise<never> => {
  throw new Error("socket hang up");
};
const HAPPENED = { answer: "happened", source: "stripe webhook evt_1", result: { id: "ch_1" } } as const;
const NOT = { answer: "did_not_happen", source: "stripe webhook evt_2" } as const;

describe("late evidence of a success", () => {
  test("settles what is in doubt, and replays answer its result", async () => {
    const { guard } = testGuard([pay(lost)]);
    const { requestId } = await guard.execute("pay", { id: "1" });
    expect(await guard.evidence(requestId, HAPPENED)).toMatchObject({ state: "succeeded", evidence: "late" });
    expect(await guard.execute("pay", { id: "1" })).toMatchObject({ status: "replayed", result: { id: "ch_1" } });
    expect((await guard.log(requestId)).at(-2)).toMatchObject({ event: "late_success", actor: "stripe webhook evt_1" });
  });

  test("settles what waits for a person", async () => {
    const { guard } = testGuard([pay(lost)]);
    const { requestId } = await guard.execute("pay", { id: "1" });
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review" });
    expect(await guard.evidence(requestId, HAPPENED)).toMatchObject({ state: "succeeded" });
  });

  test("that agrees with the record changes nothing, and is kept in the log", async () => {
    const { guard } = testGuard([pay(async () => "paid")]);
    const { requestId, receipt } = await guard.execute("pay", { id: "1" });
    await guard.evidence(requestId, HAPPENED);
    expect({ ...(await guard.receipt(requestId)), readAt: 0 }).toEqual({ ...receipt, readAt: 0 });
    expect((await guard.log(requestId)).map(({ event }) => event)).toEqual(["claim", "success", "late_success"]);
  });

  test("against a record that says it failed is a conflict, which somebody hears of", async () => {
    const told: unknown[] = [];
    const { guard } = testGuard(
      [
        pay(async () => {
          throw Object.assign(new Error("declined"), { status: 402 });
        }),
      ],
      { notify: { operator: { name: "test", deliver: async (notification) => void told.push(notification) } } },
    );
    const { requestId } = await guard.execute("pay", { id: "1" });
    expect(await guard.evidence(requestId, HAPPENED)).toMatchObject({ state: "failed", conflict: true });
    expect(await guard.receipts({ conflict: true })).toMatchObject([{ requestId }]);
    await guard.tellPeople();
    expect(told).toMatchObject([{ kind: "conflict", requestId }]);
  });

  test("before the attempt has answered is used as soon as that attempt leaves a doubt", async () => {
    let hangUp: () => void = () => undefined;
    const { guard, clock, settle } = testGuard([
      pay(() => new Promise((_, reject) => (hangUp = () => reject(new Error("socket hang up"))))),
    ]);
    const outcome = guard.execute("pay", { id: "1" });
    await clock.advance(10);
    const [running] = await guard.receipts();
    expect(await guard.evidence(running?.requestId ?? "", HAPPENED)).toMatchObject({ state: "running" });
    hangUp();
    await settle(outcome);
    await guard.reconcile();
    expect(await guard.receipt(running?.requestId ?? "")).toMatchObject({ state: "succeeded", conflict: false });
  });

  test("about the key of an earlier generation contradicts what came after", async () => {
    let answers = 0;
    const { guard, settle } = testGuard([
      pay(async () => {
        answers += 1;
        if (answers === 1) throw Object.assign(new Error("declined"), { status: 402 });
        return lost();
      }),
    ]);
    const { requestId } = await guard.execute("pay", { id: "1" });
    await guard.reopen(requestId, { actor: "ada", reason: "another card" });
    await settle(guard.execute("pay", { id: "1" }));
    const first = idempotencyKey(sha256, "default", requestId, 1);
    const second = idempotencyKey(sha256, "default", requestId, 2);
    expect(await guard.evidence(requestId, { ...HAPPENED, idempotencyKey: first })).toMatchObject({ conflict: true });
    expect(await guard.evidence(requestId, { ...HAPPENED, idempotencyKey: second })).toMatchObject({
      state: "succeeded",
      conflict: true,
    });
  });
});

test("nothing more is sent while evidence contradicts the record, until a person has looked", async () => {
  let tries = 0;
  const action = pay(
    async () => {
      tries += 1;
      if (tries === 1) throw Object.assign(new Error("busy"), { status: 429 });
      return "paid";
    },
    { retry: { base: "10m", cap: "1h", maxElapsed: "1d" } },
  );
  const { guard, clock } = testGuard([action]);
  const { requestId } = await guard.execute("pay", { id: "1" }, { wait: 0 });
  const other = { ...HAPPENED, idempotencyKey: "of an earlier life" };
  expect(await guard.evidence(requestId, other)).toMatchObject({ state: "retry_wait", conflict: true });
  await clock.advance(3_600_000);
  await guard.reconcile();
  expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "conflict" });
  expect(tries).toBe(1);
  await guard.resolve(requestId, { decision: "retry", actor: "ada", reason: "not ours" });
  await guard.reconcile();
  expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded", conflict: false });
});

describe("late evidence of a failure", () => {
  test("settles what is in doubt: it is tried again as far as its budget goes", async () => {
    let fails = true;
    const { guard, settle } = testGuard([pay(async () => (fails ? lost() : "paid"))]);
    const { requestId } = await guard.execute("pay", { id: "1" });
    fails = false;
    expect(await guard.evidence(requestId, NOT)).toMatchObject({ state: "retry_wait", mayHaveApplied: false });
    expect(await settle(guard.execute("pay", { id: "1" }))).toMatchObject({ status: "executed" });
  });

  test("of one of several attempts is a reason to ask, and no answer", async () => {
    let tries = 0;
    const action = pay(async () => {
      tries += 1;
      if (tries === 1) throw Object.assign(new Error("busy"), { status: 429 });
      return lost();
    });
    const { guard, settle } = testGuard([action]);
    const { requestId } = await settle(guard.execute("pay", { id: "1" }));
    expect(await guard.evidence(requestId, NOT)).toMatchObject({ state: "in_doubt", mayHaveApplied: true });
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review" });
    expect(tries).toBe(2);
  });

  test("against a success is a conflict", async () => {
    const { guard } = testGuard([pay(async () => "paid")]);
    const { requestId } = await guard.execute("pay", { id: "1" });
    expect(await guard.evidence(requestId, NOT)).toMatchObject({ state: "succeeded", conflict: true });
  });

  test("about an earlier key says nothing about a success since", async () => {
    const { guard } = testGuard([pay(async () => "paid")]);
    const { requestId } = await guard.execute("pay", { id: "1" });
    expect(await guard.evidence(requestId, { ...NOT, idempotencyKey: "other" })).toMatchObject({ conflict: false });
  });
});

test("needs a source, one of the two answers, and a request that is known", async () => {
  const { guard } = testGuard([pay(lost)]);
  const { requestId } = await guard.execute("pay", { id: "1" });
  await expect(guard.evidence(requestId, { ...HAPPENED, source: "" })).rejects.toMatchObject({
    code: "invalid_context",
  });
  await expect(guard.evidence(requestId, { ...HAPPENED, answer: "maybe" as "happened" })).rejects.toMatchObject({
    code: "invalid_context",
  });
  await expect(guard.evidence("nobody", HAPPENED)).rejects.toMatchObject({ code: "receipt_not_found" });
});

test("a conflict of a settled record ends with a person's word", async () => {
  const { guard } = testGuard([
    pay(async () => "paid"),
    defineAction({
      name: "declined",
      riskTier: "side_effecting",
      keyFields: ["id"],
      execute: async (_: Order) => {
        throw Object.assign(new Error("declined"), { status: 402 });
      },
    }),
  ]);
  const paid = await guard.execute("pay", { id: "1" });
  const declined = await guard.execute("declined", { id: "2" });
  const stays = await guard.execute("declined", { id: "3" });
  const by = { actor: "ada", reason: "asked the bank" };
  await expect(guard.resolve(paid.requestId, { decision: "happened", ...by })).rejects.toMatchObject({
    code: "not_resolvable",
  });
  await guard.evidence(paid.requestId, NOT);
  await guard.evidence(declined.requestId, HAPPENED);
  await guard.evidence(stays.requestId, HAPPENED);
  expect(await guard.resolve(paid.requestId, { decision: "happened", ...by })).toMatchObject({
    state: "succeeded",
    evidence: "effect",
    conflict: false,
    result: { json: '"paid"' },
  });
  const charge = { id: "ch_9" };
  expect(await guard.resolve(declined.requestId, { decision: "happened", result: charge, ...by })).toMatchObject({
    state: "succeeded",
    conflict: false,
    result: { json: '{"id":"ch_9"}' },
  });
  expect(await guard.resolve(stays.requestId, { decision: "did_not_happen", ...by })).toMatchObject({
    state: "failed",
    conflict: false,
  });
});
