import { describe, expect, it, vi } from "vitest";
import { settle, testGuard, withVerbs } from "../../test/support/guard.ts";
import { defineAction, type EffectContext, type ProbeAnswer } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import { effectError, type Failure } from "../core/failure.ts";
import type { Store } from "../core/ports.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

interface Order {
  readonly orderId: string;
  readonly amount: number;
  readonly note?: string;
}

/** A world that counts: what `pay` really did, and an action over it. */
function world(
  options: Partial<Parameters<typeof defineAction>[0]> = {},
  behave: (n: number) => unknown = (n) => ({ paid: n }),
) {
  const effects: EffectContext[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["orderId"],
    volatile: ["note"],
    ...(options as object),
    execute: async (_order: Order, context: EffectContext) => {
      effects.push(context);
      return behave(effects.length);
    },
  });
  return { effects, pay };
}

const lost = () => {
  throw new Error("socket hang up");
};
const http =
  (status: number, extra: object = {}) =>
  () => {
    throw Object.assign(new Error(`HTTP ${status}`), { status, ...extra });
  };

describe("first call, replay, mismatch", () => {
  it("executes once, and replays the same result and receipt", async () => {
    const { pay, effects } = world();
    const { guard } = testGuard([pay]);
    const first = await guard.execute("pay", { orderId: "A1", amount: 5 });
    const again = await guard.execute("pay", { orderId: "A1", amount: 5 });
    expect(first).toMatchObject({ status: "executed", result: { paid: 1 } });
    expect(again).toMatchObject({ status: "replayed", result: { paid: 1 } });
    expect({ ...again.receipt, readAt: 0 }).toEqual({ ...first.receipt, readAt: 0 });
    expect(effects).toHaveLength(1);
  });

  it("answers mismatch for another payload also while another process still runs the first", async () => {
    const { pay } = world({}, () => new Promise(() => undefined));
    const { guard, clock, store } = testGuard([pay]);
    void guard.execute("pay", { orderId: "A1", amount: 5 });
    await clock.advance(10);
    const other = testGuard([pay], { store, clock }).guard;
    expect(await other.execute("pay", { orderId: "A1", amount: 6 }, { wait: 0 })).toMatchObject({
      status: "mismatch",
      receipt: null,
    });
  });

  it("answers mismatch for another payload, echoing nothing stored", async () => {
    const { pay, effects } = world();
    const { guard } = testGuard([pay]);
    await guard.execute("pay", { orderId: "A1", amount: 5 });
    const other = await guard.execute("pay", { orderId: "A1", amount: 6 });
    expect(other).toMatchObject({ status: "mismatch", receipt: null });
    expect(JSON.stringify(other)).not.toContain("paid");
    expect(effects).toHaveLength(1);
  });

  it("answers mismatch while the first is still running", async () => {
    const gate = Promise.withResolvers<void>();
    const { pay } = world({}, () => gate.promise);
    const { guard } = testGuard([pay]);
    const first = guard.execute("pay", { orderId: "A1", amount: 5 });
    expect(await guard.execute("pay", { orderId: "A1", amount: 6 })).toMatchObject({ status: "mismatch" });
    gate.resolve();
    expect(await first).toMatchObject({ status: "executed" });
  });

  it("takes other prose for the same intent, and records the drift", async () => {
    const { pay, effects } = world();
    const { guard } = testGuard([pay]);
    const first = await guard.execute("pay", { orderId: "A1", amount: 5, note: "as asked" });
    expect(await guard.execute("pay", { orderId: "A1", amount: 5, note: "as the customer wished" })).toMatchObject({
      status: "replayed",
    });
    await guard.execute("pay", { orderId: "A1", amount: 5, note: "as asked" });
    expect((await guard.log(first.requestId)).map((entry) => entry.event)).toEqual([
      "claim",
      "success",
      "drift",
      "replayed",
      "replayed",
    ]);
    expect(effects).toHaveLength(1);
  });

  it("keeps tenants apart", async () => {
    const { pay, effects } = world();
    const { guard } = testGuard([pay]);
    await guard.execute("pay", { orderId: "A1", amount: 5 }, { tenant: "a" });
    expect(await guard.execute("pay", { orderId: "A1", amount: 9 }, { tenant: "b" })).toMatchObject({
      status: "executed",
    });
    expect(effects).toHaveLength(2);
  });
});

