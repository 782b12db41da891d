import { expect, test } from "vitest";
import { testGuard, withVerbs } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

function situation(preciseDispatch: boolean, dies: "before_mark" | "after_mark" | null) {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const paid: number[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    preciseDispatch,
    execute: async (_order: { id: string }, { attemptNumber }) => void paid.push(attemptNumber),
  });
  // A process that dies never answers again.
  const dying = withVerbs(store, {
    claim: async (request) => {
      const answer = await store.claim(request);
      return dies === "before_mark" && !preciseDispatch ? new Promise<never>(() => undefined) : answer;
    },
    apply: async (change) => {
      if (change.event !== "dispatch" || dies === null) return store.apply(change);
      if (dies === "after_mark") await store.apply(change);
      return new Promise<never>(() => undefined);
    },
    renew: () => new Promise<never>(() => undefined),
  });
  const dead = testGuard([pay], { store: dying, clock });
  const next = testGuard([pay], { store, clock });
  return { dead, next, clock, paid };
}

test.each([
  ["marked: a crash before the mark has sent nothing, and it runs again", true, "before_mark", "succeeded", 1],
  ["marked: a crash after the mark is a question", true, "after_mark", "review", 0],
  ["not marked: any crash is a question", false, "before_mark", "review", 0],
] as const)("%s", async (_name, precise, dies, state, times) => {
  const { dead, next, clock, paid } = situation(precise, dies);
  void dead.guard.execute("pay", { id: "1" });
  await clock.advance(31_000);
  await next.guard.reconcile();
  await next.guard.reconcile();
  expect(await next.guard.receipts()).toMatchObject([{ state }]);
  expect(paid).toHaveLength(times);
});

test("writes one mark per attempt, and the receipt tells", async () => {
  const { next, paid } = situation(true, null);
  const { requestId } = await next.guard.execute("pay", { id: "1" });
  expect((await next.guard.log(requestId)).map(({ event }) => event)).toEqual(["claim", "dispatch", "success"]);
  expect(await next.guard.receipt(requestId)).toMatchObject({ state: "succeeded", dispatched: true });
  expect(paid).toEqual([1]);
});
