import { describe, expect, test } from "vitest";
import { type ActionOptions, defineAction, type EffectContext, type ProbeAnswer } from "../../src/core/action.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { type TestOptions, testGuard, withVerbs } from "../support/guard.ts";

// How a question is settled: by a probe, by sending again under the same key, or by a person.

interface Order {
  readonly id: string;
}
type Options = Partial<ActionOptions<"pay", Order, Order, unknown>>;

const lost = () => {
  throw new Error("socket hang up");
};
const KEY = { lifetime: "1h", margin: "5m" } as const;
const BACKOFF = { base: "1m", cap: "1m" } as const;
const says = (answer: ProbeAnswer<unknown>["answer"]) => () => ({ answer, result: "seen" }) as ProbeAnswer<unknown>;

function doubt(more: Options = {}, options: TestOptions = {}, behave: (n: number) => unknown = lost) {
  const sent: EffectContext[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    retry: BACKOFF,
    ...more,
    execute: async (_order: Order, context: EffectContext) => {
      sent.push(context);
      return behave(sent.length);
    },
  });
  const clock = options.clock ?? fakeClock();
  const store = options.store ?? memoryStore({ clock: clock.now });
  const made = testGuard([pay], { ...options, store, clock });
  const ask = () => made.guard.execute("pay", { id: "1" }, { wait: 0 });
  return { ...made, pay, sent, ask };
}

describe("a question with a probe and a key", () => {
  test("is not sent again when the probe knows", async () => {
    const { guard, ask, clock, sent } = doubt({ downstreamKey: KEY, probe: says("happened") });
    const { requestId } = await ask();
    await clock.advance(120_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded", evidence: "probe" });
    expect(sent).toHaveLength(1);
  });

  test("is sent again, under the same key, when the probe cannot tell", async () => {
    const { guard, ask, clock, sent } = doubt({ downstreamKey: KEY, probe: says("cannot_tell") }, {}, (n) =>
      n === 1 ? lost() : "paid",
    );
    const { requestId } = await ask();
    for (let n = 0; n < 4 && sent.length === 1; n++) {
      await clock.advance(60_000);
      await guard.reconcile();
    }
    expect(await guard.receipt(requestId)).toMatchObject({
      state: "succeeded",
      capability: "probe_and_downstream_key",
    });
    expect(sent.map(({ idempotencyKey }) => idempotencyKey)).toEqual([
      sent[0]?.idempotencyKey,
      sent[0]?.idempotencyKey,
    ]);
  });
});

describe("a key", () => {
  test("is used up to the margin before the end of its lifetime, and not at it", async () => {
    const before = doubt({ downstreamKey: KEY, retry: { ...BACKOFF, maxElapsed: "1d" } });
    await before.ask();
    await before.clock.advance(55 * 60_000 - 1);
    await before.guard.reconcile();
    expect(before.sent).toHaveLength(2);

    const after = doubt({ downstreamKey: KEY, retry: { ...BACKOFF, maxElapsed: "1d" } });
    const { requestId } = await after.ask();
    await after.clock.advance(55 * 60_000);
    await after.guard.reconcile();
    expect(after.sent).toHaveLength(1);
    expect(await after.guard.receipt(requestId)).toMatchObject({ state: "review", reason: "key_expired" });
  });

  test("past its lifetime leaves nothing to try: who asks again hears that a person decides", async () => {
    const { guard, ask, clock, sent } = doubt({ downstreamKey: KEY });
    const { requestId } = await ask();
    await clock.advance(55 * 60_000);
    expect(await ask()).toMatchObject({ status: "review", reason: "key_expired" });
    expect(sent).toHaveLength(1);
    // The question is still open for whoever knows better.
    await guard.evidence(requestId, { answer: "happened", source: "a webhook", result: "paid" });
    expect(await ask()).toMatchObject({ status: "replayed", result: "paid" });
  });

  test("was never sent where there is none: who asks again hears in doubt, until a sweeper hands it to a person", async () => {
    const { guard, ask, clock, sent } = doubt();
    const { requestId } = await ask();
    await clock.advance(86_400_000);
    expect(await ask()).toMatchObject({ status: "in_doubt" });
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "no_capability" });
    expect(sent).toHaveLength(1);
  });

  test("that the action has no more is none: nobody can settle what was sent under it", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const { requestId } = await doubt({ downstreamKey: KEY }, { clock, store }).ask();
    const without = doubt({}, { clock, store });
    await clock.advance(60_000);
    await without.guard.reconcile();
    expect(await without.guard.receipt(requestId)).toMatchObject({ state: "review", reason: "no_capability" });
    expect(without.sent).toHaveLength(0);
  });

  test("is not used while evidence contradicts the record", async () => {
    const { guard, ask, clock, sent } = doubt({ downstreamKey: KEY });
    const { requestId } = await ask();
    await guard.evidence(requestId, { answer: "happened", source: "a webhook", idempotencyKey: "another" });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "in_doubt", conflict: true });
    await clock.advance(60_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "conflict" });
    expect(sent).toHaveLength(1);
  });

  test("with a provider that repeats its errors is used all the same where no error was answered", async () => {
    const contract = {
      ...{ name: "p", title: "P", kind: "payments", key: { where: "a header", covers: "everything" } },
      ...{ onRepeat: "replays", onMismatch: "error", cachesErrors: "server_errors", lookup: null },
      ...{ concurrent: "waits", source: "test", checked: "2026-01-01" },
    } as never;
    const { guard, ask, clock, sent } = doubt({ downstreamKey: { ...KEY, contract } }, {}, (n) =>
      n === 1 ? lost() : "paid",
    );
    const { requestId } = await ask();
    await clock.advance(60_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded" });
    expect(sent).toHaveLength(2);
  });
});

