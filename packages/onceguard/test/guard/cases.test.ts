import { describe, expect, test } from "vitest";
import { type ActionOptions, defineAction } from "../../src/core/action.ts";
import { externalAction } from "../../src/core/external-action.ts";
import type { Store } from "../../src/core/ports.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { testGuard, withVerbs } from "../support/guard.ts";

interface Payout {
  readonly to: string;
  readonly winner?: string;
}

/** Payouts of one match, each a request of its own. `behave` answers for them in turn. */
function match(
  behave: (n: number) => unknown = (n) => `paid ${n}`,
  verbs: (memory: Store) => Partial<Store> = () => ({}),
  more: Partial<ActionOptions<"pay", Payout, Payout, unknown>> = {},
) {
  const clock = fakeClock();
  const memory = memoryStore({ clock: clock.now });
  const sent: string[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["to"],
    case: ({ winner }: Payout) => ({ id: "match:1", ...(winner === undefined ? {} : { outcome: winner }) }),
    ...more,
    execute: async ({ to }: Payout) => {
      sent.push(to);
      return behave(sent.length);
    },
  });
  const made = testGuard([pay], { clock, store: withVerbs(memory, verbs(memory)), onBackgroundError: () => undefined });
  const says = (outcome: string, source = "ref") =>
    made.guard.case("match:1").signal({ id: `${source}-${outcome}`, source, outcome, confidence: 1, at: 1 });
  const stored = async () => (await memory.findCase("default", "match:1"))?.case;
  return { ...made, memory, sent, says, stored };
}

const BY = { actor: "ada", reason: "asked the referee" };
const http = (status: number) => {
  throw Object.assign(new Error(`HTTP ${status}`), { status });
};

