import { expect, test } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";

const DAY = 86_400_000;

function paying() {
  let paid = 0;
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    execute: async ({ id }: { id: string; amount: number }) => {
      if (id === "declined") throw Object.assign(new Error("card of Ada declined"), { status: 402 });
      if (id === "lost") throw new Error("socket hang up");
      paid += 1;
      return { receipt: "for Ada" };
    },
  });
  return { pay, paid: () => paid };
}

test("forgets payload and result of what is settled and old, and never executes it again", async () => {
  const { pay, paid } = paying();
  const { guard, clock } = testGuard([pay]);
  const { requestId } = await guard.execute("pay", { id: "1", amount: 5 });
  const declined = await guard.execute("pay", { id: "declined", amount: 5 });
  const lost = await guard.execute("pay", { id: "lost", amount: 5 });
  await clock.advance(90 * DAY);
  const young = await guard.execute("pay", { id: "2", amount: 5 });
  const seen: number[] = [];
  expect(await guard.expire({ olderThan: "30d", onProgress: (n) => seen.push(n) })).toEqual({ expired: 2 });
  expect(seen).toEqual([2]);
  expect(await guard.receipt(requestId)).toMatchObject({
    state: "expired",
    payload: null,
    result: { omitted: "retention" },
    reason: "succeeded",
    fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(JSON.stringify(await guard.receipt(declined.requestId))).not.toContain("Ada");
  expect(await guard.receipt(young.requestId)).toMatchObject({ state: "succeeded" });
  expect(await guard.receipt(lost.requestId)).toMatchObject({ state: "in_doubt" });
  expect(await guard.execute("pay", { id: "1", amount: 5 })).toMatchObject({
    status: "expired",
    reason: expect.stringContaining("succeeded"),
  });
  expect(await guard.execute("pay", { id: "1", amount: 6 })).toMatchObject({ status: "mismatch" });
  expect(paid()).toBe(2);
  expect(await guard.expire({ olderThan: "30d" })).toEqual({ expired: 0 });
});
