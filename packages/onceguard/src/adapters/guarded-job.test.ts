import { afterEach, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { settle, testGuard } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";
import type { Notification } from "../core/notification.ts";
import type { Outcome } from "../core/outcome.ts";
import type { PolicyRule } from "../core/policy.ts";
import { createGuard } from "../pipeline/create-guard.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { effectContext } from "./effect-context.ts";
import { type Delivery, guardedJob, type JobRule } from "./guarded-job.ts";
import { type Verdict, verdictOf } from "./job-verdict.ts";

interface Job {
  readonly id: string;
}
interface Charge {
  readonly order: string;
  readonly cents: number;
}

const guards: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const guard of guards.splice(0)) await guard.close();
});

function newGuard(rules: readonly PolicyRule[] = []) {
  const guard = createGuard({
    store: memoryStore(),
    sweepEvery: false,
    grace: 0,
    rules,
    onBackgroundError: () => undefined,
  });
  guards.push(guard);
  return guard;
}

type Rule = JobRule<Charge, { paid: number }, Job>;
const RULE: Rule = { action: "charge", riskTier: "side_effecting", keyFields: ["order"] };

function charging(rule: Partial<Rule> = {}, guard = newGuard()) {
  const made: { order: string; key: string; job: string }[] = [];
  let behave = async (_cents: number): Promise<void> => undefined;
  const handler = async ({ order, cents }: Charge, job: Job) => {
    made.push({ order, key: effectContext().idempotencyKey, job: job?.id });
    await behave(cents);
    return { paid: cents };
  };
  const deliver = guardedJob<Charge, { paid: number }, Job>(guard, { handler, rule: { ...RULE, ...rule } });
  return { guard, made, deliver, behave: (next: typeof behave) => (behave = next) };
}

const A1 = { order: "A1", cents: 500 };

function delivery(payload: unknown, id = "1", more: Partial<Delivery<Job>> = {}): Delivery<Job> {
  return { job: { id }, payload, scope: "engine:charges", callId: id, again: false, ...more };
}

