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

test("by rules, of which the first that fits counts; in batches of any size", async () => {
  let made = 0;
  const make = (name: string) =>
    defineAction({
      name,
      riskTier: "side_effecting",
      keyFields: ["id"],
      execute: (_: { id: string }) => {
        made += 1;
        return "of Ada";
      },
    });
  const { guard, clock } = testGuard([make("pay"), make("mail"), make("tax")]);
  const rules = [
    { action: "tax", after: "never" },
    { tenant: "acme", action: "mail", after: "60d" },
    { action: "mail", after: "7d" },
    { after: "30d" },
  ] as const;
  const ages: Record<string, string> = {};
  for (const [age, days] of [
    ["d90", 25],
    ["d65", 30],
    ["d35", 25],
    ["d10", 9],
    ["d1", 1],
  ] as const) {
    for (const tenant of ["acme", "globex"])
      for (const action of ["pay", "mail", "tax"] as const) {
        const { requestId } = await guard.execute(action as string, { id: age } as never, { tenant });
        ages[`${tenant} ${requestId}`] = `${tenant} ${action} ${age}`;
      }
    await clock.advance(days * DAY);
  }
  const kept = async () => {
    const left = await guard.receipts({ limit: 1_000, states: ["succeeded"] });
    return left.map(({ tenant, requestId }) => ages[`${tenant} ${requestId}`]).sort();
  };
  const seen: number[] = [];
  expect(await guard.expire({ rules, batch: 2, onProgress: (n) => seen.push(n) })).toEqual({ expired: 12 });
  expect(seen.length).toBeGreaterThan(6);
  const expected = [
    ...["d90", "d65", "d35", "d10", "d1"].flatMap((age) => [`acme tax ${age}`, `globex tax ${age}`]),
    ...["d35", "d10", "d1"].map((age) => `acme mail ${age}`),
    "globex mail d1",
    ...["d10", "d1"].flatMap((age) => [`acme pay ${age}`, `globex pay ${age}`]),
  ];
  expect(await kept()).toEqual(expected.sort());
  expect(made).toBe(30);
  expect(await guard.expire({ rules })).toEqual({ expired: 0 });
  expect(await guard.expire({ rules: [] })).toEqual({ expired: 0 });
});

test("cut off between two batches, what is done is done; and what is no size or time is refused", async () => {
  const { pay } = paying();
  const { guard, clock } = testGuard([pay]);
  for (let n = 0; n < 7; n++) await guard.execute("pay", { id: `${n}`, amount: 5 });
  await clock.advance(DAY);
  const stop = () => {
    throw new Error("stopped");
  };
  await expect(guard.expire({ olderThan: "1h", batch: 3, onProgress: stop })).rejects.toThrow("stopped");
  expect(await guard.receipts({ states: ["expired"] })).toHaveLength(3);
  expect(await guard.expire({ olderThan: "1h", batch: 3 })).toEqual({ expired: 4 });
  const invalid = { code: "invalid_option" };
  await expect(guard.expire({ olderThan: "1h", batch: 0 })).rejects.toMatchObject(invalid);
  await expect(guard.expire({ rules: [{ after: "a week" }] })).rejects.toMatchObject(invalid);
});