describe("duplicates at the same time", () => {
  it("join the one that runs: one effect, one result for all, two writes", async () => {
    const gate = Promise.withResolvers<void>();
    const { pay, effects } = world({}, async (n) => {
      await gate.promise;
      return { paid: n };
    });
    const store = memoryStore();
    const claim = vi.spyOn(store, "claim");
    const apply = vi.spyOn(store, "apply");
    const { guard } = testGuard([pay], { store });
    const calls = Array.from({ length: 100 }, () => guard.execute("pay", { orderId: "A1", amount: 5 }));
    gate.resolve();
    const outcomes = await Promise.all(calls);
    expect(outcomes.filter((outcome) => outcome.status === "executed")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.status === "replayed")).toHaveLength(99);
    expect(new Set(outcomes.map((outcome) => JSON.stringify("result" in outcome && outcome.result)))).toEqual(
      new Set(['{"paid":1}']),
    );
    expect([effects.length, claim.mock.calls.length, apply.mock.calls.length]).toEqual([1, 1, 1]);
  });

  it("get a result of their own, and drift in their prose is recorded", async () => {
    const gate = Promise.withResolvers<{ paid: number }>();
    const { pay } = world({}, () => gate.promise);
    const { guard, clock } = testGuard([pay]);
    const notes = ["as asked", "as the customer wished"];
    const calls = notes.map((note) => guard.execute("pay", { orderId: "A1", amount: 5, note }));
    gate.resolve({ paid: 1 });
    const [first, joined] = await Promise.all(calls);
    if (first?.status !== "executed" || joined?.status !== "replayed") throw new Error("one leads, one joins");
    (first.result as { paid: number }).paid = 1_000_000;
    expect(joined.result).toEqual({ paid: 1 });
    await clock.advance(0);
    expect((await guard.log(first.requestId)).map((entry) => entry.event)).toEqual([
      "claim",
      "success",
      "drift",
      "replayed",
    ]);
  });

  it("of another process wait for it, and stop waiting when their patience ends", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const gate = Promise.withResolvers<void>();
    const { pay, effects } = world({}, () => gate.promise);
    const here = testGuard([pay], { store, clock });
    const there = testGuard([pay], { store, clock });
    const first = here.guard.execute("pay", { orderId: "A1", amount: 5 });
    await clock.advance(0);
    const impatient = await settle(clock, there.guard.execute("pay", { orderId: "A1", amount: 5 }, { wait: "50ms" }));
    expect(impatient).toMatchObject({ status: "in_progress" });
    const patient = there.guard.execute("pay", { orderId: "A1", amount: 5 });
    await clock.advance(500);
    gate.resolve();
    expect(await settle(clock, patient)).toMatchObject({ status: "replayed" });
    expect(await first).toMatchObject({ status: "executed" });
    expect(effects).toHaveLength(1);
  });
});

