import * as v from "valibot";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { testGuard, withVerbs } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Outcome } from "../core/outcome.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { createGuard } from "./create-guard.ts";
import { unwrap } from "./unwrap.ts";

const Refund = z.object({ orderId: z.string(), amount: z.number().int().positive(), note: z.string().default("") });

function refundAction(effects: unknown[] = []) {
  return defineAction({
    name: "refund",
    input: Refund,
    record: (payload) => `order:${payload.orderId}`,
    keyFields: ["orderId", "amount"],
    volatile: ["note"],
    execute: async (payload, context) => {
      effects.push(payload);
      return { refundId: `re_${payload.orderId}`, key: context.idempotencyKey };
    },
  });
}

function lost(): never {
  throw new Error("socket hang up");
}

async function thrown(work: () => unknown): Promise<OnceguardError> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(OnceguardError);
    return error as OnceguardError;
  }
  throw new Error("nothing was thrown");
}

describe("types", () => {
  it("flow from the action to the outcome", async () => {
    const { guard } = testGuard([refundAction()]);
    const outcome = await guard.execute("refund", { orderId: "A1", amount: 5 });
    expectTypeOf(outcome).toEqualTypeOf<Outcome<{ refundId: string; key: string }>>();
    expectTypeOf(unwrap(outcome)).toEqualTypeOf<{ refundId: string; key: string }>();
    // @ts-expect-error there is no such action
    await thrown(() => guard.execute("refnd", { orderId: "A1", amount: 5 }));
    // @ts-expect-error the amount is a number
    await thrown(() => guard.execute("refund", { orderId: "A1", amount: "5" }));
  });

  it("infer every option of an action from its schema and its effect", async () => {
    const payments = {
      get: async (orderId: string) => ({ orderId, refunded: 0 }),
      find: async (key: string) => (key ? { id: "re_1" } : undefined),
      refund: async (_: unknown, options: { idempotencyKey: string; signal: AbortSignal }) => ({
        id: options.idempotencyKey,
      }),
    };
    const refund = defineAction({
      name: "refund_payment",
      riskTier: "irreversible",
      input: Refund,
      record: (p) => `order:${p.orderId}`,
      keyFields: ["orderId", "amount"],
      volatile: ["note"],
      downstreamKey: { lifetime: "24h", margin: "1h" },
      before: (p) => payments.get(p.orderId),
      probe: async (p, ctx) => {
        const found = await payments.find(`${p.orderId}${ctx.idempotencyKey}`);
        return found ? { answer: "happened", result: found } : { answer: "did_not_happen" };
      },
      compensate: async (p) => payments.get(p.orderId),
      retry: { maxAttempts: 5, maxElapsed: "15m" },
      execute: (p, ctx) => payments.refund(p, { idempotencyKey: ctx.idempotencyKey, signal: ctx.signal }),
    });
    const { guard } = testGuard([refund]);
    const outcome = await guard.execute(
      "refund_payment",
      { orderId: "A1", amount: 500, note: "..." },
      { runId: "r", tenant: "t", actor: "a" },
    );
    expectTypeOf(outcome).toEqualTypeOf<Outcome<{ id: string }>>();
    expect(outcome.status).toBe("executed");
  });

  it("take any Standard Schema", async () => {
    const action = defineAction({
      name: "mail",
      riskTier: "side_effecting",
      input: v.object({ to: v.pipe(v.string(), v.email()) }),
      keyFields: ["to"],
      execute: (payload) => payload.to.length,
    });
    const { guard } = testGuard([action]);
    expect(unwrap(await guard.execute("mail", { to: "a@b.example" }))).toBe(11);
    expect(await thrown(() => guard.execute("mail", { to: "nobody" }))).toMatchObject({ code: "payload_invalid" });
  });
});