describe("a probe", () => {
  const settled = async (probe: Options["probe"], more: Options = {}) => {
    const made = doubt({ ...(probe && { probe }), timeout: "5s", ...more });
    const { requestId } = await made.settle(made.ask());
    await made.settle(made.guard.reconcile(requestId));
    return { ...made, requestId, receipt: await made.guard.receipt(requestId) };
  };

  test.each<[string, Options["probe"]]>([
    ["throws", () => Promise.reject(new Error("busy"))],
    ["throws at once", lost],
    ["answers nothing", (() => undefined) as never],
    ["answers null", (() => null) as never],
    ["answers another word", (() => ({ answer: "yes" })) as never],
    ["does not answer", () => new Promise(() => undefined)],
  ])("that %s cannot tell", async (_what, probe) => {
    const { receipt, clock } = await settled(probe);
    expect(receipt).toMatchObject({ state: "in_doubt", mayHaveApplied: true });
    expect(receipt?.dueAt).toBeGreaterThan(clock.now());
  });

  test("is told when its time is over, and leaves no timer behind when it answers", async () => {
    const signals: AbortSignal[] = [];
    const hangs = await settled((_order, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    });
    expect(signals[0]?.aborted).toBe(true);
    expect(hangs.clock.nextInMs()).toBeNull();
    const answers = await settled((_order, { signal }) => {
      signals.push(signal);
      return { answer: "cannot_tell" };
    });
    expect(answers.clock.nextInMs()).toBeNull();
    expect(signals.at(-1)?.aborted, "nothing that it left running is called off").toBe(false);
  });

  test("is asked to the end about what a shutdown has interrupted", async () => {
    const hangs = () => new Promise(() => undefined);
    let signal: AbortSignal | undefined;
    const { guard, settle, clock } = doubt(
      {
        probe: async (_order, context) => {
          signal = context.signal;
          await clock.sleep(500);
          return { answer: "happened", result: "seen" };
        },
      },
      { grace: "1s" },
      hangs,
    );
    const asking = guard.execute("pay", { id: "1" });
    await clock.advance(0);
    await settle(guard.close());
    expect(await asking).toMatchObject({ result: "seen", receipt: { state: "succeeded", evidence: "probe" } });
    expect(signal?.aborted).toBe(false);
  });

  test("whose 'no' comes too early is asked again when its delay is over", async () => {
    const { receipt, clock } = await settled(says("did_not_happen"), { settleDelay: "10m" });
    expect(receipt).toMatchObject({ state: "in_doubt", dueAt: clock.now() + 600_000 });
  });

  test("is not asked about what another process still has open", async () => {
    let asked = 0;
    const { guard, clock, ask, sent } = doubt(
      {
        timeout: "1s",
        probe: () => ({ answer: ++asked > 0 ? "did_not_happen" : "cannot_tell" }) as ProbeAnswer<unknown>,
      },
      {},
      () => new Promise(() => undefined),
    );
    const call = ask();
    await clock.advance(1_000);
    const { requestId } = await call;
    await clock.advance(60_000);
    await guard.reconcile(requestId);
    // The first attempt's promise is open here: its "no" is no answer yet, and it is asked again after a backoff.
    expect(await guard.receipt(requestId)).toMatchObject({ state: "in_doubt", dueAt: clock.now() + 60_000 });
    expect(sent).toHaveLength(1);
  });

  test("draws its next pause between half and all of it", async () => {
    const { receipt, clock } = await settled(says("cannot_tell"));
    // 0.999 of the draw: all but a two-thousandth of a minute.
    expect((receipt?.dueAt as number) - clock.now()).toBe(59_970);
  });
});

