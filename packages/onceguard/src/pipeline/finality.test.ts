import { describe, expect, test } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";

function payouts() {
  const paid: string[] = [];
  const payout = defineAction({
    name: "payout",
    riskTier: "side_effecting",
    keyFields: ["match", "winner"],
    case: (payload: { match: string; winner: string }) => ({ id: `match:${payload.match}`, outcome: payload.winner }),
    execute: async ({ winner }: { match: string; winner: string }) => {
      paid.push(winner);
      return `paid ${winner}`;
    },
  });
  return { payout, paid };
}

const says = (source: string, outcome: string, at: number, confidence = 1) => ({
  id: `${source}-${at}`,
  source,
  outcome,
  confidence,
  at,
});

describe("an action bound to a finality case", () => {
  test("is held until the case is FINAL, then runs by itself, and its success settles the case", async () => {
    const { payout, paid } = payouts();
    const { guard } = testGuard([payout], { finality: { minSources: 2 } });
    const { requestId, ...held } = await guard.execute("payout", { match: "1", winner: "ann" });
    expect(held).toMatchObject({ status: "held", waitsFor: "case", caseId: "match:1" });
    const match = guard.case("match:1");
    expect(await match.signal(says("ref", "ann", 1))).toMatchObject({ case: { state: "RESOLVED_PROVISIONAL" } });
    await guard.reconcile();
    expect(paid).toEqual([]);
    expect(await match.signal(says("video", "ann", 2))).toMatchObject({ case: { state: "FINAL" } });
    await guard.reconcile();
    expect(paid).toEqual(["ann"]);
    expect(await match.get()).toMatchObject({ state: "SETTLED", settledBy: requestId });
    expect(await guard.execute("payout", { match: "1", winner: "ann" })).toMatchObject({ status: "replayed" });
  });

  test("two signals never pay two winners", async () => {
    const { payout, paid } = payouts();
    const { guard } = testGuard([payout]);
    const match = guard.case("match:1");
    await match.signal(says("ref", "ann", 1));
    expect(await match.signal(says("video", "bob", 2))).toMatchObject({ verdict: "late" });
    expect(await guard.execute("payout", { match: "1", winner: "ann" })).toMatchObject({ status: "executed" });
    expect(await guard.execute("payout", { match: "1", winner: "bob" })).toMatchObject({
      status: "denied",
      reason: 'the case is final as "ann"',
    });
    expect(paid).toEqual(["ann"]);
  });

  test("a conflict blocks both until a person chooses one of the signalled outcomes", async () => {
    const { payout, paid } = payouts();
    const { guard } = testGuard([payout], { finality: { minSources: 2 } });
    const ann = await guard.execute("payout", { match: "1", winner: "ann" });
    const bob = await guard.execute("payout", { match: "1", winner: "bob" });
    const match = guard.case("match:1");
    await match.signal(says("ref", "ann", 1));
    await match.signal(says("video", "bob", 2));
    await guard.reconcile();
    expect(paid).toEqual([]);
    await expect(match.finalize({ outcome: "cy", actor: "ada", reason: "?" })).rejects.toMatchObject({
      code: "case_refused",
    });
    await match.finalize({ outcome: "bob", actor: "ada", reason: "watched it" });
    await guard.reconcile();
    expect(paid).toEqual(["bob"]);
    expect(await guard.receipt(bob.requestId)).toMatchObject({ state: "succeeded" });
    expect(await guard.receipt(ann.requestId)).toMatchObject({ state: "denied", reason: 'the case is final as "bob"' });
  });

  test("waits out the challenge window", async () => {
    const { payout, paid } = payouts();
    const { guard, clock } = testGuard([payout], { finality: { challengeWindowMs: 600_000 } });
    await guard.execute("payout", { match: "1", winner: "ann" });
    await guard.case("match:1").signal(says("ref", "ann", 1));
    await guard.reconcile();
    await clock.advance(599_000);
    await guard.reconcile();
    expect(paid).toEqual([]);
    await clock.advance(60_000);
    await guard.reconcile();
    expect(paid).toEqual(["ann"]);
  });

  test("a challenge that comes after the window is late, also where nobody has looked since", async () => {
    const { payout, paid } = payouts();
    const { guard, clock } = testGuard([payout], { finality: { challengeWindowMs: 600_000 } });
    await guard.execute("payout", { match: "1", winner: "ann" });
    const match = guard.case("match:1");
    await match.signal(says("ref", "ann", 1));
    await clock.advance(600_000);
    expect(await match.signal(says("video", "bob", 2))).toMatchObject({
      ...{ verdict: "late", case: { state: "FINAL", final: { outcome: "ann" } } },
    });
    await guard.reconcile();
    expect(paid).toEqual(["ann"]);
  });

  test("two requests for the same outcome: one has the case, the other never runs", async () => {
    const paid: string[] = [];
    const payout = defineAction({
      name: "payout",
      riskTier: "side_effecting",
      case: () => ({ id: "match:1", outcome: "ann" }),
      execute: async (payload: { to: string }) => {
        paid.push(payload.to);
      },
    });
    const { guard, clock } = testGuard([payout]);
    const first = await guard.execute("payout", { to: "x" }, { requestId: "r1" });
    const second = await guard.execute("payout", { to: "y" }, { requestId: "r2" });
    await guard.case("match:1").signal(says("ref", "ann", 1));
    await guard.reconcile();
    await clock.advance(61_000);
    await guard.reconcile();
    const states = [await guard.receipt(first.requestId), await guard.receipt(second.requestId)];
    expect(states.map((one) => one?.state).sort()).toEqual(["denied", "succeeded"]);
    expect(paid).toHaveLength(1);
  });

  test("stays taken by a request that has been forgotten since", async () => {
    const paid: string[] = [];
    const payout = defineAction({
      name: "payout",
      riskTier: "side_effecting",
      case: () => ({ id: "match:1", outcome: "ann" }),
      execute: async (payload: { to: string }) => void paid.push(payload.to),
    });
    const { guard, clock } = testGuard([payout]);
    await guard.case("match:1").signal(says("ref", "ann", 1));
    await guard.execute("payout", { to: "x" }, { requestId: "r1" });
    await clock.advance(1_000);
    expect(await guard.expire({ olderThan: "1ms" })).toEqual({ expired: 1 });
    expect(await guard.execute("payout", { to: "y" }, { requestId: "r2" })).toMatchObject({ status: "denied" });
    expect(paid).toEqual(["x"]);
  });

  test("a case whose request certainly came to nothing is free again", async () => {
    let declined = true;
    const paid: string[] = [];
    const payout = defineAction({
      name: "payout",
      riskTier: "side_effecting",
      case: () => ({ id: "match:1", outcome: "ann" }),
      execute: async (payload: { to: string }) => {
        if (declined) throw Object.assign(new Error("declined"), { status: 402 });
        paid.push(payload.to);
      },
    });
    const { guard, settle } = testGuard([payout]);
    await guard.case("match:1").signal(says("ref", "ann", 1));
    expect(await guard.execute("payout", { to: "x" }, { requestId: "r1" })).toMatchObject({ status: "failed" });
    declined = false;
    await settle(guard.execute("payout", { to: "y" }, { requestId: "r2" }));
    await guard.reconcile();
    expect(await guard.receipt("r2")).toMatchObject({ state: "succeeded" });
    expect(paid).toEqual(["y"]);
  });
});

test("a finality policy that nobody could mean is refused, for the guard and for a case", () => {
  const misspelt = { minSource: 2 } as object;
  const refusal = expect.objectContaining({ code: "invalid_option", fields: { option: "finality.minSource" } });
  expect(() => testGuard([], { finality: misspelt })).toThrow(refusal);
  const { guard } = testGuard([]);
  expect(() => guard.case("match:1", { policy: misspelt })).toThrow(refusal);
});

test("a case that nobody has signalled is OPEN, and reading it writes nothing", async () => {
  const { guard, store } = testGuard([]);
  expect(await guard.case("match:9").get()).toMatchObject({ state: "OPEN" });
  expect(await store.findCase("default", "match:9")).toBeNull();
  expect(() => guard.case("")).toThrowError(expect.objectContaining({ code: "invalid_context" }));
});
