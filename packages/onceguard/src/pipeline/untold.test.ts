import { expect, it, vi } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";

// A guard that tells nobody anything runs none of the code that tells: each of these throws.
const { never } = vi.hoisted(() => ({
  never: (): never => {
    throw new Error("nobody is told");
  },
}));
vi.mock("./harmless.ts", () => ({ harmless: never }));
vi.mock("./watched-store.ts", () => ({ watchedStore: never }));
vi.mock(import("./watch.ts"), async (original) => {
  const { watchIfTold } = await original();
  return {
    watchIfTold,
    watchCall: never,
    watchCarryOn: never,
    endingOfFailure: never,
    endingOfOutcome: never,
  } as never;
});

it("without telemetry nothing of it is used, and the store is asked itself", async () => {
  let attempts = 0;
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["orderId"],
    probe: async () => ({ answer: "happened", result: null }),
    execute: async ({ orderId }: { orderId: string }) => {
      attempts += 1;
      if (orderId === "lost") throw new Error("socket hang up");
      if (attempts === 1) throw Object.assign(new Error("HTTP 429"), { status: 429 });
    },
  });
  const read = defineAction({ name: "read", riskTier: "safe", execute: async () => 1 });
  const { guard, settle, store } = testGuard([pay, read]);
  const claim = vi.spyOn(store, "claim");
  const lists = vi.spyOn(store, "list");
  expect(await settle(guard.execute("pay", { orderId: "A1" }))).toMatchObject({ status: "executed" });
  expect(await settle(guard.execute("pay", { orderId: "A1" }))).toMatchObject({ status: "replayed" });
  expect(await settle(guard.execute("pay", { orderId: "lost" }))).toMatchObject({ status: "executed" });
  expect(await settle(guard.execute("read", {}))).toMatchObject({ status: "executed" });
  expect(await settle(guard.enqueue("pay", { orderId: "A2" }))).toMatchObject({ status: "retry_later" });
  await settle(guard.reconcile());
  expect((await guard.receipts()).map(({ state }) => state)).toEqual(["succeeded", "succeeded", "succeeded"]);
  expect(claim.mock.contexts.every((context) => context === store)).toBe(true);
  // The list above, and no look at what is open.
  expect(lists).toHaveBeenCalledTimes(1);
});
