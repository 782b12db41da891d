import { expect, it } from "vitest";
import type { CommandEntry } from "../config.ts";
import { createGuard } from "../pipeline/create-guard.ts";
import type { Guard } from "../pipeline/guard.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { commandAction } from "./command-action.ts";

const ENTRY: CommandEntry = {
  kind: "command",
  name: "pay",
  riskTier: "side_effecting",
  keyFields: ["id"],
  record: "order:{id}",
  amount: "total.cents",
  command: ["true", "{id}"],
};

it("takes over what an entry says of the action", () => {
  const action = commandAction(
    {
      ...ENTRY,
      version: "7",
      serialize: true,
      dedupWindow: { window: "24h", limit: 2, behaviour: "hold" },
      downstreamKey: { provider: "stripe", margin: "2h" },
    },
    ".",
  );
  expect(action).toMatchObject({
    version: "7",
    serialize: true,
    dedup: { windowMs: 86_400_000, limit: 2, behaviour: "hold" },
    downstreamKey: { lifetimeMs: 86_400_000, marginMs: 7_200_000, provider: "stripe", repeatsErrors: true },
  });
  expect(action.record?.({ id: "A1" })).toBe("order:A1");
  expect(commandAction({ ...ENTRY, downstreamKey: { lifetime: "1h" } }, ".").downstreamKey).toMatchObject({
    lifetimeMs: 3_600_000,
    provider: null,
  });
});

it("counts the amount in the payload, and refuses a payload without one", async () => {
  const guard: Guard = createGuard({
    store: memoryStore(),
    actions: [commandAction(ENTRY, ".")],
    budgets: { amounts: [{ limit: 700, window: "1h" }] },
    sweepEvery: false,
  }) as unknown as Guard;
  const pay = (id: string, total: unknown) => guard.execute("pay" as string, { id, total }, { runId: "job-7" });
  const paid = await pay("A1", { cents: 500 });
  expect(paid).toMatchObject({ status: "executed", receipt: { amount: 500 } });
  for (const total of [undefined, {}, { cents: "500" }, { cents: -1 }]) {
    await expect(pay("A2", total === undefined ? null : total)).rejects.toMatchObject({ code: "payload_invalid" });
  }
  expect(await pay("A3", { cents: 201 })).toMatchObject({ status: "halted", halt: { scope: "tenant" } });
  await guard.close();
});
