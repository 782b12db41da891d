import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ActionOptions, defineAction } from "../../src/core/action.ts";
import { OnceguardError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { type TestOptions, testGuard, withVerbs } from "../support/guard.ts";

interface Order {
  readonly id: string;
}
type Options = Partial<ActionOptions<"pay", Order, Order, unknown>>;
type Verb = "claim" | "apply" | "find" | "append" | "haltFor" | "renew";

/** A guard over a store whose verbs can go away, and come back. */
function fragile(more: Options = {}, behave: (n: number) => unknown = () => "paid", options: TestOptions = {}) {
  const clock = fakeClock();
  const memory = memoryStore({ clock: clock.now });
  let gone: readonly Verb[] = [];
  let code: "store_unavailable" | "store_unusable" = "store_unavailable";
  const guarded =
    <In extends unknown[], Out>(verb: Verb, ask: (...given: In) => Promise<Out>) =>
    async (...given: In): Promise<Out> => {
      if (gone.includes(verb)) throw new OnceguardError(code, "away", { applied: "no" });
      return ask(...given);
    };
  const store: Store = withVerbs(memory, {
    claim: guarded("claim", (request, readFirst) => memory.claim(request, readFirst)),
    apply: guarded("apply", (change) => memory.apply(change)),
    find: guarded("find", (tenant, id) => memory.find(tenant, id)),
    append: guarded("append", (line) => memory.append(line)),
    haltFor: guarded("haltFor", (subject) => memory.haltFor(subject)),
    renew: guarded("renew", (renewals) => memory.renew(renewals)),
  });
  const sent: string[] = [];
  const reported: unknown[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    ...more,
    execute: async ({ id }: Order) => {
      sent.push(id);
      return behave(sent.length);
    },
  });
  const spill = join(mkdtempSync(join(tmpdir(), "onceguard-recording-")), "spill");
  const made = testGuard([pay], {
    ...{ store, clock, spill, grace: "1s", storeTimeout: "100ms", onBackgroundError: (error) => reported.push(error) },
    ...options,
  });
  return {
    ...made,
    ...{ pay, memory, sent, reported, spill },
    goAway: (verbs: readonly Verb[], why: typeof code = "store_unavailable") => {
      gone = verbs;
      code = why;
    },
    comeBack: () => {
      gone = [];
    },
    spilled: () => readdirSync(spill).map((file) => JSON.parse(readFileSync(join(spill, file), "utf8"))),
  };
}

const http = (status: number) => () => {
  throw Object.assign(new Error(`HTTP ${status}`), { status });
};
const FINAL = { id: "s1", source: "ref", outcome: "ann", confidence: 1, at: 1 };

/** An effect that answers, and takes the store along. */
function taking(
  goAway: ReturnType<typeof fragile>["goAway"],
  verbs: readonly Verb[],
  answer: unknown,
  why: "store_unavailable" | "store_unusable" = "store_unavailable",
): unknown {
  goAway(verbs, why);
  return answer;
}

describe("a success", () => {
  test("settles its case before the caller hears of it", async () => {
    const { guard, memory } = fragile({ case: () => ({ id: "match:1", outcome: "ann" }) });
    await guard.case("match:1").signal(FINAL);
    const { requestId, status } = await guard.execute("pay", { id: "1" });
    expect(status).toBe("executed");
    expect((await memory.findCase("default", "match:1"))?.case).toMatchObject({
      state: "SETTLED",
      settledBy: requestId,
    });
  });

  test("of an attempt that failed first leaves its case to the next one", async () => {
    const { guard, memory } = fragile({ case: () => ({ id: "match:1", outcome: "ann" }) }, http(402));
    await guard.case("match:1").signal(FINAL);
    const { requestId } = await guard.execute("pay", { id: "1" });
    expect((await memory.findCase("default", "match:1"))?.case).toMatchObject({ state: "FINAL", takenBy: requestId });
  });
});

