import { describe, expect, test } from "vitest";
import { type ActionOptions, defineAction, type EffectContext } from "../../src/core/action.ts";
import type { Store } from "../../src/core/ports.ts";
import type { Receipt } from "../../src/core/receipt.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { type FakeClock, fakeClock } from "../../src/testing/fake-clock.ts";
import { type TestOptions, testGuard, withVerbs } from "../support/guard.ts";

interface Order {
  readonly id: string;
}

type Options = Partial<ActionOptions<"pay", Order, Order, unknown>>;

/** An action, and what of it reached the world. */
function payments(more: Options = {}, behave: (n: number) => unknown = () => "paid") {
  const sent: EffectContext[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    ...more,
    execute: async (_order: Order, context: EffectContext) => {
      sent.push(context);
      return behave(sent.length);
    },
  });
  return { pay, sent };
}

const lost = () => {
  throw new Error("socket hang up");
};
const http = (status: number) => () => {
  throw Object.assign(new Error(`HTTP ${status}`), { status });
};
const BY_ADA = { actor: "ada", reason: "asked the bank" };

interface Shared {
  readonly store: Store;
  readonly clock: FakeClock;
}
function shared(): Shared {
  const clock = fakeClock();
  return { clock, store: memoryStore({ clock: clock.now }) };
}

describe("a retry that waits", () => {
  const busy: Options = { retry: { base: "10m", cap: "10m", maxElapsed: "1h", maxAttempts: 9 } };
  const waiting = async (more: Options = {}, options: TestOptions = {}) => {
    const made = payments({ ...busy, ...more }, (n) => (n === 1 ? http(429)() : "paid"));
    const guarded = testGuard([made.pay], options);
    const { requestId } = await guarded.guard.execute("pay", { id: "1" }, { wait: 0 });
    return { ...made, ...guarded, requestId };
  };

  test.each([
    ["one millisecond before its time is over", 3_599_999, 2, "succeeded"],
    ["when its time is over", 3_600_000, 1, "review"],
  ])("is looked at %s", async (_when, ms, times, state) => {
    const { guard, clock, requestId, sent } = await waiting();
    await clock.advance(ms);
    await guard.reconcile();
    expect(sent).toHaveLength(times);
    const receipt = await guard.receipt(requestId);
    expect(receipt?.state).toBe(state);
    if (times === 1) expect(receipt).toMatchObject({ reason: "retries_exhausted", route: "operator" });
  });

  test("counts what processes before have tried: attempts and time are the request's", async () => {
    const { store, clock } = shared();
    const retry = { base: "1m", cap: "1m", maxAttempts: 4, maxElapsed: "1d" } as const;
    const { pay, sent } = payments({ retry }, http(429));
    const { requestId } = await testGuard([pay], { store, clock }).guard.execute("pay", { id: "1" }, { wait: 0 });
    for (let n = 0; n < 6; n++) {
      await clock.advance(60_000);
      await testGuard([pay], { store, clock }).guard.reconcile();
    }
    expect(sent.map(({ attemptNumber }) => attemptNumber)).toEqual([1, 2, 3, 4]);
    expect(await store.find("default", requestId)).toMatchObject({ state: "review", reason: "retries_exhausted" });
  });

  test("is not made while evidence contradicts it: a person looks first", async () => {
    const { guard, clock, requestId, sent } = await waiting({
      downstreamKey: { lifetime: "1d" },
      retry: { base: "10m", cap: "10m", maxElapsed: "1d" },
    });
    // It speaks of an older key, so it settles nothing, and the record says that it has not happened.
    await guard.evidence(requestId, { answer: "happened", source: "a webhook", idempotencyKey: "another" });
    await clock.advance(600_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "conflict", route: "operator" });
    expect(sent).toHaveLength(1);
  });

  test("that finds its case taken by another request, which has acted on it, is given up", async () => {
    let declined = true;
    const { pay, sent } = payments({ case: () => ({ id: "match:1", outcome: "ann" }) }, (n) =>
      declined ? http(402)() : `paid ${n}`,
    );
    const { guard, settle } = testGuard([pay]);
    await guard.case("match:1").signal({ id: "s1", source: "ref", outcome: "ann", confidence: 1, at: 1 });
    const first = await guard.execute("pay", { id: "1" });
    expect(first.status).toBe("failed");
    declined = false;
    await settle(guard.execute("pay", { id: "2" }));
    await guard.reconcile();
    await guard.reopen(first.requestId, BY_ADA);
    await guard.reconcile();
    expect(await guard.receipt(first.requestId)).toMatchObject({ state: "review", reason: "case_taken" });
    expect(sent).toHaveLength(2);
  });

  test("that still has its case is made", async () => {
    let declined = true;
    const { pay, sent } = payments({ case: () => ({ id: "match:1", outcome: "ann" }) }, () =>
      declined ? http(402)() : "paid",
    );
    const { guard } = testGuard([pay]);
    await guard.case("match:1").signal({ id: "s1", source: "ref", outcome: "ann", confidence: 1, at: 1 });
    const { requestId } = await guard.execute("pay", { id: "1" });
    declined = false;
    await guard.reopen(requestId, BY_ADA);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded" });
    expect(sent).toHaveLength(2);
  });

  test.each<[string, Options, TestOptions, string]>([
    ["action", { version: "2" }, {}, "action_changed"],
    ["policy", {}, { policyVersion: "2" }, "policy_changed"],
  ])("under an approval of another version of the %s goes to a person", async (_what, action, options, reason) => {
    const { store, clock } = shared();
    const rules = [{ action: "pay", verdict: "review", reason: "every payment" }] as const;
    const before = payments(busy, http(429));
    const { guard } = testGuard([before.pay], { store, clock, rules, approvalFor: "1d" });
    const { requestId } = await guard.execute("pay", { id: "1" });
    await guard.approve(requestId, BY_ADA);
    expect(await guard.execute("pay", { id: "1" }, { wait: 0 })).toMatchObject({ status: "retry_later" });
    const after = payments({ ...busy, ...action });
    const newer = testGuard([after.pay], { store, clock, rules, approvalFor: "1d", ...options });
    await clock.advance(600_000);
    await newer.guard.reconcile();
    expect(await newer.guard.receipt(requestId)).toMatchObject({ state: "review", reason });
    expect(after.sent).toHaveLength(0);
  });

  test.each<[string, Options, () => unknown]>([
    ["a retry", busy, http(429)],
    ["the same key sent again", { ...busy, downstreamKey: { lifetime: "1d" } }, lost],
  ])("%s is not made under a consent that runs out while the store is asked", async (_what, more, behave) => {
    const { store, clock } = shared();
    const rules = [{ action: "pay", verdict: "review", reason: "every payment" }] as const;
    const { pay, sent } = payments(more, behave);
    const { guard } = testGuard([pay], { store, clock, rules, approvalFor: "20m" });
    const { requestId } = await guard.execute("pay", { id: "1" });
    await guard.approve(requestId, BY_ADA);
    await guard.execute("pay", { id: "1" }, { wait: 0 });
    expect(sent).toHaveLength(1);
    const slow = withVerbs(store, {
      apply: async (change) => {
        if (change.sends) await clock.advance(600_001);
        return store.apply(change);
      },
    });
    await clock.advance(600_000);
    const late = testGuard([pay], { store: slow, clock, rules, approvalFor: "20m" }).guard;
    await late.reconcile(requestId);
    expect(sent).toHaveLength(1);
    await late.reconcile(requestId);
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "approval_expired" });
    expect(sent).toHaveLength(1);
  });

  test("of an action that is not known here is left alone", async () => {
    const { requestId, store, clock, sent } = await waiting();
    const stranger = testGuard([], { store, clock });
    await clock.advance(600_000);
    expect(await stranger.guard.reconcile(requestId)).toMatchObject({ status: "retry_later" });
    expect(sent).toHaveLength(1);
  });
});