describe("a job under the guard", () => {
  it("makes its effect once, and is done whenever it is delivered again", async () => {
    const { guard, deliver, made } = charging();
    const first = await deliver(delivery(A1));
    const again = await deliver(delivery(A1, "1", { again: true }));
    const other = await deliver(delivery(A1, "2"));
    expect([first, again, other].map((verdict) => [verdict.verdict, "result" in verdict && verdict.result])).toEqual([
      ["done", { paid: 500 }],
      ["done", { paid: 500 }],
      ["done", { paid: 500 }],
    ]);
    expect(made).toEqual([{ order: "A1", key: expect.any(String), job: "1" }]);
    const log = await guard.log(first.outcome?.requestId ?? "");
    expect(log.map(({ cause }) => cause)).toContain("redelivery");
    expectTypeOf(first).toEqualTypeOf<Verdict<{ paid: number }>>();
  });

  it("is named by the engine's ids where nothing names its intent", async () => {
    const { guard } = charging();
    const made: string[] = [];
    const rule = { action: "note", riskTier: "side_effecting" } as const;
    const deliver = guardedJob<Charge, number, Job>(guard, { handler: (_, job) => made.push(job.id), rule });
    for (const id of ["1", "1", "2"]) await deliver(delivery(A1, id));
    await deliver(delivery(A1, "1", { scope: "engine:others" }));
    expect(made).toEqual(["1", "2", "1"]);
    const [receipt] = await guard.receipts({ order: "oldest" } as never);
    expect(receipt).toMatchObject({ keySource: "host_call", hostScope: expect.stringMatching(/^engine:/) });
  });

  it("takes an action too, which the guard then carries on by itself", async () => {
    let lost = true;
    const made: string[] = [];
    const refund = defineAction({
      name: "refund",
      riskTier: "irreversible",
      input: z.object({ order: z.string(), cents: z.int() }),
      keyFields: ["order"],
      probe: ({ order }) => {
        if (lost) return { answer: "cannot_tell" };
        return made.includes(order) ? { answer: "happened", result: 7 } : { answer: "did_not_happen" };
      },
      retry: { base: "1ms", cap: "1ms" },
      execute: ({ order }) => {
        made.push(order);
        if (lost) throw new Error("socket hang up");
        return 7;
      },
    });
    const guard = newGuard();
    const deliver = guardedJob(guard, { action: refund, options: { wait: 0 } });
    expectTypeOf(deliver).returns.resolves.toEqualTypeOf<Verdict<number>>();
    const doubt = await deliver(delivery(A1));
    expect(doubt).toMatchObject({ verdict: "later", waitsForPerson: false, outcome: { status: "in_doubt" } });
    lost = false;
    const settled = async () => {
      await guard.reconcile(); // the engine has forgotten the job
      return (await guard.receipt(doubt.outcome?.requestId ?? ""))?.state;
    };
    await expect.poll(settled).toBe("succeeded");
    expect(made).toEqual(["A1"]);
  });

  it("parks what waits for a person, who then decides for the job", async () => {
    const { guard, deliver, made, behave } = charging({ parked: "7m" });
    behave(async () => {
      throw new Error("socket hang up");
    });
    const doubt = await deliver(delivery(A1));
    expect(doubt).toMatchObject({ verdict: "later", delayMs: 420_000, waitsForPerson: true });
    await guard.reconcile();
    const review = await deliver(delivery(A1));
    expect(review).toMatchObject({ verdict: "later", delayMs: 420_000, outcome: { status: "review" } });
    const by = { actor: "ana", reason: "the bank has it" };
    await guard.resolve(review.outcome?.requestId ?? "", { ...by, decision: "happened" });
    expect(await deliver(delivery(A1))).toMatchObject({ verdict: "done" });
    expect(made).toHaveLength(1);
  });

  it("fails it instead where the queue is no place to wait", async () => {
    const { deliver, made, behave } = charging({ parked: "fail" });
    behave(async () => {
      throw new Error("socket hang up");
    });
    for (const id of ["1", "1"]) expect(await deliver(delivery(A1, id))).toMatchObject({ verdict: "never" });
    expect(made).toHaveLength(1);
  });

  it("asks again no sooner than the lease of whoever is at it ends, and is not asked for what cannot fit", async () => {
    const { deliver, made, behave } = charging({ wait: 0 });
    const held = Promise.withResolvers<void>();
    behave(() => held.promise);
    const running = deliver(delivery(A1));
    const { deliver: elsewhere } = charging({ wait: 0 });
    await expect.poll(() => made.length).toBe(1);
    const meanwhile = await deliver(delivery(A1, "2"));
    expect(meanwhile).toMatchObject({ verdict: "later", outcome: { status: "in_progress" } });
    held.resolve();
    await running;
    expect(await elsewhere(delivery({ cents: 5 }))).toMatchObject({
      verdict: "never",
      outcome: null,
      message: expect.stringContaining("missing_key_field"),
    });
    const other = await deliver(delivery({ ...A1, cents: 900 }));
    expect(other).toMatchObject({ verdict: "never", outcome: { status: "mismatch" } });
  });

  it("leaves its engine, and not the effect, when the engine takes the job away", async () => {
    const { deliver, made, behave } = charging();
    const held = Promise.withResolvers<void>();
    behave(() => held.promise);
    const away = new AbortController();
    const running = deliver(delivery(A1, "1", { signal: away.signal }));
    await expect.poll(() => made.length).toBe(1);
    away.abort();
    expect(await running).toMatchObject({ verdict: "later", outcome: { status: "in_progress" } });
    const early = await deliver(delivery({ order: "B2", cents: 1 }, "2", { signal: away.signal }));
    expect(early).toMatchObject({ verdict: "later", waitsForPerson: false });
    held.resolve();
    expect(await deliver(delivery(A1))).toMatchObject({ verdict: "done", result: { paid: 500 } });
    expect(made).toHaveLength(1);
  });

  it("tells the engine that it is at work for as long as it is, also when the engine does not hear it", async () => {
    const { deliver, behave } = charging();
    let beats = 0;
    const beat = () => {
      beats++;
      throw new Error("lock lost");
    };
    behave(() => expect.poll(() => beats).toBeGreaterThan(2));
    expect(await deliver(delivery(A1, "1", { heartbeat: { everyMs: 5, beat } }))).toMatchObject({ verdict: "done" });
    const after = beats;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(beats).toBe(after);
  });

  it("throws what is the program's mistake, before anything is sent", async () => {
    const { guard, made } = charging();
    const safe = { handler: () => ({ paid: 1 }), rule: { ...RULE, riskTier: "safe" } } as const;
    expect(() => guardedJob<Charge, { paid: number }, Job>(guard, safe)).toThrow(
      expect.objectContaining({ code: "invalid_option", message: expect.stringContaining("safe") }),
    );
    expect(() => charging({ parked: "soon" })).toThrow(expect.objectContaining({ code: "invalid_option" }));
    expect(() => charging({ riskTier: "irreversible" })).toThrow(expect.objectContaining({ code: "schema_required" }));
    const nameless = {
      action: "pay",
      riskTier: "irreversible",
      input: z.object({ order: z.string(), cents: z.int() }),
    };
    const deliver = guardedJob<Charge, number, Job>(guard, { handler: () => 1, rule: nameless as never });
    await expect(deliver(delivery(A1))).rejects.toMatchObject({ code: "missing_identity" });
    expect(made).toEqual([]);
  });
});

