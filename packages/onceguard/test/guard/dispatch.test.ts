import { describe, expect, test } from "vitest";
import { type ActionOptions, defineAction, type EffectContext } from "../../src/core/action.ts";
import { OnceguardError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { type FakeClock, fakeClock } from "../../src/testing/fake-clock.ts";
import { type TestOptions, testGuard, withVerbs } from "../support/guard.ts";

// From the claim to the dispatch, and what becomes of an attempt whose claim is lost on the way.

interface Order {
  readonly id: string;
}
type Options = Partial<ActionOptions<"pay", Order, Order, unknown>>;

function desk(
  more: Options = {},
  behave: (n: number, context: EffectContext) => unknown = () => "paid",
  { verbs, ...options }: TestOptions & { verbs?: (memory: Store, clock: FakeClock) => Partial<Store> } = {},
) {
  const clock = options.clock ?? fakeClock();
  const memory = options.store ?? memoryStore({ clock: clock.now });
  const sent: EffectContext[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    retry: { base: "1m", cap: "1m", maxElapsed: "1d" },
    ...more,
    execute: async (_order: Order, context: EffectContext) => {
      sent.push(context);
      return behave(sent.length, context);
    },
  });
  const store = verbs ? withVerbs(memory, verbs(memory, clock)) : memory;
  const made = testGuard([pay], { lease: "1h", ...options, store, clock });
  const ask = (wait: string | number = 0) => made.guard.execute("pay", { id: "1" }, { wait });
  return { ...made, memory, sent, ask };
}

const lost = () => {
  throw new Error("socket hang up");
};
const http = (status: number) => {
  throw Object.assign(new Error(`HTTP ${status}`), { status });
};
const events = async ({ guard }: ReturnType<typeof desk>, requestId: string) =>
  (await guard.log(requestId)).map(({ event }) => event);

describe("a re-send", () => {
  const late = async (ms: number) => {
    let slow = 0;
    const clock = fakeClock();
    const here = desk(
      { downstreamKey: { lifetime: "1h", margin: "10m" }, before: () => clock.sleep(slow), timeout: "1h" },
      (n) => (n === 1 ? lost() : "paid"),
      { clock },
    );
    const { requestId } = await here.settle(here.ask());
    slow = ms;
    await clock.advance(60_000);
    await here.settle(here.guard.reconcile());
    return { ...here, requestId };
  };

  test("that comes to its dispatch within half of its key's margin is sent", async () => {
    const { sent } = await late(299_999);
    expect(sent).toHaveLength(2);
  });

  test("that comes later is not: the other half is for the way there", async () => {
    const { sent, guard, requestId } = await late(300_000);
    expect(sent).toHaveLength(1);
    expect(await guard.receipt(requestId)).toMatchObject({ mayHaveApplied: true, failure: { code: "not_dispatched" } });
  });

  test("is another thing than a first attempt, of which no key runs out", async () => {
    const clock = fakeClock();
    const { settle, ask, sent } = desk(
      { downstreamKey: { lifetime: "1h", margin: "10m" }, before: () => clock.sleep(400_000), timeout: "1h" },
      undefined,
      { clock },
    );
    expect(await settle(ask())).toMatchObject({ status: "executed" });
    expect(sent).toHaveLength(1);
  });
});

describe("what an effect is told when the guard stops waiting for it", () => {
  const hangs = () => new Promise(() => undefined);

  test("its time is over", async () => {
    const { ask, settle, sent } = desk({ timeout: "1s" }, hangs);
    expect(await settle(ask())).toMatchObject({
      failure: { code: "timeout", message: expect.stringContaining("timeout") },
    });
    expect(sent[0]?.signal.reason).toMatchObject({
      name: "TimeoutError",
      code: "timeout",
      message: expect.stringContaining("may still happen"),
    });
  });

  test("its claim is lost", async () => {
    const { ask, clock, sent } = desk({ timeout: "1h" }, hangs, {
      lease: "3s",
      verbs: () => ({ renew: async (all) => all }),
    });
    const call = ask();
    await clock.advance(3_000);
    expect(await call).toMatchObject({ status: "in_doubt", failure: { code: "lease_lost" } });
    expect(sent[0]?.signal.reason).toMatchObject({ name: "AbortError", code: "lease_lost" });
  });

  test("the process stops", async () => {
    const { ask, clock, settle, guard, sent } = desk({ timeout: "1h" }, hangs, { grace: "1s" });
    const call = ask();
    await clock.advance(0);
    await settle(guard.close());
    expect(await call).toMatchObject({ status: "in_doubt", failure: { code: "shutdown" } });
    expect(sent[0]?.signal.reason).toMatchObject({ name: "AbortError", code: "shutdown" });
  });
});