describe("what the store did not take", () => {
  test("of a success is told with its result, and kept on the disk", async () => {
    const { guard, settle, goAway, spilled, reported } = fragile({}, () =>
      taking(goAway, ["apply"], { charge: "ch_1" }),
    );
    const outcome = await settle(guard.execute("pay", { id: "1" }));
    expect(outcome).toMatchObject({ status: "in_doubt", result: { charge: "ch_1" }, failure: null, since: null });
    expect(spilled()).toMatchObject([
      {
        of: { requestId: outcome.requestId, fencingToken: 1, attemptNumber: 1, generation: 1 },
        sendsKey: false,
        failure: null,
      },
    ]);
    // That the store is away is no news to whoever hears of what goes wrong in the background.
    expect(reported).toEqual([]);
  });

  test("of a failure is told with it, and with no result", async () => {
    const { guard, settle, goAway, spilled } = fragile({}, () => {
      goAway(["apply"]);
      return http(402)();
    });
    const outcome = await settle(guard.execute("pay", { id: "1" }));
    expect(outcome).toMatchObject({ status: "in_doubt", failure: { code: "http_402", certainty: "definite" } });
    expect(outcome).not.toHaveProperty("result");
    expect(spilled()).toMatchObject([{ success: null, failure: { code: "http_402" } }]);
  });

  test("for another reason than that it is away is reported, too", async () => {
    const { guard, settle, goAway, reported } = fragile({}, () => taking(goAway, ["apply"], "paid", "store_unusable"));
    expect(await settle(guard.execute("pay", { id: "1" }))).toMatchObject({ status: "in_doubt", result: "paid" });
    expect(reported).toMatchObject([{ code: "store_unusable" }]);
  });

  test("nothing is kept of an attempt that nobody has heard from", async () => {
    const { guard, settle, goAway, spill } = fragile({ timeout: "1s" }, () => {
      goAway(["apply"]);
      return new Promise(() => undefined);
    });
    expect(await settle(guard.execute("pay", { id: "1" }))).toMatchObject({ status: "in_doubt", failure: null });
    expect(() => readdirSync(spill)).toThrow("ENOENT");
  });

  test.each([
    ["a key of its own", { downstreamKey: { lifetime: "1h" } }, true],
    ["a key and a probe", { downstreamKey: { lifetime: "1h" }, probe: () => ({ answer: "cannot_tell" }) }, true],
    ["a probe alone", { probe: () => ({ answer: "cannot_tell" }) }, false],
  ] as [string, Options, boolean][])("says whether it was sent under %s", async (_what, more, sendsKey) => {
    const { guard, settle, goAway, spilled } = fragile(more, () => taking(goAway, ["apply"], "paid"));
    await settle(guard.execute("pay", { id: "1" }));
    expect(spilled()).toMatchObject([{ sendsKey }]);
  });

  test("is recorded by the next pass, as the late evidence that it is, and its file goes", async () => {
    const { guard, clock, settle, goAway, comeBack, spilled, spill } = fragile({}, () =>
      taking(goAway, ["apply"], "paid"),
    );
    const { requestId } = await settle(guard.execute("pay", { id: "1" }));
    expect(spilled()).toHaveLength(1);
    comeBack();
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({
      state: "running",
      evidence: "late",
      result: { json: '"paid"' },
    });
    expect(readdirSync(spill)).toEqual([]);
    // The claim was its dead owner's. Nobody has been asked, so it is no probe that says so.
    await clock.advance(60_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded", evidence: "late" });
    expect((await guard.log(requestId)).map(({ event }) => event)).toEqual([
      ...["claim", "late_success", "lapse", "late_success"],
    ]);
  });
});

describe("an answer that comes after its time", () => {
  const slow = (more: TestOptions = {}) => {
    const gate = Promise.withResolvers<unknown>();
    return { gate, ...fragile({ timeout: "1s" }, () => gate.promise, more) };
  };

  test("is recorded once the store is back", async () => {
    const { guard, settle, gate, clock } = slow();
    const { requestId } = await settle(guard.execute("pay", { id: "1" }));
    gate.resolve("late");
    await clock.advance(0);
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded", evidence: "late" });
  });

  test("is kept on the disk when the store is away by then", async () => {
    const { guard, settle, gate, clock, goAway, spilled, reported } = slow();
    await settle(guard.execute("pay", { id: "1" }));
    goAway(["find", "apply"]);
    gate.resolve("late");
    await clock.advance(5_000);
    expect(spilled()).toMatchObject([{ success: { result: { json: '"late"' } } }]);
    expect(reported).toEqual([]);
  });

  test("is reported, and not kept, when the store refuses for another reason", async () => {
    const { guard, settle, gate, clock, goAway, reported, spill } = slow();
    await settle(guard.execute("pay", { id: "1" }));
    goAway(["find"], "store_unusable");
    gate.resolve("late");
    await clock.advance(5_000);
    expect(reported).toMatchObject([{ code: "store_unusable" }]);
    expect(() => readdirSync(spill)).toThrow("ENOENT");
  });

  test("is kept on the disk when the guard has let its store go", async () => {
    const { guard, settle, gate, clock, spilled, memory } = slow({ grace: "1ms" });
    const { requestId } = await settle(guard.execute("pay", { id: "1" }));
    await settle(guard.close());
    gate.resolve("late");
    await clock.advance(1_000);
    expect(spilled()).toMatchObject([{ success: { result: { json: '"late"' } } }]);
    expect(await memory.find("default", requestId)).toMatchObject({ state: "in_doubt" });
  });

  test("of a failure is a line of the log, and settles nothing", async () => {
    const { guard, settle, gate, clock } = slow();
    const { requestId } = await settle(guard.execute("pay", { id: "1" }));
    gate.reject(Object.assign(new Error("declined"), { status: 402 }));
    await clock.advance(0);
    expect(await guard.receipt(requestId)).toMatchObject({ state: "in_doubt", conflict: false });
    expect((await guard.log(requestId)).at(-1)).toMatchObject({ event: "late_failure", fencingToken: 1, actor: null });
  });
});

describe("before anything is sent", () => {
  test("a halt that came after a claim that took long is looked for", async () => {
    const { guard, memory, clock, sent, settle } = fragile({ before: () => clock.sleep(200) });
    const call = guard.execute("pay", { id: "1" });
    await clock.advance(100);
    await memory.halt({ tenant: "default", scope: "action", id: "pay", actor: "ada", reason: "stop" });
    const outcome = await settle(call);
    expect(outcome).toMatchObject({ status: "halted" });
    expect(sent).toEqual([]);
    expect((await guard.log(outcome.requestId)).map(({ event }) => event)).toContain("definite_failure");
  });

  test("what such a halt has stopped goes on when a person resumes it, however long that took", async () => {
    const retry = { maxElapsed: "15m", maxAttempts: 1 } as const;
    const { guard, memory, clock, sent, settle } = fragile({ retry, before: () => clock.sleep(200) });
    const call = guard.execute("pay", { id: "1" });
    await clock.advance(100);
    await memory.halt({ tenant: "default", scope: "action", id: "pay", actor: "ada", reason: "stop" });
    const { requestId } = await settle(call);
    await clock.advance(3_600_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "retry_wait" });
    await guard.resume("action", "pay", { actor: "ada", reason: "looked at it" });
    await settle(guard.reconcile());
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded" });
    expect(sent).toEqual(["1"]);
  });

  test("and is not looked for where the claim is quite recent", async () => {
    const { guard, goAway, sent } = fragile();
    goAway(["haltFor"]);
    expect(await guard.execute("pay", { id: "1" })).toMatchObject({ status: "executed" });
    expect(sent).toEqual(["1"]);
  });

  test.each<[string, readonly Verb[], Options]>([
    ["look for a halt", ["haltFor"], {}],
    ["log what was before", ["append"], {}],
    ["mark the dispatch", ["apply"], { preciseDispatch: true }],
  ])("a store that is away when the guard wants to %s means that nothing is sent", async (_what, verbs, more) => {
    const { guard, clock, goAway, comeBack, sent, settle } = fragile({
      ...{ retry: { maxAttempts: 1 } },
      ...more,
      before: async () => {
        await clock.sleep(200);
        goAway(verbs);
        return { state: "open" };
      },
    });
    const call = guard.execute("pay", { id: "1" });
    await clock.advance(250);
    // Longer than a call may take, and shorter than an outcome is tried to be recorded.
    await clock.advance(150);
    comeBack();
    expect(await settle(call)).toMatchObject({ failure: { code: "not_dispatched", certainty: "definite" } });
    expect(sent).toEqual([]);
  });
});