describe("definite failures", () => {
  it("a plain no is failed, and replays without sending", async () => {
    const { pay, effects } = world({}, http(402));
    const { guard } = testGuard([pay]);
    for (let n = 0; n < 2; n++) {
      expect(await guard.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({
        status: "failed",
        failure: { code: "http_402", certainty: "definite" },
      });
    }
    expect(effects).toHaveLength(1);
  });

  it.each([
    [422, "validation", "data_owner"],
    [409, "conflict", "domain_expert"],
    [403, "security", "security"],
  ])("HTTP %i goes to review for its person", async (status, reason, route) => {
    const { pay } = world({}, http(status));
    const { guard } = testGuard([pay]);
    expect(await guard.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({ status: "review", reason, route });
  });

  it("a transient one is retried, with the same key, until it succeeds", async () => {
    const { pay, effects } = world({}, (n) => (n < 3 ? http(429)() : { paid: n }));
    const { guard, settle } = testGuard([pay]);
    expect(await settle(guard.execute("pay", { orderId: "A1", amount: 5 }))).toMatchObject({
      status: "executed",
      result: { paid: 3 },
      receipt: { attemptNumber: 3, fencingToken: 3, generation: 1 },
    });
    expect(new Set(effects.map((effect) => effect.idempotencyKey)).size).toBe(1);
  });

  it("honours Retry-After, and answers retry_later when that is past the caller's patience", async () => {
    const { pay, effects } = world({}, (n) => (n === 1 ? http(429, { retryAfterMs: 60_000 })() : { paid: n }));
    const { guard, clock } = testGuard([pay]);
    const outcome = await guard.execute("pay", { orderId: "A1", amount: 5 });
    expect(outcome).toMatchObject({ status: "retry_later", receipt: { state: "retry_wait" } });
    expect("retryAfterMs" in outcome && outcome.retryAfterMs).toBeGreaterThanOrEqual(60_000);
    await clock.advance(59_000);
    expect((await guard.reconcile()).moved).toEqual([]);
    await clock.advance(5_000);
    expect((await guard.reconcile()).moved).toMatchObject([{ state: "succeeded" }]);
    expect(effects).toHaveLength(2);
  });

  it("honours a Retry-After that names a date, by the store's clock where the answer does not tell its own", async () => {
    const clock = fakeClock(Date.UTC(2026, 10, 22, 12, 0, 0));
    const headers = { "retry-after": "Sun, 22 Nov 2026 12:05:00 GMT" };
    const { pay, effects } = world({}, (n) => (n === 1 ? http(429, { headers })() : { paid: n }));
    const { guard } = testGuard([pay], { clock, store: memoryStore({ clock: clock.now }) });
    const outcome = await guard.execute("pay", { orderId: "A1", amount: 5 });
    expect(outcome).toMatchObject({ status: "retry_later", receipt: { failure: { retryAfterMs: 300_000 } } });
    await clock.advance(299_000);
    expect((await guard.reconcile()).moved).toEqual([]);
    await clock.advance(5_000);
    expect((await guard.reconcile()).moved).toMatchObject([{ state: "succeeded" }]);
    expect(effects).toHaveLength(2);
  });

  it("a person who asks to reconcile now does not cut Retry-After short", async () => {
    const { pay, effects } = world({}, (n) => (n === 1 ? http(429, { retryAfterMs: 60_000 })() : { paid: n }));
    const { guard, clock } = testGuard([pay]);
    const { requestId } = await guard.execute("pay", { orderId: "A1", amount: 5 });
    expect(await guard.reconcile(requestId)).toMatchObject({ status: "retry_later" });
    expect(effects).toHaveLength(1);
    await clock.advance(70_000);
    expect(await guard.reconcile(requestId)).toMatchObject({ status: "replayed", result: { paid: 2 } });
  });

  it("stops in review when the attempts are used up", async () => {
    const { pay, effects } = world({ retry: { maxAttempts: 3 } }, http(429));
    const { guard, settle } = testGuard([pay]);
    expect(await settle(guard.execute("pay", { orderId: "A1", amount: 5 }))).toMatchObject({
      status: "review",
      reason: "retries_exhausted",
    });
    expect(effects).toHaveLength(3);
  });
});

describe("uncertain outcomes", () => {
  it("include whatever a classifier calls neither definite nor indefinite", async () => {
    const classify = () => ({ certainty: "probably", tier: null, code: "odd", message: "?" }) as unknown as Failure;
    const { pay } = world({ classify }, lost);
    const { guard } = testGuard([pay]);
    expect(await guard.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({ status: "in_doubt" });
  });

  it("with no capability is in doubt, stays so, and is never sent again", async () => {
    const { pay, effects } = world({}, lost);
    const { guard } = testGuard([pay]);
    for (let n = 0; n < 2; n++) {
      expect(await guard.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({
        status: "in_doubt",
        receipt: { mayHaveApplied: true },
      });
    }
    expect(await guard.reconcile()).toMatchObject({ moved: [{ state: "review", reason: "no_capability" }] });
    expect(effects).toHaveLength(1);
  });

  it("with a probe that says happened: succeeded, with the probe's result", async () => {
    const { pay, effects } = world({ probe: () => ({ answer: "happened", result: { paid: "by probe" } }) }, lost);
    const { guard } = testGuard([pay]);
    expect(await guard.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({
      status: "executed",
      result: { paid: "by probe" },
      receipt: { evidence: "probe", mayHaveApplied: false },
    });
    expect(effects).toHaveLength(1);
  });

  it("with a probe that says it did not: sent again", async () => {
    const { pay, effects } = world({ probe: () => ({ answer: "did_not_happen" }) }, (n) =>
      n === 1 ? lost() : { paid: n },
    );
    const { guard, settle } = testGuard([pay]);
    expect(await settle(guard.execute("pay", { orderId: "A1", amount: 5 }))).toMatchObject({ status: "executed" });
    expect(effects).toHaveLength(2);
  });

  it("believes 'did not happen' only after the settle delay", async () => {
    const asked: number[] = [];
    const clock = fakeClock();
    const probe = () => {
      asked.push(clock.monotonicMs());
      return { answer: "did_not_happen" as const };
    };
    const { pay, effects } = world({ probe, settleDelay: "5s" }, (n) => (n === 1 ? lost() : { paid: n }));
    const { guard } = testGuard([pay], { clock, store: memoryStore({ clock: clock.now }) });
    const call = guard.execute("pay", { orderId: "A1", amount: 5 });
    await clock.advance(4_900);
    expect([effects.length, asked.length > 0]).toEqual([1, true]);
    expect(await settle(clock, call)).toMatchObject({ status: "executed" });
    expect(effects).toHaveLength(2);
  });

  it("a probe that cannot tell, lies, throws or hangs is asked again, and then a person is", async () => {
    const answers = [{ answer: "cannot_tell" }, { answer: "maybe" }, null, "boom", "hang"];
    const probe = () => {
      const answer = answers.shift() ?? { answer: "cannot_tell" };
      if (answer === "boom") throw new Error("probe");
      return (answer === "hang" ? new Promise(() => undefined) : answer) as ProbeAnswer<unknown>;
    };
    const { pay, effects } = world({ probe, timeout: "1s", retry: { maxElapsed: "1m" } }, lost);
    const { guard, clock, settle } = testGuard([pay]);
    const outcome = await settle(guard.execute("pay", { orderId: "A1", amount: 5 }, { wait: "10s" }));
    expect(outcome.status).toBe("in_doubt");
    for (let n = 0; n < 40; n++) {
      await settle(guard.reconcile());
      await clock.advance(5_000);
    }
    expect(await guard.receipt(outcome.requestId)).toMatchObject({ state: "review", reason: "probe_cannot_tell" });
    expect(effects).toHaveLength(1);
  });

  it("asks on after a pause also where the action says none: a probe that cannot tell is no endless loop", async () => {
    const clock = fakeClock();
    let asked = 0;
    const cannotTell = () => ({ answer: "cannot_tell", asked: ++asked }) as const;
    const { pay } = world({ retry: { base: 0, cap: 0 }, probe: cannotTell }, lost);
    const { guard } = testGuard([pay], { clock, store: memoryStore({ clock: clock.now }) });
    const outcome = await guard.execute("pay", { orderId: "A1", amount: 5 }, { wait: 0 });
    expect(outcome).toMatchObject({ status: "in_doubt" });
    await guard.reconcile();
    expect(asked).toBeLessThanOrEqual(2);
  });

  it("with a downstream key is sent again under the same key, and not past its lifetime", async () => {
    const clock = fakeClock();
    const sentAt: number[] = [];
    const { pay, effects } = world(
      {
        downstreamKey: { lifetime: "10m", margin: "1m" },
        retry: { maxAttempts: 100, base: "1s", cap: "1m", maxElapsed: "1h" },
      },
      () => {
        sentAt.push(clock.monotonicMs());
        return lost();
      },
    );
    const { guard } = testGuard([pay], { clock, store: memoryStore({ clock: clock.now }) });
    const outcome = await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }));
    for (let n = 0; n < 300; n++) {
      await settle(clock, guard.reconcile());
      await clock.advance(5_000);
    }
    expect(await guard.receipt(outcome.requestId)).toMatchObject({
      state: "review",
      reason: "key_expired",
      generation: 1,
    });
    expect(effects.length).toBeGreaterThan(5);
    expect(Math.max(...sentAt), "inside the lifetime minus the margin").toBeLessThan(9 * 60_000);
    expect(new Set(effects.map((effect) => effect.idempotencyKey)).size).toBe(1);
  });

  it("is settled by a probe that the action got later, but not re-sent under a key that it got later", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const before = world({}, lost);
    await testGuard([before.pay], { store, clock }).guard.execute("pay", { orderId: "A1", amount: 5 });
    const keyed = world({ downstreamKey: { lifetime: "1h" } });
    const { guard: withKey } = testGuard([keyed.pay], { store, clock });
    expect(await withKey.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({ status: "in_doubt" });
    const both = world({ downstreamKey: { lifetime: "1h" }, probe: () => ({ answer: "cannot_tell" }) });
    const { guard: withBoth } = testGuard([both.pay], { store, clock });
    const asked = await settle(clock, withBoth.execute("pay", { orderId: "A1", amount: 5 }, { wait: "1m" }));
    expect([asked.status, both.effects.length]).toEqual(["in_doubt", 0]);
    const probing = world({ probe: () => ({ answer: "happened", result: "seen" }) });
    const { guard: withProbe } = testGuard([probing.pay], { store, clock });
    expect(await settle(clock, withProbe.execute("pay", { orderId: "A1", amount: 5 }))).toMatchObject({
      status: "replayed",
      result: "seen",
      receipt: { evidence: "probe" },
    });
    expect([keyed.effects.length, probing.effects.length]).toEqual([0, 0]);
  });

  it("is sticky: a definite failure after a doubtful attempt does not make it failed", async () => {
    const { pay } = world({ downstreamKey: { lifetime: "1h" } }, (n) => (n === 1 ? lost() : http(402)()));
    const { guard, settle } = testGuard([pay]);
    const outcome = await settle(guard.execute("pay", { orderId: "A1", amount: 5 }));
    const events = (await guard.log(outcome.requestId)).map((entry) => `${entry.event}:${entry.state}`);
    expect(events).toContain("definite_failure:in_doubt");
    expect(outcome.status).not.toBe("failed");
    expect((await guard.receipt(outcome.requestId))?.mayHaveApplied).toBe(true);
  });

  it("an effect that outlives its timeout is in doubt, and its late success is kept", async () => {
    const gate = Promise.withResolvers<object>();
    const { pay, effects } = world({ timeout: "5s" }, () => gate.promise);
    const { guard, clock, settle } = testGuard([pay]);
    const outcome = await settle(guard.execute("pay", { orderId: "A1", amount: 5 }));
    expect(outcome).toMatchObject({ status: "in_doubt", failure: { code: "timeout" } });
    expect(effects[0]?.signal.aborted).toBe(true);
    gate.resolve({ paid: "late" });
    await clock.advance(0);
    expect(await guard.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({
      status: "replayed",
      result: { paid: "late" },
      receipt: { evidence: "late" },
    });
  });

  it("a late success that overtakes the recording of its own doubt contradicts nothing", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const slow = withVerbs(store, {
      apply: async (transition) => {
        if (transition.event === "indefinite") await clock.sleep(3_000);
        return store.apply(transition);
      },
    });
    const gate = Promise.withResolvers<object>();
    const { pay } = world({ timeout: "5s" }, () => gate.promise);
    const { guard } = testGuard([pay], { store: slow, clock });
    const call = guard.execute("pay", { orderId: "A1", amount: 5 });
    await clock.advance(6_000);
    gate.resolve({ paid: "late" });
    const { requestId } = await settle(clock, call);
    await clock.advance(1_000);
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded", evidence: "late", conflict: false });
  });

  it("while the first attempt is still open here, neither a re-send nor 'did not happen' is acted on", async () => {
    const gate = Promise.withResolvers<object>();
    const { pay, effects } = world(
      { timeout: "1s", downstreamKey: { lifetime: "1h" }, probe: () => ({ answer: "did_not_happen" }) },
      () => gate.promise,
    );
    const { guard, settle, clock } = testGuard([pay]);
    const outcome = await settle(guard.execute("pay", { orderId: "A1", amount: 5 }));
    expect(outcome.status).toBe("in_doubt");
    expect(effects).toHaveLength(1);
    gate.resolve({ paid: "late" });
    await clock.advance(0);
    expect(await guard.receipt(outcome.requestId)).toMatchObject({ state: "succeeded", evidence: "late" });
    expect(effects).toHaveLength(1);
  });
});

describe("leases", () => {
  it("are renewed for as long as the effect runs", async () => {
    const gate = Promise.withResolvers<void>();
    const { pay, effects } = world({ timeout: "10m" }, () => gate.promise);
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const here = testGuard([pay], { store, clock, lease: "3s" });
    const there = testGuard([pay], { store, clock, lease: "3s" });
    const first = here.guard.execute("pay", { orderId: "A1", amount: 5 });
    await clock.advance(60_000);
    expect(await settle(clock, there.guard.execute("pay", { orderId: "A1", amount: 5 }, { wait: 10 }))).toMatchObject({
      status: "in_progress",
    });
    gate.resolve();
    expect(await settle(clock, first)).toMatchObject({ status: "executed" });
    expect(effects).toHaveLength(1);
  });

  it("that could not be renewed are lost: the effect is told, the newcomer sees in doubt, the late success is kept", async () => {
    const gate = Promise.withResolvers<object>();
    const { pay, effects } = world({ timeout: "10m" }, () => gate.promise);
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const cut: Store = withVerbs(store, {
      renew: () => Promise.reject(new OnceguardError("store_unavailable", "cut", { applied: "unknown" })),
    });
    const here = testGuard([pay], { store: cut, clock, lease: "3s" });
    const there = testGuard([pay], { store, clock, lease: "3s" });
    const first = settle(clock, here.guard.execute("pay", { orderId: "A1", amount: 5 }));
    await clock.advance(10_000);
    expect(effects[0]?.signal.aborted).toBe(true);
    expect(await first).toMatchObject({ status: "in_doubt" });
    const newcomer = await settle(clock, there.guard.execute("pay", { orderId: "A1", amount: 5 }));
    expect(newcomer).toMatchObject({ status: "in_doubt" });
    gate.resolve({ paid: "zombie" });
    await clock.advance(0);
    expect(await there.guard.receipt(newcomer.requestId)).toMatchObject({
      state: "succeeded",
      evidence: "late",
      conflict: false,
    });
    expect(effects).toHaveLength(1);
  });

  it("that passed to somebody else pass the word 'executed' with them: of all callers, one hears it", async () => {
    const gate = Promise.withResolvers<object>();
    const { pay, effects } = world({ timeout: "10m", downstreamKey: { lifetime: "1h" } }, (n) =>
      n === 1 ? gate.promise : { paid: n },
    );
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const cut = withVerbs(store, {
      renew: () => Promise.reject(new OnceguardError("store_unavailable", "cut", { applied: "unknown" })),
    });
    const here = testGuard([pay], { store: cut, clock, lease: "3s" });
    const there = testGuard([pay], { store, clock, lease: "3s" });
    const first = settle(clock, here.guard.execute("pay", { orderId: "A1", amount: 5 }, { wait: "1m" }));
    await clock.advance(5_000);
    expect(await settle(clock, there.guard.execute("pay", { orderId: "A1", amount: 5 }))).toMatchObject({
      status: "executed",
      result: { paid: 2 },
    });
    expect(await first).toMatchObject({ status: "replayed", result: { paid: 2 } });
    expect(effects).toHaveLength(2);
  });

  it("nothing is sent when the claim took so long that little of the lease is left and it cannot be renewed", async () => {
    const { pay, effects } = world({ retry: { maxAttempts: 1 } });
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const slow: Store = withVerbs(store, {
      claim: async (request) => {
        const answer = await store.claim(request);
        await clock.sleep(2_900);
        return answer;
      },
      renew: () => Promise.reject(new OnceguardError("store_unavailable", "cut", { applied: "no" })),
    });
    const { guard } = testGuard([pay], { store: slow, clock, lease: "3s" });
    const outcome = await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }));
    expect(outcome).toMatchObject({ status: "review", failure: { code: "not_dispatched", certainty: "definite" } });
    expect(effects).toHaveLength(0);
  });
});