describe("a question", () => {
  test.each<[string, Options, string, string]>([
    ["that nobody can ever answer goes to a person", {}, "review", "no_capability"],
    [
      "that a probe elsewhere may answer is left to whoever has it",
      { probe: () => ({ answer: "cannot_tell" }) },
      "in_doubt",
      "",
    ],
  ])("of an action that is not known here, %s", async (_what, more, state, reason) => {
    const { store, clock } = shared();
    const { pay } = payments(more, lost);
    const { guard } = testGuard([pay], { store, clock });
    const { requestId } = await guard.execute("pay", { id: "1" }, { wait: 0 });
    const stranger = testGuard([], { store, clock });
    await clock.advance(60_000);
    expect(await stranger.guard.reconcile(requestId)).toMatchObject({ status: state });
    if (reason) expect(await stranger.guard.receipt(requestId)).toMatchObject({ reason, route: "operator" });
  });

  const KEYED: Options = { downstreamKey: { lifetime: "1h", margin: "5m" }, retry: { base: "1m", cap: "1m" } };

  test.each<[string, Options, TestOptions, string]>([
    ["its attempts are used up", { retry: { base: "1m", cap: "1m", maxAttempts: 1 } }, {}, "retries_exhausted"],
    ["the policy refuses by now", {}, { policy: () => ({ verdict: "deny", reason: "frozen" }) }, "policy_denied"],
    ["the policy wants a person by now", {}, { policy: () => ({ verdict: "review", reason: "?" }) }, "needs_approval"],
  ])("that could be sent again is handed to a person when %s", async (_what, more, options, reason) => {
    const { store, clock } = shared();
    const { pay, sent } = payments({ ...KEYED, ...more }, lost);
    const { requestId } = await testGuard([pay], { store, clock }).guard.execute("pay", { id: "1" }, { wait: 0 });
    const { guard } = testGuard([pay], { store, clock, ...options });
    await clock.advance(60_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason, route: "operator" });
    expect(sent).toHaveLength(1);
  });

  test("is not asked by sending again where the provider answers what it answered first", async () => {
    const contract = { repeats: "test" };
    const { pay, sent } = payments(
      {
        ...KEYED,
        downstreamKey: {
          lifetime: "1h",
          margin: "5m",
          contract: {
            ...{ name: "p", title: "P", kind: "payments", key: { where: "a header", covers: "everything" } },
            ...{ onRepeat: "replays", onMismatch: "error", cachesErrors: "server_errors", lookup: null },
            ...{ concurrent: "waits", source: contract.repeats, checked: "2026-01-01" },
          } as never,
        },
      },
      http(500),
    );
    const { guard, clock } = testGuard([pay]);
    const { requestId } = await guard.execute("pay", { id: "1" }, { wait: 0 });
    await clock.advance(60_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "provider_repeats_errors" });
    expect(sent).toHaveLength(1);
  });

  test("is not asked again by sending before its backoff is over, whoever asks", async () => {
    const { pay, sent } = payments(KEYED, lost);
    const { guard, clock } = testGuard([pay]);
    const { requestId } = await guard.execute("pay", { id: "1" }, { wait: 0 });
    await clock.advance(59_000);
    expect(await guard.reconcile(requestId)).toMatchObject({ status: "in_doubt" });
    expect(sent).toHaveLength(1);
    await clock.advance(1_000);
    await guard.reconcile(requestId);
    expect(sent).toHaveLength(2);
  });

  test("that a probe cannot answer is given to a person when its time is over, counted from its last attempt", async () => {
    const { pay } = payments(
      { probe: () => ({ answer: "cannot_tell" }), retry: { base: "1m", cap: "1m", maxElapsed: "1h" } },
      lost,
    );
    const { guard, clock } = testGuard([pay]);
    const { requestId } = await guard.execute("pay", { id: "1" }, { wait: 0 });
    await clock.advance(3_599_000);
    await guard.reconcile(requestId);
    expect(await guard.receipt(requestId)).toMatchObject({ state: "in_doubt" });
    await clock.advance(1_000);
    await guard.reconcile(requestId);
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "probe_cannot_tell" });
  });

  test("is asked again after about as long as it has been open, between the first and the longest backoff", async () => {
    const askedAt: number[] = [];
    const clock = fakeClock();
    const probe = () => {
      askedAt.push(clock.monotonicMs());
      return { answer: "cannot_tell" } as const;
    };
    const { pay } = payments({ probe, retry: { base: "10s", cap: "2m", maxElapsed: "1h" } }, lost);
    const { guard, store } = testGuard([pay], {
      clock,
      store: memoryStore({ clock: clock.now }),
      randomness: { random: () => 0, token: () => crypto.randomUUID() },
    });
    const { requestId } = await guard.execute("pay", { id: "1" }, { wait: 0 });
    askedAt.length = 0;
    const waits: number[] = [];
    for (let n = 0; n < 12; n++) {
      await guard.reconcile(requestId);
      const { dueAt, readAt } = (await store.find("default", requestId)) as Receipt;
      waits.push((dueAt as number) - readAt);
      await clock.advance(waits.at(-1) as number);
    }
    // The draw of 0 takes half of it.
    expect(waits.slice(0, 4)).toEqual([5_000, 5_000, 5_000, 7_500]);
    expect(waits.at(-1)).toBe(60_000);
  });

  test("is answered by evidence that came while the attempt ran, without asking", async () => {
    let asked = 0;
    const gate = Promise.withResolvers<never>();
    const { pay } = payments(
      { timeout: "5s", probe: () => ({ answer: ++asked > 0 ? "cannot_tell" : "happened", result: null }) as never },
      () => gate.promise,
    );
    const { guard, clock, settle } = testGuard([pay]);
    const call = guard.execute("pay", { id: "1" });
    await clock.advance(1_000);
    const [running] = await guard.receipts({});
    await guard.evidence(running?.requestId as string, { answer: "happened", source: "a webhook", result: "seen" });
    expect(await settle(call)).toMatchObject({ result: "seen", receipt: { state: "succeeded" } });
    expect(asked).toBe(0);
  });
});

