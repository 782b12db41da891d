import { expect, test } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { type ActionDefinition, type ActionOptions, defineAction, type ProbeAnswer } from "../core/action.ts";

interface Order {
  readonly id: string;
}

const BY = { actor: "ada", reason: "disk lost" };

function world() {
  const done = new Set<string>();
  const pay = <Name extends string>(
    name: Name,
    more: Partial<ActionOptions<Name, Order, Order, string>> = {},
  ): ActionDefinition<Name, Order, Order, string> =>
    defineAction<Name, string, Order, Order>({
      name,
      riskTier: "side_effecting",
      keyFields: ["id"],
      retry: { base: "10m", cap: "1h", maxElapsed: "1d" },
      ...more,
      execute: async ({ id }: Order) => {
        if (id === "busy") throw Object.assign(new Error("busy"), { status: 429 });
        if (done.has(`${name} ${id}`)) throw new Error(`a second ${id}`);
        done.add(`${name} ${id}`);
        return "paid";
      },
    });
  const probe = ({ id }: Order): ProbeAnswer<string> =>
    done.has(`probed ${id}`) ? { answer: "happened", result: "paid" } : { answer: "did_not_happen" };
  return { done, plain: pay("plain"), probed: pay("probed", { probe }) };
}

test("a first call after a restore is a question: the probe answers it, or a person", async () => {
  const { done, plain, probed } = world();
  const { guard, clock } = testGuard([plain, probed]);
  const backupAt = clock.now();
  // What happened after the backup: the records are lost, the effects are not.
  done.add("plain A").add("probed A");
  await clock.advance(3_600_000);
  expect(await guard.restore({ backupAt, ...BY })).toMatchObject({ epoch: { number: 1, backupAt }, doubted: 0 });
  expect(await guard.execute("probed", { id: "A" })).toMatchObject({ status: "replayed", result: "paid" });
  expect(await guard.execute("probed", { id: "B" })).toMatchObject({ status: "executed" });
  const unsure = await guard.execute("plain", { id: "A" });
  expect(unsure).toMatchObject({ status: "in_doubt", failure: { code: "restored" } });
  await guard.reconcile();
  expect(await guard.receipt(unsure.requestId)).toMatchObject({ state: "review" });
  expect([...done].sort()).toEqual(["plain A", "probed A", "probed B"]);
});

test("what was open in the backup may have gone on since", async () => {
  const { done, plain, probed } = world();
  const { guard, clock } = testGuard([plain, probed]);
  const waiting = await guard.execute("plain", { id: "busy" }, { wait: 0 });
  const settled = await guard.execute("plain", { id: "A" });
  await clock.advance(60_000);
  expect(await guard.restore({ backupAt: clock.now() - 30_000, ...BY })).toMatchObject({ doubted: 1 });
  expect(await guard.receipt(waiting.requestId)).toMatchObject({ state: "in_doubt", mayHaveApplied: true });
  expect(await guard.receipt(settled.requestId)).toMatchObject({ state: "succeeded" });
  expect(done.size).toBe(1);
});

test("what was in doubt in the backup may have been sent again since: its probe is believed once that is settled", async () => {
  const asked: string[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    settleDelay: "10m",
    retry: { base: "1m", cap: "1m", maxElapsed: "1d" },
    probe: async (): Promise<ProbeAnswer<string>> => {
      asked.push("asked");
      return { answer: "did_not_happen" };
    },
    execute: async (_: Order): Promise<string> => {
      if (asked.length > 0) return "paid";
      throw new Error("socket hang up");
    },
  });
  const { guard, clock } = testGuard([pay]);
  const { requestId } = await guard.execute("pay", { id: "1" }, { wait: 0 });
  const doubt = await guard.receipt(requestId);
  // Since then the probe has said no, and it was sent again; of that nothing is known any more.
  await clock.advance(3_600_000);
  const order = { backupAt: clock.now() - 1_000, ...BY };
  expect(await guard.restore(order)).toMatchObject({ doubted: 1 });
  expect(await guard.reconcile(requestId)).toMatchObject({ status: "in_doubt", failure: doubt?.failure });
  await clock.advance(300_000);
  // Asked for once more, it is the same restore, and does not begin anew.
  expect(await guard.restore(order)).toMatchObject({ epoch: { number: 1 }, doubted: 0 });
  await clock.advance(300_001);
  await guard.reconcile();
  await clock.advance(60_000); // it is retried
  await guard.reconcile();
  expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded", attemptNumber: 2 });
});

test("ends when a person says so, or when its time is over", async () => {
  const { plain } = world();
  const { guard, clock } = testGuard([plain]);
  await clock.advance(1_000);
  await guard.restore({ backupAt: clock.now() - 500, ...BY });
  expect(await guard.execute("plain", { id: "1" })).toMatchObject({ status: "in_doubt" });
  expect(await guard.endRestore(BY)).toMatchObject({ number: 1 });
  expect(await guard.execute("plain", { id: "2" })).toMatchObject({ status: "executed" });
  await guard.restore({ backupAt: clock.now() - 500, lasts: "2h", ...BY });
  expect(await guard.execute("plain", { id: "3" })).toMatchObject({ status: "in_doubt" });
  await clock.advance(7_200_001);
  expect(await guard.execute("plain", { id: "4" })).toMatchObject({ status: "executed" });
  expect(await guard.endRestore(BY)).toBeNull();
});

test("needs a time in the past and a reason", async () => {
  const { guard, clock } = testGuard([]);
  await expect(guard.restore({ backupAt: clock.now() + 1_000, ...BY })).rejects.toMatchObject({
    code: "invalid_option",
  });
  await expect(guard.restore({ backupAt: Number.NaN, ...BY })).rejects.toMatchObject({ code: "invalid_option" });
  await expect(guard.restore({ backupAt: 0, actor: "ada", reason: " " })).rejects.toMatchObject({
    code: "missing_reason",
  });
});