describe("why an attempt is made", () => {
  test("is logged with attempts, and with nothing else that the sweeper does", async () => {
    const { guard, ask, clock } = doubt({ downstreamKey: KEY }, {}, (n) => (n < 2 ? lost() : "paid"));
    const { requestId } = await ask();
    await clock.advance(60_000);
    await guard.reconcile();
    expect((await guard.log(requestId)).map(({ event, cause }) => [event, cause])).toEqual([
      ["claim", "first"],
      ["indefinite", null],
      ["resend", "sweeper"],
      ["success", null],
    ]);
  });

  test("of what was held is that it is the first, whoever carries it on", async () => {
    const { guard, ask } = doubt({}, { rules: [{ action: "pay", verdict: "review", reason: "?" }] }, () => "paid");
    const { requestId } = await ask();
    await guard.approve(requestId, { actor: "ada", reason: "fine" });
    await guard.reconcile();
    expect((await guard.log(requestId)).map(({ event, cause }) => [event, cause])).toEqual([
      ["hold", null],
      ["approve", null],
      ["release", "first"],
      ["success", null],
    ]);
  });

  test("a lapse and a probe are nobody's repetition", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const dead = doubt(
      {},
      { clock, store: withVerbs(store, { renew: async (all) => all }), lease: "3s" },
      () => new Promise(() => undefined),
    );
    void dead.ask();
    await clock.advance(5_000);
    const { guard } = doubt({ probe: says("happened") }, { clock, store });
    const [running] = await guard.receipts({});
    await guard.reconcile();
    const events = (await guard.log(running?.requestId as string)).map(({ event, cause }) => [event, cause]);
    expect(events.slice(1).every(([, cause]) => cause === null)).toBe(true);
    expect(events.at(-1)).toEqual(["probe_happened", null]);
  });
});

describe("a guard that closes", () => {
  test("begins nothing more, also where it had begun to look", async () => {
    const clock = fakeClock();
    const memory = memoryStore({ clock: clock.now });
    const gate = Promise.withResolvers<void>();
    let slow = false;
    const store = withVerbs(memory, {
      findCase: async (tenant, id) => {
        if (slow) await gate.promise;
        return memory.findCase(tenant, id);
      },
    });
    const { guard, ask, sent } = doubt(
      { case: () => ({ id: "match:1", outcome: "ann" }) },
      { clock, store },
      () => "paid",
    );
    const { requestId } = await ask();
    await guard.case("match:1").signal({ id: "s", source: "ref", outcome: "ann", confidence: 1, at: 1 });
    await clock.advance(60_000);
    slow = true;
    const pass = guard.reconcile();
    await clock.advance(0);
    const closing = guard.close();
    gate.resolve();
    await Promise.all([pass, closing]);
    expect(sent).toHaveLength(0);
    expect(await memory.find("default", requestId)).toMatchObject({ state: "held" });
  });
});