describe("the record around an effect", () => {
  test("that takes too long to read before it means that nothing is sent, for certain", async () => {
    const here = desk({ timeout: "1s", before: () => new Promise(() => undefined) });
    const outcome = await here.settle(here.ask());
    expect(outcome).toMatchObject({
      status: "retry_later",
      receipt: { failure: { code: "not_dispatched", certainty: "definite" } },
    });
    expect(here.sent).toEqual([]);
  });

  test("that takes too long to read after it puts off no success", async () => {
    const here = desk({ timeout: "1s", before: () => "open", after: () => new Promise(() => undefined) });
    const outcome = await here.settle(here.ask());
    expect(outcome).toMatchObject({ status: "executed", result: "paid" });
    expect((await here.guard.log(outcome.requestId)).at(-1)).toMatchObject({ event: "success", after: null });
  });

  test("is not read after a failure", async () => {
    let read = 0;
    const here = desk({ before: () => "open", after: () => ++read }, () => http(402));
    expect(await here.ask()).toMatchObject({ status: "failed" });
    expect(read).toBe(0);
  });

  test("that is not there is not as the caller expects it", async () => {
    const here = desk({ before: () => null });
    const outcome = await here.guard.execute("pay", { id: "1" }, { expected: { state: "open" } });
    expect(outcome).toMatchObject({
      status: "review",
      failure: { code: "unexpected_state", message: 'state is undefined, not "open"' },
    });
    expect(here.sent).toEqual([]);
  });
});

describe("the mark before a dispatch", () => {
  test("is refused under a halt: nothing is sent, and it goes on when a person resumes it", async () => {
    const here: ReturnType<typeof desk> = desk({
      preciseDispatch: true,
      retry: { maxAttempts: 1, base: "1m", cap: "1m" },
      before: async () =>
        void (await here.memory.halt({ tenant: "default", scope: "action", id: "pay", actor: "ada", reason: "stop" })),
    });
    const outcome = await here.ask();
    expect(outcome).toMatchObject({
      receipt: { state: "retry_wait", failure: { code: "halted", certainty: "definite" } },
    });
    expect(outcome.receipt?.dueAt).toBe(here.clock.now() + 60_000);
    expect(here.sent).toEqual([]);
  });

  test("that was not written, because somebody else has the record by now, means that nothing is sent", async () => {
    const here = desk({ preciseDispatch: true }, undefined, {
      verbs: (memory) => ({
        apply: async (change) =>
          change.event === "dispatch" ? { kind: "stale", receipt: change.from } : memory.apply(change),
      }),
    });
    expect(await here.ask()).toMatchObject({ receipt: { failure: { code: "not_dispatched", certainty: "definite" } } });
    expect(here.sent).toEqual([]);
  });
});

describe("a trouble with the store before the dispatch", () => {
  test("that is not its absence is thrown: nothing was sent", async () => {
    const here = desk({ before: () => here.clock.sleep(200) }, undefined, {
      verbs: () => ({ haltFor: () => Promise.reject(new OnceguardError("store_unusable", "damaged")) }),
    });
    await expect(here.settle(here.ask())).rejects.toMatchObject({ code: "store_unusable" });
    expect(here.sent).toEqual([]);
  });

  test("is everybody's who had joined the call", async () => {
    const here = desk({}, undefined, {
      verbs: () => ({ claim: async () => Promise.reject(new OnceguardError("store_unusable", "damaged")) }),
    });
    const both = await Promise.allSettled([here.ask("1m"), here.ask("1m")]);
    expect(both).toMatchObject([
      { status: "rejected", reason: { code: "store_unusable" } },
      { status: "rejected", reason: { code: "store_unusable" } },
    ]);
  });
});

