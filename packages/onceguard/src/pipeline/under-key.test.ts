import { describe, expect, test } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { MemoryKeys } from "../../test/support/memory-keys.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

// Under which key a request lies, by what is private in its action today.

interface Payment {
  readonly ref: string;
  readonly iban: string;
}
type Options = Partial<ActionOptions<"pay", Payment, Payment, unknown>>;

const PAYMENT = { ref: "1", iban: "DE02" };
const BY = { actor: "ada", reason: "the bank says so" };
const ANNA = { encrypt: ["iban"], subject: () => "anna" };
const lost = (): never => {
  throw new Error("socket hang up");
};

function bank() {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const keys = new MemoryKeys();
  const pay = (options: Options) =>
    defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["ref"],
      record: ({ ref }: Payment) => `invoice:${ref}`,
      before: () => ({ paid: false }),
      compensate: () => undefined,
      execute: () => "paid",
      ...options,
    });
  const process = (options: Options = {}) => testGuard([pay(options)], { clock, store, keys });
  const undo = async ({ guard, settle }: ReturnType<typeof process>) => {
    const { plan, token } = await guard.blastRadius({});
    expect(await settle(guard.correct(plan, { ...BY, token }))).toMatchObject({ rows: [{ result: "corrected" }] });
    return (await guard.receipts({ action: "pay~undo" }))[0];
  };
  return { clock, store, keys, pay, process, undo };
}

describe("the fingerprint", () => {
  test("stays what it was when an action gets private fields, and changes with a subject", async () => {
    const { process } = bank();
    const plain = await process().guard.execute("pay", PAYMENT);
    expect(await process({ privacy: { encrypt: ["iban"] } }).guard.execute("pay", PAYMENT)).toMatchObject({
      status: "replayed",
    });
    const named = await process({ privacy: ANNA }).guard.execute("pay", { ...PAYMENT, ref: "2" });
    const same = await process().guard.execute("pay", { ...PAYMENT, ref: "2" });
    expect([plain.receipt?.keyId, same.status]).toEqual([null, "mismatch"]);
    expect(named.receipt?.keyId).toBe("key-2");
  });
});

describe("the undoing of a private request", () => {
  test("lies under the key of what it undoes: it is about the same subject", async () => {
    const { process, undo } = bank();
    const made = process({ privacy: ANNA });
    const { receipt } = await made.guard.execute("pay", PAYMENT);
    expect(receipt?.keyId).toBe("key-1");
    expect((await undo(made))?.keyId).toBe("key-1");
  });

  test("of one from before anything was private in it lies under none", async () => {
    const { process, undo } = bank();
    await process().guard.execute("pay", PAYMENT);
    expect(await undo(process({ privacy: ANNA }))).toMatchObject({ state: "succeeded", keyId: null });
  });
});

describe("a result that a person gives", () => {
  const result = { iban: "DE02", ok: true };
  const given = { ...BY, decision: "happened", result } as const;
  const kept = { result: { json: '{"iban":"[redacted]","ok":true}' } };

  test("is kept without what its action redacts", async () => {
    const { guard } = bank().process({ privacy: { redact: ["iban"] }, execute: lost });
    const { requestId } = await guard.execute("pay", PAYMENT);
    await guard.resolve(requestId, given);
    expect(await guard.receipt(requestId)).toMatchObject(kept);
  });

  test("also where the action is not registered here, but was called here", async () => {
    const { clock, store, pay } = bank();
    const { guard } = testGuard([], { clock, store });
    const action = pay({ privacy: { redact: ["iban"] }, execute: lost });
    const { requestId } = await guard.wrap(action, { register: false })(PAYMENT);
    await guard.resolve(requestId, given);
    expect(await guard.receipt(requestId)).toMatchObject(kept);
  });

  test("is kept whole where nothing is private", async () => {
    const { guard } = bank().process({ execute: lost });
    const { requestId } = await guard.execute("pay", PAYMENT);
    await guard.resolve(requestId, given);
    expect(await guard.receipt(requestId)).toMatchObject({ result: { json: JSON.stringify(result) } });
  });
});

test("what is redacted is sent by its caller only: a sweeper has not got it, and leaves the request alone", async () => {
  const { process, clock } = bank();
  const sent: Payment[] = [];
  const execute = (payment: Payment) => {
    sent.push(payment);
    if (sent.length === 1) throw Object.assign(new Error("busy"), { status: 429 });
  };
  const made = process({ privacy: { redact: ["iban"] }, retry: { base: "1m", cap: "1m" }, execute });
  const { requestId } = await made.settle(made.guard.execute("pay", PAYMENT, { wait: 0 }));
  await clock.advance(60_000);
  expect(await made.guard.reconcile()).toEqual({ moved: [], left: [] });
  expect([sent.length, (await made.guard.receipt(requestId))?.state]).toEqual([1, "retry_wait"]);
  expect(await made.settle(made.guard.execute("pay", PAYMENT))).toMatchObject({ status: "executed" });
  expect(sent).toEqual([PAYMENT, PAYMENT]);
});