describe("the store goes away", () => {
  const away = () =>
    Promise.reject(new OnceguardError("store_unavailable", "the store is away", { applied: "unknown" }));

  it("before the claim: unavailable, nothing sent", async () => {
    const { pay, effects } = world();
    const clock = fakeClock();
    const store: Store = withVerbs(memoryStore({ clock: clock.now }), { claim: away });
    const { guard } = testGuard([pay], { store, clock });
    expect(await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }))).toMatchObject({
      status: "unavailable",
      dispatched: false,
    });
    expect(effects).toHaveLength(0);
  });

  it("from the very first call on: the caller still hears which request it was", async () => {
    const { pay, effects } = world();
    const clock = fakeClock();
    const { guard } = testGuard([pay], { store: withVerbs(memoryStore(), { open: away }), clock });
    const outcome = await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }));
    expect(outcome).toMatchObject({
      status: "unavailable",
      dispatched: false,
      requestId: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(effects).toHaveLength(0);
  });

  it("for good after the dispatch: what is known is answered, and no exception hides it", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const reported: unknown[] = [];
    const broken = withVerbs(store, {
      find: () => Promise.reject(new OnceguardError("store_unusable", "the file is damaged")),
    });
    const { pay, effects } = world({ probe: () => ({ answer: "cannot_tell" }) }, lost);
    const { guard } = testGuard([pay], { store: broken, clock, onBackgroundError: (error) => reported.push(error) });
    expect(await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }))).toMatchObject({
      status: "in_doubt",
    });
    expect(reported).toMatchObject([{ code: "store_unusable" }]);
    expect(effects).toHaveLength(1);
  });

  it("after the effect: in doubt, carrying the result, within the grace period", async () => {
    const { pay, effects } = world();
    const clock = fakeClock();
    const store: Store = withVerbs(memoryStore({ clock: clock.now }), { apply: away });
    const { guard } = testGuard([pay], { store, clock, grace: "4s" });
    expect(await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }))).toMatchObject({
      status: "in_doubt",
      result: { paid: 1 },
    });
    expect(clock.monotonicMs()).toBeLessThanOrEqual(4_500);
    expect(effects).toHaveLength(1);
  });

  it("after the claim was committed, and comes back after the call was answered: the next call here still knows that nothing was sent", async () => {
    const { pay, effects } = world();
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    let answers = false;
    const mute = withVerbs(store, {
      claim: async (request) => {
        const answer = await store.claim(request);
        return answers ? answer : away();
      },
    });
    const { guard } = testGuard([pay], { store: mute, clock, lease: "3s" });
    const first = await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }));
    expect(first).toMatchObject({ status: "unavailable", dispatched: false });
    expect(await store.find("default", first.requestId)).toMatchObject({ state: "running" });
    answers = true;
    expect(await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }))).toMatchObject({
      status: "executed",
    });
    expect(effects).toHaveLength(1);
  });

  it("and a claim that is old when it is answered must be renewed before anything is sent under it", async () => {
    const { pay, effects } = world({ retry: { maxAttempts: 1 } });
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    let answers = false;
    const mute = withVerbs(store, {
      claim: async (request) => {
        const answer = await store.claim(request);
        return answers ? answer : away();
      },
      renew: away,
    });
    const { guard } = testGuard([pay], { store: mute, clock, lease: "3s" });
    await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }));
    await clock.advance(10_000);
    answers = true;
    expect(await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }))).toMatchObject({
      failure: { code: "not_dispatched" },
    });
    expect(effects).toHaveLength(0);
  });

  it("for a moment at any write: as if nothing had been", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    let calls = 0;
    /** Every write is done twice out of three times without an answer. */
    const flaky =
      <In, Out>(write: (value: In) => Promise<Out>) =>
      async (value: In): Promise<Out> => {
        const answer = await write(value);
        if (++calls % 3 !== 0) await away();
        return answer;
      };
    const lossy: Store = withVerbs(store, {
      claim: flaky((value) => store.claim(value)),
      apply: flaky((value) => store.apply(value)),
    });
    const { pay, effects } = world({}, (n) => (n % 2 === 1 ? http(429)() : { paid: n }));
    const { guard } = testGuard([pay], { store: lossy, clock });
    const outcome = await settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }));
    expect(outcome).toMatchObject({ status: "executed", result: { paid: 2 } });
    expect((await guard.log(outcome.requestId)).map((entry) => entry.event)).toEqual([
      "claim",
      "definite_failure",
      "retry",
      "success",
    ]);
    expect(effects).toHaveLength(2);
  });
});