describe("what was never tried", () => {
  test("has used up none of its time, however long it lay in the outbox", async () => {
    const { guard, clock, sent } = doubt({ retry: { ...BACKOFF, maxElapsed: "1h" } }, {}, () => "paid");
    const { requestId } = await guard.enqueue("pay", { id: "1" });
    await clock.advance(86_400_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded" });
    expect(sent).toHaveLength(1);
  });

  test("and waits for its case is looked at when that is due, and not whenever somebody asks", async () => {
    const { guard, ask } = doubt({ case: () => ({ id: "match:1", outcome: "ann" }) }, {}, () => "paid");
    const { requestId } = await ask();
    const before = await guard.receipt(requestId);
    await guard.reconcile(requestId);
    expect(await guard.receipt(requestId)).toMatchObject({ version: before?.version, state: "held" });
  });
});

describe("late evidence", () => {
  const by = { source: "stripe webhook" } as const;

  test("about one of several attempts is a reason to ask at once, and no answer", async () => {
    const { guard, ask, clock } = doubt({ downstreamKey: KEY, probe: says("cannot_tell") });
    const { requestId } = await ask();
    for (let n = 0; n < 4; n++) {
      await clock.advance(60_000);
      await guard.reconcile();
    }
    expect((await guard.receipt(requestId))?.attemptNumber).toBeGreaterThan(1);
    const after = await guard.evidence(requestId, { answer: "did_not_happen", ...by });
    expect(after).toMatchObject({ state: "in_doubt", mayHaveApplied: true, dueAt: clock.now() });
    expect((await guard.log(requestId)).at(-1)).toMatchObject({ event: "probe_cannot_tell", actor: "stripe webhook" });
  });

  test("that changes nothing is a line of the log, by its source, with what it said", async () => {
    const { guard, ask } = doubt({}, {}, () => "paid");
    const { requestId } = await ask();
    await guard.evidence(requestId, { answer: "happened", ...by });
    const line = (await guard.log(requestId)).at(-1);
    expect(line).toMatchObject({ event: "late_success", actor: "stripe webhook" });
    expect(JSON.parse(line?.detail ?? "")).toMatchObject({ source: "stripe webhook", sameKey: true });
  });

  test.each<[object, object]>([
    [
      { answer: "happened", source: "" },
      { what: "source", problem: "empty" },
    ],
    [{ answer: "maybe", ...by }, { what: "answer" }],
  ])("%j is none", async (given, fields) => {
    const { guard, ask } = doubt();
    const { requestId } = await ask();
    await expect(guard.evidence(requestId, given as never)).rejects.toMatchObject({ code: "invalid_context", fields });
  });

  test.each([
    ["has been settled meanwhile", false],
    ["is gone", true],
  ])("on a record that %s is looked at again, or ends", async (_what, gone) => {
    const clock = fakeClock();
    const memory = memoryStore({ clock: clock.now });
    let meanwhile: (() => Promise<unknown>) | null = null;
    const store = withVerbs(memory, {
      apply: async (change) => {
        const first = meanwhile;
        meanwhile = null;
        await first?.();
        const answer = await memory.apply(change);
        return gone && answer.kind === "stale" ? { kind: "stale", receipt: null } : answer;
      },
    });
    const { guard, ask } = doubt({}, { clock, store });
    const { requestId } = await ask();
    const other = doubt({}, { clock, store: memory });
    meanwhile = () => other.guard.resolve(requestId, { decision: "did_not_happen", actor: "ada", reason: "asked" });
    const after = await guard.evidence(requestId, { answer: "happened", ...by });
    if (gone) expect(after).toMatchObject({ state: "in_doubt" });
    else expect(after).toMatchObject({ state: "failed", conflict: true });
  });
});