it("every status has its verdict", () => {
  const options = { parkedMs: 60_000, settlesAlone: true };
  const failure = { certainty: "definite", tier: null, code: "x", message: "no" } as const;
  const base = { requestId: "r", receipt: null, reason: "because", next: "", retryAfterMs: 5, failure };
  const judged = (status: Outcome["status"], more: object = {}, given = options) => {
    const verdict = verdictOf({ ...base, status, ...more } as unknown as Outcome, given);
    return "delayMs" in verdict ? [verdict.verdict, verdict.delayMs] : [verdict.verdict];
  };
  expect(judged("executed")).toEqual(["done"]);
  expect(judged("replayed")).toEqual(["done"]);
  expect(judged("skipped")).toEqual(["done"]);
  expect(judged("expired", { receipt: { reason: "succeeded" } })).toEqual(["done"]);
  expect(judged("expired", { receipt: { reason: "failed" } })).toEqual(["never"]);
  expect(judged("in_progress", { retryAfterMs: 1_000 })).toEqual(["later", 1_000]);
  const running = { state: "running", dueAt: 9_000, readAt: 2_000 };
  expect(judged("in_progress", { receipt: running })).toEqual(["later", 7_000]);
  expect(judged("retry_later", { retryAfterMs: 900 })).toEqual(["later", 900]);
  expect(judged("unavailable")).toEqual(["later", 250]);
  expect(judged("in_doubt")).toEqual(["later", 250]);
  expect(judged("in_doubt", {}, { ...options, settlesAlone: false })).toEqual(["later", 60_000]);
  for (const status of ["held", "review", "halted"] as const) {
    expect(judged(status)).toEqual(["later", 60_000]);
    expect(judged(status, {}, { parkedMs: null, settlesAlone: true } as never)).toEqual(["never"]);
  }
  for (const status of ["failed", "denied", "mismatch"] as const) expect(judged(status)).toEqual(["never"]);
});

