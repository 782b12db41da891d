import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testGuard, withVerbs } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

const AWAY = new OnceguardError("store_unavailable", "away", { applied: "no" });

function situation() {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  let away = false;
  const guarded = withVerbs(store, {
    apply: async (change) => {
      if (away) throw AWAY;
      return store.apply(change);
    },
    find: async (tenant, id) => {
      if (away) throw AWAY;
      return store.find(tenant, id);
    },
  });
  let paid = 0;
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["id"],
    execute: async (_order: { id: string }) => {
      away = true;
      paid += 1;
      return { charge: "ch_1" };
    },
  });
  const spill = join(mkdtempSync(join(tmpdir(), "onceguard-spill-")), "kept");
  const made = testGuard([pay], { store: guarded, clock, spill });
  return {
    ...made,
    spill,
    back: () => {
      away = false;
    },
    paid: () => paid,
    real: store,
    pay,
  };
}

test("the store is away after the effect: the outcome is kept on disk, told in doubt, and recorded at the next start", async () => {
  const { guard, settle, spill, back, paid, real, clock, pay } = situation();
  const outcome = await settle(guard.execute("pay", { id: "1" }));
  expect(outcome).toMatchObject({ status: "in_doubt", result: { charge: "ch_1" } });
  const [file = ""] = readdirSync(spill);
  expect(JSON.parse(readFileSync(join(spill, file), "utf8"))).toMatchObject({
    store: expect.stringMatching(/^[0-9a-f]{64}$/),
    of: { requestId: outcome.requestId, fencingToken: 1 },
    success: { result: { json: '{"charge":"ch_1"}' } },
  });
  back();
  const next = testGuard([pay], { store: real, clock, spill });
  await next.guard.receipts();
  await clock.advance(60_000);
  await next.guard.reconcile();
  expect(await next.guard.execute("pay", { id: "1" })).toMatchObject({
    status: "replayed",
    result: { charge: "ch_1" },
  });
  expect(readdirSync(spill)).toEqual([]);
  expect(paid()).toBe(1);
});

test("a file that was cut off, or is another store's, is left alone", async () => {
  const { guard, settle, spill, back } = situation();
  await settle(guard.execute("pay", { id: "1" }));
  writeFileSync(join(spill, "torn.json"), '{"store":"mem');
  writeFileSync(join(spill, "other.json"), JSON.stringify({ store: "sqlite:elsewhere", of: {}, success: null }));
  back();
  await guard.reconcile();
  expect(readdirSync(spill).sort()).toEqual(["other.json", "torn.json"]);
});

test("no folder is made where nothing has to be kept", async () => {
  const { guard, spill } = situation();
  await guard.reconcile();
  expect(existsSync(spill)).toBe(false);
});
