import { afterEach, describe, expect, it } from "vitest";
import type { Held } from "../core/outcome.ts";
import { createGuard } from "../pipeline/create-guard.ts";
import type { Guard } from "../pipeline/guard.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { guardedTool } from "./guarded-tool.ts";
import { decideFromHost, isOpen, waitsForApproval } from "./host-approval.ts";

const guards: Guard[] = [];
afterEach(async () => {
  for (const guard of guards.splice(0)) await guard.close();
});

const YES = { approve: true, reason: "looks right" };
const NO = { approve: false, reason: "too much" };

async function heldRequest() {
  const guard = createGuard({
    store: memoryStore(),
    sweepEvery: false,
    grace: 0,
    rules: [{ verdict: "review", reason: "a person has to see it" }],
  });
  guards.push(guard);
  const tool = guardedTool<{ order: string }, string, null>(
    guard,
    { name: "pay", execute: () => "paid" },
    { keyFields: ["order"] },
  );
  const run = () => tool.run({ order: "A1" }, null, { tenant: "shop", actor: "agent" });
  const held = (await run()) as Held;
  return { guard, held, status: async () => (await run()).status };
}

describe("what somebody decided in a host", () => {
  it("counts where the program says whose it is", async () => {
    const { guard, held, status } = await heldRequest();
    expect([isOpen(held), waitsForApproval(held)]).toEqual([true, true]);
    for (const nobody of [undefined, () => null]) {
      expect(await decideFromHost(guard, held, nobody, null, YES)).toBe(false);
      expect(await status()).toBe("held");
    }
    expect(await decideFromHost(guard, held, async () => "ana", null, YES)).toBe(true);
    expect(await status()).toBe("executed");
    const receipt = await guard.receipt(held.requestId, { tenant: "shop" });
    expect(receipt?.hold?.approval).toMatchObject({ actor: "ana", reason: "looks right" });
  });

  it("may be a no", async () => {
    const { guard, held, status } = await heldRequest();
    expect(await decideFromHost(guard, held, "ana", null, NO)).toBe(true);
    expect(await status()).toBe("denied");
  });

  it("is no consent of who asked for it", async () => {
    const { guard, held, status } = await heldRequest();
    expect(await decideFromHost(guard, held, "agent", null, YES)).toBe(false);
    expect(await status()).toBe("held");
  });

  it("changes nothing that was decided in between", async () => {
    const { guard, held, status } = await heldRequest();
    await guard.deny(held.requestId, { actor: "ben", reason: "no", tenant: "shop" });
    expect(await decideFromHost(guard, held, "ana", null, YES)).toBe(true);
    expect(await status()).toBe("denied");
  });
});