describe("identity", () => {
  it("comes from the business key, not from prose, host call ids, runs or explicit ids", async () => {
    const effects: unknown[] = [];
    const { guard } = testGuard([refundAction(effects)]);
    const first = await guard.execute(
      "refund",
      { orderId: "A1", amount: 5, note: "sorry" },
      { runId: "r1", requestId: "call-1" },
    );
    const again = await guard.execute(
      "refund",
      { orderId: "A1", amount: 5, note: "apologies" },
      { runId: "r2", requestId: "call-2", host: { scope: "thread", callId: "toolu_2" } },
    );
    expect(again).toMatchObject({
      status: "replayed",
      requestId: first.requestId,
      receipt: { keySource: "business_key" },
    });
    expect(effects).toHaveLength(1);
  });

  it("an explicit id beside a business key finds the receipt, and never stands for two intents", async () => {
    const effects: unknown[] = [];
    const { guard } = testGuard([refundAction(effects)]);
    const first = await guard.execute("refund", { orderId: "A1", amount: 5 }, { requestId: "refund:A1" });
    expect(await guard.receipt("refund:A1")).toMatchObject({ requestId: first.requestId });
    expect(await guard.execute("refund", { orderId: "A1", amount: 6 }, { requestId: "refund:A1" })).toMatchObject({
      status: "mismatch",
    });
    expect(effects).toHaveLength(1);
  });

  it("goes down the ladder, and says which rung it was", async () => {
    const mail = defineAction({ name: "mail", riskTier: "side_effecting", execute: () => "sent" });
    const { guard } = testGuard([mail]);
    const source = async (context: object) => (await guard.execute("mail", { to: "a" }, context)).receipt?.keySource;
    expect(await source({ requestId: "m1", host: { scope: "t", callId: "c" } })).toBe("explicit");
    expect(await source({ host: { scope: "t", callId: "c" } })).toBe("host_call");
    expect(await source({})).toBe("content");
    expect(await guard.execute("mail", { to: "a" })).toMatchObject({ status: "replayed" });
    expect(await guard.execute("mail", { to: "b" })).toMatchObject({ status: "executed" });
  });

  it("is demanded for irreversible actions: a hash of content or a host's call id is not enough", async () => {
    const wipe = defineAction({ name: "wipe", input: z.object({ path: z.string() }), execute: () => "gone" });
    const { guard } = testGuard([wipe]);
    for (const context of [{}, { host: { scope: "t", callId: "c" } }]) {
      expect(await thrown(() => guard.execute("wipe", { path: "/" }, context))).toMatchObject({
        code: "missing_identity",
      });
    }
    expect(await guard.execute("wipe", { path: "/" }, { requestId: "w1" })).toMatchObject({ status: "executed" });
  });

  it("the downstream key fits every provider and stays the same across attempts", async () => {
    const { guard } = testGuard([refundAction()]);
    const { key } = unwrap(await guard.execute("refund", { orderId: "A1", amount: 5 }));
    expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("an explicit id and the same payload are the same intent, also when the business key has changed since", async () => {
    const store = memoryStore();
    const order = (keyFields: string[]) =>
      defineAction({ name: "order", riskTier: "side_effecting", keyFields, execute: () => "ordered" });
    const payload = { orderId: "A1", sku: "X" };
    const before = await testGuard([order(["orderId"])], { store }).guard.execute("order", payload, {
      requestId: "o:1",
    });
    const after = await testGuard([order(["orderId", "sku"])], { store }).guard.execute("order", payload, {
      requestId: "o:1",
    });
    expect(after).toMatchObject({ status: "replayed", requestId: before.requestId });
  });

  it("what is hashed is what is executed: later changes to the caller's object do not reach the effect", async () => {
    const effects: unknown[] = [];
    const { guard } = testGuard([refundAction(effects)]);
    const payload = { orderId: "A1", amount: 5 };
    const call = guard.execute("refund", payload);
    payload.amount = 5_000;
    await call;
    expect(effects).toEqual([{ orderId: "A1", amount: 5, note: "" }]);
  });
});

describe("bad input is one clear error, and nothing is stored or executed", () => {
  const deep = () => {
    let value: unknown = 1;
    for (let n = 0; n < 20_000; n++) value = { a: value };
    return value;
  };
  it.each([
    ["unknown action", "pay", {}, "unknown_action"],
    ["no payload", "refund", undefined, "payload_not_json"],
    ["a function", "refund", { orderId: () => "A1", amount: 5 }, "payload_not_json"],
    ["a Map", "refund", new Map(), "payload_not_json"],
    ["an unsafe integer", "refund", { orderId: "A1", amount: 2 ** 53 }, "payload_not_json"],
    ["a lone surrogate", "refund", { orderId: "A\ud800", amount: 5 }, "payload_not_json"],
    ["__proto__", "refund", JSON.parse('{"__proto__":{"amount":1},"orderId":"A1","amount":5}'), "payload_not_json"],
    ["20,000 levels", "refund", deep(), "payload_too_deep"],
    ["50 MB", "refund", { orderId: "x".repeat(50_000_000), amount: 5 }, "payload_too_large"],
    ["what the schema refuses", "refund", { orderId: "A1", amount: -5 }, "payload_invalid"],
  ])("%s", async (_, name, payload, code) => {
    const effects: unknown[] = [];
    const { guard } = testGuard([refundAction(effects)]);
    const error = await thrown(() => guard.execute(name as "refund", payload as never));
    expect(error).toMatchObject({ code, docs: expect.stringContaining(code.replaceAll("_", "-")) });
    expect(error.message.length).toBeLessThan(300);
    expect(await guard.receipts()).toEqual([]);
    expect(effects).toEqual([]);
  });

  it.each([
    ["an empty request id", "", "invalid_request_id"],
    ["one of 256 characters", "x".repeat(256), "invalid_request_id"],
    ["one with a line break", "a\nb", "invalid_request_id"],
  ])("%s", async (_, requestId, code) => {
    const { guard } = testGuard([refundAction()]);
    expect(await thrown(() => guard.execute("refund", { orderId: "A1", amount: 5 }, { requestId }))).toMatchObject({
      code,
    });
  });

  it.each([
    ["tenant", { tenant: "" }],
    ["runId", { runId: "a\u0000b" }],
    ["actor", { actor: "x".repeat(256) }],
  ])("a %s that no store could carry", async (what, context) => {
    const { guard } = testGuard([refundAction()]);
    expect(await thrown(() => guard.execute("refund", { orderId: "A1", amount: 5 }, context))).toMatchObject({
      code: "invalid_context",
      fields: { what },
    });
  });

  it.each([[[]], [[null]], [{}], [null], [""]])("a key field that says nothing: %j", async (items) => {
    const order = defineAction({ name: "order", riskTier: "side_effecting", keyFields: ["items"], execute: () => 1 });
    const { guard } = testGuard([order]);
    expect(await thrown(() => guard.execute("order", { items }))).toMatchObject({ code: "missing_key_field" });
  });

  it("an empty key field", async () => {
    const { guard } = testGuard([refundAction()]);
    expect(await thrown(() => guard.execute("refund", { orderId: "", amount: 5 }))).toMatchObject({
      code: "missing_key_field",
      fields: { path: "orderId" },
    });
  });

  it.each([
    ["no store", {}, "invalid_option"],
    ["an option that there is not", { store: memoryStore(), budget: { maxActionsPerRun: 5 } }, "invalid_option"],
    ["a rule that says nothing", { store: memoryStore(), rules: [{ verdict: "review" }] }, "invalid_option"],
    ["a lease that is no duration", { store: memoryStore(), lease: "soon" }, "invalid_option"],
    ["a margin as long as the lease", { store: memoryStore(), lease: "1s", leaseMargin: "1s" }, "invalid_option"],
    [
      "two actions of one name",
      { store: memoryStore(), actions: [refundAction(), refundAction()] },
      "duplicate_action",
    ],
  ])("createGuard with %s", async (_, options, code) => {
    expect(await thrown(() => createGuard(options as never))).toMatchObject({ code });
  });

  it("irreversible without a schema, at its definition", async () => {
    expect(await thrown(() => defineAction({ name: "pay", execute: () => 1 }))).toMatchObject({
      code: "schema_required",
    });
  });

  it.each([
    ["a misspelt option", { keyfields: ["id"] }, /"keyfields" is no option/],
    ["prose as a key", { keyFields: ["note"], volatile: ["note"] }, /prose never identifies/],
    ["no key field", { keyFields: [] }, /keyFields is empty/],
    ["a name with spaces", { name: "send mail" }, /its name/],
    ["no tier there is", { riskTier: "harmless" }, /riskTier/],
    ["a margin past the lifetime", { downstreamKey: { lifetime: "1h", margin: "2h" } }, /margin/],
  ])("an action with %s, at its definition", async (_, options, says) => {
    const define = () =>
      defineAction({ name: "mail", riskTier: "side_effecting", execute: () => 1, ...(options as object) });
    expect(await thrown(define)).toMatchObject({ code: "invalid_action", message: expect.stringMatching(says) });
  });

  it("a store that must not be used is an error, and not an unguarded run", async () => {
    const effects: unknown[] = [];
    const store = withVerbs(memoryStore(), {
      open: () => Promise.reject(new OnceguardError("schema_too_new", "from the future")),
    });
    const { guard } = testGuard([refundAction(effects)], { store });
    expect(await thrown(() => guard.execute("refund", { orderId: "A1", amount: 5 }))).toMatchObject({
      code: "schema_too_new",
    });
    expect(effects).toEqual([]);
  });
});

describe("the inline form", () => {
  it("guards without registering", async () => {
    const { guard } = testGuard([]);
    const call = (amount: number) =>
      guard.execute({
        requestId: "pay:1",
        action: "pay",
        payload: { amount },
        execute: (payload) => payload.amount * 2,
      });
    const first = await call(5);
    expectTypeOf(first).toEqualTypeOf<Outcome<number>>();
    expect(first).toMatchObject({ status: "executed", result: 10, requestId: "pay:1" });
    expect(await call(5)).toMatchObject({ status: "replayed", result: 10 });
    expect(await call(6)).toMatchObject({ status: "mismatch" });
    expect(
      await guard.execute({ requestId: "pay:1", action: "other", payload: { amount: 5 }, execute: () => 0 }),
    ).toMatchObject({ status: "mismatch" });
  });
});

describe("wrap and unwrap", () => {
  it("give a plain function, and the result or an error", async () => {
    const { guard } = testGuard([]);
    const refund = guard.wrap(refundAction());
    expect(unwrap(await refund({ orderId: "A1", amount: 5 })).refundId).toBe("re_A1");
    const other = await refund({ orderId: "A1", amount: 5 }, { tenant: "b" });
    expect(other.status).toBe("executed");
    const { guard: denying } = testGuard([], { policy: () => ({ verdict: "deny", reason: "no" }) });
    const denied = await denying.wrap(refundAction())({ orderId: "A1", amount: 5 });
    expect(await thrown(() => unwrap(denied))).toMatchObject({
      code: "outcome_not_success",
      fields: { outcome: denied },
    });
  });

  it("refuse a second action of the same name", async () => {
    const { guard } = testGuard([]);
    guard.wrap(refundAction());
    expect(await thrown(() => guard.wrap(refundAction()))).toMatchObject({ code: "duplicate_action" });
  });
});

describe("review", () => {
  async function inReview() {
    let works = false;
    const keys: string[] = [];
    const pay = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["id"],
      execute: (_: { id: string }, context) => {
        keys.push(context.idempotencyKey);
        if (!works) throw new Error("socket hang up");
        return "paid";
      },
    });
    const made = testGuard([pay]);
    const { requestId } = await made.guard.execute("pay", { id: "1" });
    await made.guard.reconcile();
    const [receipt] = await made.guard.reviews();
    if (!receipt) throw new Error("nothing is in review");
    return {
      ...made,
      requestId,
      receipt,
      keys,
      repair: () => {
        works = true;
      },
    };
  }
  const by = { actor: "ada", reason: "looked at the ledger" };

  it("happened: succeeded by a person's word, with the result they give", async () => {
    const { guard, requestId, receipt } = await inReview();
    const resolved = await guard.resolve(requestId, {
      ...by,
      decision: "happened",
      result: { seen: true },
      expectedVersion: receipt.version,
    });
    expect(resolved).toMatchObject({ state: "succeeded", evidence: "person", mayHaveApplied: false });
    expect(await guard.execute("pay", { id: "1" })).toMatchObject({ status: "replayed", result: { seen: true } });
    expect((await guard.log(requestId)).at(-2)).toMatchObject({ event: "resolve", actor: "ada" });
  });

  it("did not happen: failed, and reopen tries again under a new key", async () => {
    const { guard, requestId, repair, keys } = await inReview();
    expect(await guard.resolve(requestId, { ...by, decision: "did_not_happen" })).toMatchObject({ state: "failed" });
    expect(await guard.execute("pay", { id: "1" })).toMatchObject({ status: "failed" });
    repair();
    await guard.reopen(requestId, by);
    expect(await guard.execute("pay", { id: "1" })).toMatchObject({ status: "executed" });
    expect(new Set(keys).size).toBe(2);
  });

  it("retry: executed again under a new key", async () => {
    const { guard, requestId, repair, keys } = await inReview();
    repair();
    expect(await guard.resolve(requestId, { ...by, decision: "retry" })).toMatchObject({
      state: "retry_wait",
      generation: 2,
    });
    expect(await guard.reconcile(requestId)).toMatchObject({ status: "replayed", result: "paid" });
    expect(new Set(keys).size).toBe(2);
  });

  it("refuses a decision on an old version, without reason, twice, or on nothing", async () => {
    const { guard, requestId, receipt } = await inReview();
    const decide = (decision: object) =>
      thrown(() => guard.resolve(requestId, { ...by, decision: "happened", ...decision }));
    expect(await decide({ expectedVersion: receipt.version - 1 })).toMatchObject({ code: "version_conflict" });
    expect(await decide({ reason: " " })).toMatchObject({ code: "missing_reason" });
    await guard.resolve(requestId, { ...by, decision: "happened" });
    expect(await decide({})).toMatchObject({ code: "not_resolvable" });
    expect(await thrown(() => guard.resolve("nothing", { ...by, decision: "happened" }))).toMatchObject({
      code: "receipt_not_found",
    });
  });

  it("takes a request that is still in doubt", async () => {
    const pay = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["id"],
      probe: () => ({ answer: "cannot_tell" }),
      execute: (_: { id: string }) => {
        throw new Error("socket hang up");
      },
    });
    const { guard, settle } = testGuard([pay]);
    const { requestId } = await settle(guard.execute("pay", { id: "1" }, { wait: "1s" }));
    expect(await guard.resolve(requestId, { ...by, decision: "happened" })).toMatchObject({ state: "succeeded" });
  });
});