describe("a handler whose engine gives up", () => {
  const lost = async () => {
    throw new Error("socket hang up");
  };
  /** Two processes of one worker program, in virtual time: one that gets the job, and one that is left to sweep. */
  async function givenUp(rule: Partial<Rule>) {
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    const told: string[] = [];
    const deliver = async ({ reason }: Notification) => void told.push(reason ?? "");
    const notify = { operator: { name: "desk", deliver } };
    const open = () => {
      const { guard } = testGuard([], { clock, store, notify });
      return charging({ retry: { base: "1s", cap: "1s", maxElapsed: "10m" }, ...rule }, guard as never);
    };
    const first = open();
    first.behave(lost);
    const { outcome } = await first.deliver(delivery(A1, "1"));
    const other = open();
    const requestId = outcome?.requestId ?? "";
    const later = async (ms: number) => {
      await clock.advance(ms);
      await settle(clock, other.guard.reconcile());
      return other.guard.receipt(requestId);
    };
    return { ...other, first, told, later, requestId };
  }

  it("leaves a doubt that the probe settles, in any process that has the handler, and nothing is executed", async () => {
    let asked = 0;
    const { first, made, later } = await givenUp({
      wait: 0,
      probe: ({ cents }) =>
        ++asked === 1 ? { answer: "cannot_tell" } : { answer: "happened", result: { paid: cents } },
    });
    expect(first.made).toHaveLength(1);
    expect(await later(5_000)).toMatchObject({
      state: "succeeded",
      evidence: "probe",
      result: { json: '{"paid":500}' },
    });
    expect([first.made.length, made.length]).toEqual([1, 0]);
  });

  it("leaves what did not happen to its next delivery, and to a person when none comes in time", async () => {
    const { made, deliver, later, told } = await givenUp({ wait: 0, probe: () => ({ answer: "did_not_happen" }) });
    expect(await later(5_000)).toMatchObject({ state: "retry_wait", mayHaveApplied: false });
    expect(await later(60_000)).toMatchObject({ state: "retry_wait" });
    expect([made.length, told]).toEqual([0, []]);
    expect(await later(600_000)).toMatchObject({ state: "review", reason: "retries_exhausted" });
    expect(told).toEqual(["retries_exhausted"]);
    expect(await deliver(delivery(A1, "1", { again: true }))).toMatchObject({ verdict: "later", waitsForPerson: true });
    expect(made).toHaveLength(0);
  });

  it("is executed by its next delivery where one comes in time", async () => {
    const { made, deliver, later } = await givenUp({ wait: 0, probe: () => ({ answer: "did_not_happen" }) });
    await later(5_000);
    expect(await later(5_000)).toMatchObject({ state: "retry_wait" });
    expect(await deliver(delivery(A1, "1", { again: true }))).toMatchObject({ verdict: "done", result: { paid: 500 } });
    expect(made).toHaveLength(1);
  });

  it("is not sent again under its key by a sweeper, and goes to a person when the key is too old", async () => {
    const { made, later, told } = await givenUp({ wait: 0, downstreamKey: { lifetime: "1h", margin: "1m" } });
    expect(await later(5_000)).toMatchObject({ state: "in_doubt" });
    expect(await later(600_000)).toMatchObject({ state: "review", reason: "retries_exhausted" });
    expect([made.length, told]).toEqual([0, ["retries_exhausted"]]);
  });

  it("with a probe that cannot tell is asked about with pauses, and then a person is", async () => {
    let asked = 0;
    const { later, told } = await givenUp({
      wait: 0,
      downstreamKey: { lifetime: "1h", margin: "1m" },
      probe: () => {
        asked += 1;
        return { answer: "cannot_tell" };
      },
    });
    for (let n = 0; n < 20; n++) expect((await later(100))?.state).toBe("in_doubt");
    expect(asked).toBeLessThan(10);
    expect(await later(600_000)).toMatchObject({ state: "review", reason: "probe_cannot_tell" });
    expect(told).toEqual(["probe_cannot_tell"]);
  });
});