describe("callers who leave", () => {
  it("before it was sent: denied, nothing stored", async () => {
    const { pay, effects } = world();
    const { guard } = testGuard([pay]);
    const outcome = await guard.execute("pay", { orderId: "A1", amount: 5 }, { signal: AbortSignal.abort() });
    expect(outcome).toMatchObject({ status: "denied", reason: expect.stringContaining("cancelled") });
    expect(await guard.receipt(outcome.requestId)).toBeNull();
    expect(effects).toHaveLength(0);
  });

  it("after it was sent: detached, and the effect is recorded", async () => {
    const gate = Promise.withResolvers<object>();
    const { pay, effects } = world({}, () => gate.promise);
    const { guard, clock } = testGuard([pay]);
    const caller = new AbortController();
    const call = guard.execute("pay", { orderId: "A1", amount: 5 }, { signal: caller.signal });
    await clock.advance(0);
    caller.abort();
    expect(await call).toMatchObject({ status: "in_progress" });
    expect(effects[0]?.signal.aborted).toBe(false);
    gate.resolve({ paid: 1 });
    await clock.advance(0);
    expect(await guard.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({ status: "replayed" });
  });
});

describe("results", () => {
  it("are the same in the first answer and in the replay: as JSON carries them", async () => {
    const { pay } = world({}, () => ({ at: new Date(0), nothing: undefined }));
    const { guard } = testGuard([pay]);
    const first = await guard.execute("pay", { orderId: "A1", amount: 5 });
    const again = await guard.execute("pay", { orderId: "A1", amount: 5 });
    expect(first).toMatchObject({ result: { at: "1970-01-01T00:00:00.000Z" } });
    expect("result" in again && again.result).toEqual("result" in first && first.result);
  });

  it.each([
    ["not_json", () => ({ big: 1n })],
    ["too_large", () => "x".repeat(2_000)],
  ])("that cannot be kept (%s) still are a success", async (omitted, behave) => {
    const { pay, effects } = world({}, behave);
    const { guard } = testGuard([pay], { maxResultBytes: 1_000 });
    for (const status of ["executed", "replayed"]) {
      expect(await guard.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({ status, omitted });
    }
    expect(effects).toHaveLength(1);
  });
});

describe("policy", () => {
  it("denies before anything is stored, and is asked again before a retry", async () => {
    let allow = false;
    const { pay, effects } = world({}, (n) => (n === 1 ? http(429, { retryAfterMs: 60_000 })() : { paid: n }));
    const { guard, clock } = testGuard([pay], {
      policy: ({ payload }) =>
        allow && (payload as unknown as Order).amount < 10
          ? { verdict: "allow" }
          : { verdict: "deny", reason: "not now" },
    });
    const denied = await guard.execute("pay", { orderId: "A1", amount: 5 });
    expect(denied).toMatchObject({ status: "denied", reason: "not now" });
    expect(await guard.receipt(denied.requestId)).toBeNull();
    allow = true;
    expect(await guard.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({ status: "retry_later" });
    allow = false;
    await clock.advance(70_000);
    expect(await guard.reconcile()).toMatchObject({ moved: [{ state: "review", reason: "policy_denied" }] });
    expect(effects).toHaveLength(1);
  });
});

describe("an effect that says itself what happened", () => {
  it("is believed", async () => {
    const { pay } = world({}, () => {
      throw effectError({ certainty: "definite", tier: "conflict", code: "already_shipped", message: "too late" });
    });
    const { guard } = testGuard([pay]);
    expect(await guard.execute("pay", { orderId: "A1", amount: 5 })).toMatchObject({
      status: "review",
      route: "domain_expert",
      failure: { code: "already_shipped" },
    });
  });
});

describe("tier safe", () => {
  it("runs without a store, again and again", async () => {
    let n = 0;
    const look = defineAction({ name: "look", riskTier: "safe", execute: () => ++n });
    const store: Store = withVerbs(memoryStore(), {
      open: () => Promise.reject(new OnceguardError("store_unavailable", "away", { applied: "no" })),
    });
    const { guard } = testGuard([look], { store });
    expect(await guard.execute("look", {})).toMatchObject({ status: "executed", result: 1, receipt: null });
    expect(await guard.execute("look", {})).toMatchObject({ status: "executed", result: 2 });
  });
});