describe("a payload that is redacted", () => {
  interface Card extends Order {
    readonly cvv: string;
  }
  const place = (behave: (n: number) => unknown) => {
    const asked: string[] = [];
    const sent: string[] = [];
    let answer: "cannot_tell" | "happened" = "cannot_tell";
    const pay = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["id"],
      privacy: { redact: ["cvv"] },
      retry: { base: "10s", cap: "10s", maxElapsed: "1h" },
      probe: ({ cvv }: Card) => {
        asked.push(cvv);
        return { answer } as const;
      },
      execute: async ({ cvv }: Card) => {
        sent.push(cvv);
        return behave(sent.length);
      },
    });
    const { guard, clock } = testGuard([pay]);
    const call = () => guard.execute("pay", { id: "1", cvv: "847" }, { wait: 0 });
    return { guard, clock, call, asked, sent, know: () => (answer = "happened") };
  };

  test.each<[string, () => unknown, string, string]>([
    ["a doubt", lost, "in_doubt", "payload_redacted"],
    ["what did not happen", http(429), "retry_wait", "retries_exhausted"],
  ])(
    "%s is left to the caller who has it, and goes to a person when that one does not come back",
    async (_what, behave, state, reason) => {
      const { guard, clock, call, asked, sent } = place(behave);
      const { requestId } = await call();
      const times = asked.length;
      await clock.advance(3_599_000);
      expect(await guard.reconcile()).toEqual({ moved: [], left: [] });
      expect(await guard.receipt(requestId)).toMatchObject({ state });
      await clock.advance(1_000);
      await guard.reconcile();
      expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason, route: "operator" });
      expect([sent.length, asked.length], "nobody asks about another payload").toEqual([1, times]);
    },
  );

  test("is asked about by the caller who comes back in time", async () => {
    const { guard, clock, call, know } = place(lost);
    await call();
    await clock.advance(600_000);
    await guard.reconcile();
    know();
    expect(await call()).toMatchObject({ status: "replayed", receipt: { evidence: "probe" } });
  });
});