describe("a claim that is lost without a word", () => {
  /** A process that believes in its lease, and one that takes over when it has passed. */
  const zombie = async (more: Options, behave: (n: number) => unknown = () => "by the other") => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const gate = Promise.withResolvers<unknown>();
    const first = desk({ timeout: "1h", ...more }, () => gate.promise, {
      clock,
      store,
      lease: "3s",
      verbs: () => ({ renew: async () => [] }),
    });
    const call = first.ask("1h");
    await clock.advance(5_000);
    const other = desk(more, behave, { clock, store, lease: "3s" });
    const [running] = await other.guard.receipts({});
    const requestId = running?.requestId as string;
    return { clock, gate, first, call, other, requestId };
  };

  test("keeps its success: it answers the question that it has left", async () => {
    const { gate, call, other, requestId, first } = await zombie({});
    expect(await other.ask()).toMatchObject({ status: "in_doubt", failure: { code: "lease_expired" } });
    gate.resolve("late");
    expect(await first.settle(call)).toMatchObject({
      result: "late",
      receipt: { state: "succeeded", evidence: "late" },
    });
    expect(await events(first, requestId)).toEqual(["claim", "lapse", "late_success"]);
  });

  test("keeps its failure as a line of the log: the question stays open", async () => {
    const { gate, call, other, requestId, first } = await zombie({});
    await other.ask();
    gate.reject(Object.assign(new Error("declined"), { status: 402 }));
    expect(await first.settle(call)).toMatchObject({ status: "in_doubt" });
    const line = (await other.guard.log(requestId)).at(-1);
    expect(line).toMatchObject({ event: "late_failure", fencingToken: 1, attemptNumber: 1 });
    expect(JSON.parse(line?.detail ?? "")).toMatchObject({ failure: { code: "http_402" } });
  });

  test("under one key its success and that of the re-send are one effect", async () => {
    const { gate, call, other, requestId, first } = await zombie({ downstreamKey: { lifetime: "1h" } });
    expect(await other.ask()).toMatchObject({ status: "executed", receipt: { fencingToken: 2 } });
    const before = await other.guard.receipt(requestId);
    gate.resolve("late");
    await first.settle(call);
    expect(await other.guard.receipt(requestId)).toMatchObject({ version: before?.version, conflict: false });
    expect((await events(first, requestId)).at(-1)).toBe("late_success");
  });

  test("without one they are two, and a person hears of it", async () => {
    const { gate, call, other, requestId, clock, first } = await zombie({
      probe: () => ({ answer: "did_not_happen" }),
    });
    await other.settle(other.ask("10m"));
    await clock.advance(60_000);
    await other.settle(other.guard.reconcile());
    expect(await other.guard.receipt(requestId)).toMatchObject({ state: "succeeded", fencingToken: 2 });
    gate.resolve("late");
    await first.settle(call);
    expect(await other.guard.receipt(requestId)).toMatchObject({ state: "succeeded", conflict: true });
  });

  test("its success contradicts a person who has said that it did not happen", async () => {
    const { gate, call, other, requestId, first } = await zombie({});
    await other.ask();
    await other.guard.resolve(requestId, { decision: "did_not_happen", actor: "ada", reason: "asked" });
    gate.resolve("late");
    await first.settle(call);
    expect(await other.guard.receipt(requestId)).toMatchObject({ state: "failed", conflict: true });
  });

  test("under the key of an earlier generation it is another effect than that of the new one", async () => {
    const { gate, call, other, requestId, first, clock } = await zombie({ downstreamKey: { lifetime: "1h" } }, (n) =>
      n === 1 ? lost() : "by the other",
    );
    expect(await other.ask()).toMatchObject({ status: "in_doubt" });
    await other.guard.resolve(requestId, { decision: "retry", actor: "ada", reason: "asked" });
    await clock.advance(60_000);
    await other.settle(other.guard.reconcile());
    expect(await other.guard.receipt(requestId)).toMatchObject({ state: "succeeded", generation: 2 });
    gate.resolve("late");
    await first.settle(call);
    expect(await other.guard.receipt(requestId)).toMatchObject({ state: "succeeded", conflict: true });
  });
});

describe("a caller", () => {
  test("hears first of what may have happened, and then that it is halted", async () => {
    const { ask, guard, clock, sent } = desk({ downstreamKey: { lifetime: "1d" } }, lost);
    await ask();
    await guard.halt("action", "pay", { actor: "ada", reason: "stop" });
    await clock.advance(60_000);
    expect(["in_doubt", "halted"]).toContain((await ask()).status);
    expect(sent).toHaveLength(1);
  });

  test("whose own attempt failed is no replay of it in the log", async () => {
    const here = desk({}, () => http(402));
    const { requestId } = await here.ask();
    expect(await events(here, requestId)).toEqual(["claim", "definite_failure"]);
    await here.ask();
    expect((await events(here, requestId)).at(-1)).toBe("replayed");
  });

  test("looks at what another process runs after growing pauses, up to a tenth of a second", async () => {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const gate = Promise.withResolvers<unknown>();
    const running = desk({}, () => gate.promise, { clock, store });
    void running.ask("1h");
    await clock.advance(0);
    const looked: number[] = [];
    const waiting = desk({}, undefined, {
      ...{ clock, store },
      verbs: (memory) => ({
        find: async (tenant, id) => {
          looked.push(clock.monotonicMs());
          return memory.find(tenant, id);
        },
      }),
    });
    expect(await waiting.settle(waiting.ask(426))).toMatchObject({ status: "in_progress" });
    expect(looked).toEqual([2, 6, 14, 30, 62, 126, 226, 326, 426]);
    gate.resolve("paid");
  });
});