describe("close", () => {
  it("lets what runs finish, marks the rest in doubt, and takes nothing new", async () => {
    const gates = { short: Promise.withResolvers<string>(), long: Promise.withResolvers<string>() };
    const pay = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["id"],
      execute: (payload: { id: "short" | "long" }) => gates[payload.id].promise,
    });
    const store = memoryStore();
    const { guard, clock, settle } = testGuard([pay], { store });
    const short = guard.execute("pay", { id: "short" });
    const long = guard.execute("pay", { id: "long" });
    await clock.advance(0);
    const closed = guard.close();
    expect(await guard.execute("pay", { id: "short" }, { tenant: "new" })).toMatchObject({ status: "unavailable" });
    gates.short.resolve("done");
    expect(await short).toMatchObject({ status: "executed", result: "done" });
    await settle(closed);
    const left = await long;
    expect(left).toMatchObject({ status: "in_doubt", failure: { code: "shutdown" } });
    expect(await store.find("default", left.requestId)).toMatchObject({ state: "in_doubt", mayHaveApplied: true });
    expect(await guard.execute("pay", { id: "short" })).toMatchObject({ status: "unavailable", dispatched: false });
    await guard.close();
  });
});

describe("close, again", () => {
  it("never sends again what it has just interrupted itself", async () => {
    let sent = 0;
    const pay = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["id"],
      downstreamKey: { lifetime: "24h" },
      execute: (_: { id: string }, { signal }) => {
        sent++;
        return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const { guard, clock, settle } = testGuard([pay]);
    const call = guard.execute("pay", { id: "1" });
    await clock.advance(0);
    await settle(guard.close());
    expect([(await call).status, sent]).toEqual(["in_doubt", 1]);
  });
});

describe("the sweeper", () => {
  it("is not starved by what it cannot move: retries of actions that only their caller knows", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const { guard } = testGuard([], { store, clock });
    const busy = () => {
      throw Object.assign(new Error("busy"), { status: 429, retryAfterMs: 60_000 });
    };
    for (let n = 0; n < 100; n++) {
      await guard.execute({ requestId: `inline-${n}`, action: "inline", payload: {}, execute: busy });
    }
    const pay = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["id"],
      execute: (_: { id: string }) => lost(),
    });
    const paying = testGuard([pay], { store, clock }).guard;
    await clock.advance(120_000);
    const { requestId } = await paying.execute("pay", { id: "1" });
    expect((await paying.reconcile()).moved).toMatchObject([{ requestId, state: "review" }]);
  });

  it("carries on in another process what its caller left, as often as the option says", async () => {
    let works = false;
    const pay = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["id"],
      probe: () => ({ answer: works ? ("did_not_happen" as const) : ("cannot_tell" as const) }),
      execute: (_: { id: string }) => {
        if (!works) throw new Error("socket hang up");
        return "paid";
      },
    });
    const { guard, clock, settle } = testGuard([pay], { sweepEvery: "5s" });
    const { requestId } = await settle(guard.execute("pay", { id: "1" }, { wait: 0 }));
    works = true;
    await clock.advance(60_000);
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded" });
    await settle(guard.close());
  });
});