describe("a payload that does not open", () => {
  /** As a store answers whose keys are gone. */
  const unreadable = ({ store, clock }: Shared): Shared => ({
    clock,
    store: withVerbs(store, {
      due: async (query) => (await store.due(query)).map((receipt) => ({ ...receipt, payload: null })),
    }),
  });

  test.each<[string, Options, () => unknown]>([
    ["a retry that waits", { retry: { base: "1s" } }, http(429)],
    ["a question with a probe", { probe: () => ({ answer: "did_not_happen" }) }, lost],
  ])("%s goes to a person: there is nothing to send, nor to ask with", async (_what, more, behave) => {
    const here = shared();
    const { pay, sent } = payments(more, behave);
    const first = testGuard([pay], here);
    const { requestId } = await first.guard.execute("pay", { id: "1" }, { wait: 0 });
    const times = sent.length;
    await here.clock.advance(600_000);
    await testGuard([pay], unreadable(here)).guard.reconcile();
    expect(await first.guard.receipt(requestId)).toMatchObject({
      state: "review",
      reason: "payload_unreadable",
      route: "operator",
    });
    expect(sent).toHaveLength(times);
  });

  test("what is held stays held: its caller brings the payload along", async () => {
    const here = shared();
    const rules = [{ action: "pay", verdict: "review", reason: "every payment" }] as const;
    const { pay, sent } = payments();
    const first = testGuard([pay], { ...here, rules });
    const { requestId } = await first.guard.execute("pay", { id: "1" });
    await first.guard.approve(requestId, BY_ADA);
    const { left } = await testGuard([pay], { ...unreadable(here), rules }).guard.reconcile();
    expect(left).toMatchObject([{ requestId, state: "held" }]);
    expect(await first.guard.execute("pay", { id: "1" })).toMatchObject({ status: "executed" });
    expect(sent).toHaveLength(1);
  });
});

describe("two that take the same step at once", () => {
  test("one of them takes it; the other hears how the record stands by then", async () => {
    const here = shared();
    let declined = true;
    const { pay, sent } = payments({ retry: { base: "1s" } }, () => (declined ? http(429)() : "paid"));
    const first = testGuard([pay], here);
    const { requestId } = await first.guard.execute("pay", { id: "1" }, { wait: 0 });
    declined = false;
    await here.clock.advance(10_000);
    let isFirst = true;
    const slow = withVerbs(here.store, {
      apply: async (change) => {
        if (isFirst) {
          isFirst = false;
          await first.guard.reconcile();
        }
        return here.store.apply(change);
      },
    });
    const second = testGuard([pay], { clock: here.clock, store: slow });
    const { moved, left } = await second.guard.reconcile();
    expect(moved.concat(left)).toMatchObject([{ requestId, state: "succeeded" }]);
    expect(sent).toHaveLength(2);
  });
});
