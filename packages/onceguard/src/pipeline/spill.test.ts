import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type TestOptions, testGuard, withVerbs } from "../../test/support/guard.ts";
import { MemoryKeys } from "../../test/support/memory-keys.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

const AWAY = new OnceguardError("store_unavailable", "away", { applied: "no" });

interface Order {
  readonly id: string;
}

function situation(
  more: Partial<ActionOptions<"pay", Order, Order, unknown>> = {},
  options: TestOptions = {},
  spill = join(mkdtempSync(join(tmpdir(), "onceguard-spill-")), "kept"),
) {
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
    ...more,
    execute: async (order: Order, context) => {
      away = true;
      paid += 1;
      return more.execute ? more.execute(order, context) : { charge: "ch_1" };
    },
  });
  const reported: unknown[] = [];
  const all = { ...options, clock, spill, onBackgroundError: (error: unknown) => reported.push(error) };
  const made = testGuard([pay], { ...all, store: guarded });
  /** Another process, later, by when the store is back. */
  const next = async () => {
    away = false;
    const other = testGuard([pay], { ...all, store });
    await other.guard.receipts();
    await clock.advance(60_000);
    await other.guard.reconcile();
    return other.guard;
  };
  return {
    ...made,
    spill,
    reported,
    next,
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
  const { guard, settle, spill, back, reported } = situation();
  await settle(guard.execute("pay", { id: "1" }));
  writeFileSync(join(spill, "torn.json"), '{"store":"mem');
  writeFileSync(join(spill, "other.json"), JSON.stringify({ store: "sqlite:elsewhere", of: {}, success: null }));
  back();
  await guard.reconcile();
  expect(readdirSync(spill).sort()).toEqual(["other.json", "torn.json"]);
  expect(reported).toEqual([]);
});

test("what the store does not know is kept until it does: an older backup was restored", async () => {
  const { guard, settle, spill, back, real, clock, pay } = situation();
  const { requestId } = await settle(guard.execute("pay", { id: "1" }));
  back();
  const restored = testGuard([pay], { store: withVerbs(real, { find: async () => null }), clock, spill });
  await restored.guard.reconcile();
  expect(readdirSync(spill)).toHaveLength(1);
  const next = testGuard([pay], { store: real, clock, spill });
  await next.guard.reconcile();
  expect(readdirSync(spill)).toEqual([]);
  await clock.advance(60_000);
  await next.guard.reconcile();
  expect(await next.guard.receipt(requestId)).toMatchObject({
    state: "succeeded",
    result: { json: '{"charge":"ch_1"}' },
  });
});

test("the folder may lie in folders that are not there yet", async () => {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-spill-"));
  const { guard, settle, spill, reported } = situation({}, {}, join(folder, "a", "b", "c"));
  await settle(guard.execute("pay", { id: "1" }));
  expect([readdirSync(spill).length, reported]).toEqual([1, []]);
});

test("no folder is made where nothing has to be kept", async () => {
  const { guard, spill } = situation();
  await guard.reconcile();
  expect(existsSync(spill)).toBe(false);
});

describe("what is private in an outcome", () => {
  const PRIVATE = { privacy: { encrypt: ["iban"], subject: () => "anna" } };
  const result = { charge: "ch_1", iban: "DE02-SECRET" };
  const contents = (spill: string) => readdirSync(spill).map((file) => readFileSync(join(spill, file), "utf8"));

  test("is encrypted on the disk, the rest is readable, and it is recorded as it was", async () => {
    const made = situation({ ...PRIVATE, execute: () => result }, { keys: new MemoryKeys() });
    await made.settle(made.guard.execute("pay", { id: "1" }));
    const [text = ""] = contents(made.spill);
    expect([text.includes("ch_1"), text.includes("SECRET")]).toEqual([true, false]);
    const guard = await made.next();
    expect(await guard.execute("pay", { id: "1" })).toMatchObject({ status: "replayed", result });
  });

  test("is not kept where its key cannot be had", async () => {
    const keys = new MemoryKeys();
    const made = situation(
      {
        ...PRIVATE,
        timeout: "10m",
        execute: async () => {
          keys.away = true;
          // By when the guard asks for the key again.
          await made.clock.sleep(61_000);
          return result;
        },
      },
      { keys, lease: "1h" },
    );
    expect(await made.settle(made.guard.execute("pay", { id: "1" }, { wait: "1h" }))).toMatchObject({ result });
    expect(JSON.parse(contents(made.spill)[0] ?? "")).toMatchObject({
      success: { result: { omitted: "key_unavailable" } },
    });
    expect(made.reported).toContainEqual(expect.objectContaining({ code: "key_unavailable" }));
  });

  test("is erased where its key is destroyed before it is recorded", async () => {
    const keys = new MemoryKeys();
    const made = situation({ ...PRIVATE, execute: () => result }, { keys });
    const { requestId } = await made.settle(made.guard.execute("pay", { id: "1" }));
    await keys.destroy("default", "anna");
    const guard = await made.next();
    const settled = { state: "succeeded", evidence: "late", result: { omitted: "erased" } };
    expect(await guard.receipt(requestId)).toMatchObject(settled);
    expect(readdirSync(made.spill)).toEqual([]);
    expect(JSON.stringify(await made.real.find("default", requestId))).not.toContain("ch_1");
  });

  test("or nothing at all, which is recorded as such", async () => {
    const made = situation({ ...PRIVATE, execute: () => undefined }, { keys: new MemoryKeys() });
    const { requestId } = await made.settle(made.guard.execute("pay", { id: "1" }));
    const guard = await made.next();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "succeeded", result: null });
    expect(made.reported).toEqual([]);
  });
});