describe("a finality case", () => {
  test("that is final is settled by whoever reads it, when a process died before it could", async () => {
    let isDying = false;
    const { guard, says, stored, sent, memory, clock } = match(undefined, (real) => ({
      apply: async (change) => {
        isDying = change.event === "success";
        return real.apply(change);
      },
      saveCase: async (next) => {
        if (isDying) throw new Error("killed");
        return real.saveCase(next);
      },
    }));
    await says("ann");
    const { requestId } = await guard.execute("pay", { to: "x", winner: "ann" });
    expect([sent, await stored()]).toMatchObject([["x"], { state: "FINAL", takenBy: requestId }]);
    const reader = testGuard([], { store: memory, clock }).guard;
    expect(await reader.case("match:1").get()).toMatchObject({ state: "SETTLED", settledBy: requestId });
    expect(await stored()).toMatchObject({ state: "SETTLED" });
  });

  test("read by another process, is settled by the request that has succeeded, and by no other", async () => {
    const first = match((n) => (n === 1 ? http(402) : "paid"));
    await first.says("ann");
    const failed = await first.guard.execute("pay", { to: "x", winner: "ann" });
    expect(await first.guard.case("match:1").get()).toMatchObject({ state: "FINAL", takenBy: failed.requestId });
    await first.guard.reopen(failed.requestId, BY);
    await first.guard.reconcile();
    expect(await first.guard.case("match:1").get()).toMatchObject({ state: "SETTLED", settledBy: failed.requestId });
  });

  const lost = () => {
    throw new Error("socket hang up");
  };
  const late = Promise.withResolvers<unknown>();
  type Match = ReturnType<typeof match>;

  test.each<[string, Parameters<typeof match>[2], (n: number) => unknown, (made: Match, requestId: string) => unknown]>(
    [
      ["its caller's own probe", { probe: () => ({ answer: "happened", result: "seen" }) }, lost, () => undefined],
      [
        "a provider's webhook",
        {},
        lost,
        ({ guard }, requestId) => guard.evidence(requestId, { answer: "happened", source: "a webhook" }),
      ],
      ["a person", {}, lost, ({ guard }, requestId) => guard.resolve(requestId, { decision: "happened", ...BY })],
      [
        "an answer that came after its time",
        { timeout: "1s" },
        () => late.promise,
        ({ clock }) => {
          late.resolve("paid");
          return clock.advance(0);
        },
      ],
    ],
  )("is settled by the success of its request, which %s tells of", async (_whose, more, behave, tell) => {
    const made = match(behave, undefined, more);
    await made.says("ann");
    const { requestId } = await made.settle(made.guard.execute("pay", { to: "x", winner: "ann" }));
    await tell(made, requestId);
    expect(await made.guard.receipt(requestId)).toMatchObject({ state: "succeeded" });
    expect(await made.stored()).toMatchObject({ state: "SETTLED", settledBy: requestId });
  });

  test("is settled by whoever performs its effect outside", async () => {
    const { guard, says, stored } = match();
    const hand = guard.external([
      externalAction({
        name: "hand_over",
        riskTier: "side_effecting",
        keyFields: ["to"],
        case: () => ({ id: "match:1", outcome: "ann" }),
      }),
    ]);
    await says("ann");
    const claimed = await hand.claim("hand_over", { to: "x" });
    if (claimed.status !== "claimed") throw new Error(claimed.status);
    await hand.complete(claimed.requestId, { fencingToken: claimed.fencingToken });
    expect(await stored()).toMatchObject({ state: "SETTLED", settledBy: claimed.requestId });
  });

  test("stands by its request also when that is forgotten", async () => {
    const { guard, says, clock } = match();
    await says("ann");
    const { requestId } = await guard.execute("pay", { to: "x", winner: "ann" });
    await clock.advance(1_000);
    await guard.expire({ olderThan: "1ms" });
    expect(await guard.case("match:1").get()).toMatchObject({ state: "SETTLED", settledBy: requestId });
    expect(await guard.execute("pay", { to: "y", winner: "ann" })).toMatchObject({
      ...{ status: "denied", reason: `the case was settled by request ${requestId}` },
    });
  });

  test("takes a request that bets on no outcome, whatever it is", async () => {
    const { guard, says } = match();
    await says("bob");
    expect(await guard.execute("pay", { to: "x" })).toMatchObject({ status: "executed" });
  });

  test("while the request that has it is open, the next one waits, and looks again in a minute", async () => {
    const { guard, says, clock, sent } = match(() => {
      throw new Error("socket hang up");
    });
    await says("ann");
    await guard.execute("pay", { to: "x", winner: "ann" });
    const second = await guard.execute("pay", { to: "y", winner: "ann" });
    expect(second).toMatchObject({ status: "held", waitsFor: "case" });
    expect(second.receipt?.dueAt).toBe(clock.now() + 60_000);
    expect(sent).toEqual(["x"]);
  });

  test("that is not final yet is looked at when its window is over, and at least once a minute", async () => {
    const clock = fakeClock();
    const pay = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["to"],
      case: (_: Payout) => ({ id: "match:1", outcome: "ann" }),
      execute: async () => "paid",
    });
    const { guard } = testGuard([pay], {
      clock,
      store: memoryStore({ clock: clock.now }),
      finality: { challengeWindowMs: 20_000 },
    });
    const nobody = await guard.execute("pay", { to: "x" });
    expect(nobody.receipt?.dueAt).toBe(clock.now() + 60_000);
    await guard.case("match:1").signal({ id: "1", source: "ref", outcome: "ann", confidence: 1, at: 1 });
    await clock.advance(5_000);
    const waiting = await guard.execute("pay", { to: "y" });
    expect(waiting.receipt?.dueAt).toBe(clock.now() + 15_000);
    const long = testGuard([pay], {
      clock,
      store: memoryStore({ clock: clock.now }),
      finality: { challengeWindowMs: 600_000 },
    });
    await long.guard.case("match:1").signal({ id: "1", source: "ref", outcome: "ann", confidence: 1, at: 1 });
    expect((await long.guard.execute("pay", { to: "z" })).receipt?.dueAt).toBe(clock.now() + 60_000);
  });

  test("has a name, and is finalized only as something that was signalled", async () => {
    const { guard, says } = match();
    expect(() => guard.case("")).toThrow(
      expect.objectContaining({ code: "invalid_context", fields: { what: "case", problem: "empty" } }),
    );
    await says("ann");
    await expect(guard.case("match:1").finalize({ outcome: "cy", ...BY })).rejects.toMatchObject({
      ...{ code: "case_refused", fields: { caseId: "match:1", reason: "already_final" } },
    });
  });
});
