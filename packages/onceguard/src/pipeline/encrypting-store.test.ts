import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { testGuard, withVerbs } from "../../test/support/guard.ts";
import { MemoryKeys } from "../../test/support/memory-keys.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";
import type { Store } from "../core/ports.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { sqliteStore } from "../stores/sqlite/sqlite-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

// What the store has of a request with private fields, and what the guard answers. Over real disks: test/privacy.

interface Payment {
  readonly ref: string;
  readonly iban: string;
}
type Options = Partial<ActionOptions<"pay", Payment, Payment, unknown>>;

const SECRET = "DE02-SECRET";
const PAYMENT = { iban: SECRET, ref: "1" };
const BY = { actor: "ada", reason: "the bank says so" };

/** One store, and guards of several processes over it. */
function bank(inner?: (clock: () => number) => Store) {
  const clock = fakeClock();
  const store = inner?.(clock.now) ?? memoryStore({ clock: clock.now });
  const keys = new MemoryKeys();
  const pay = (more: Options = {}) =>
    defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["ref"],
      record: ({ ref }: Payment) => `invoice:${ref}`,
      before: ({ iban }: Payment) => ({ iban, paid: false }),
      after: ({ iban }: Payment) => ({ iban, paid: true }),
      privacy: { encrypt: ["iban"], subject: () => "anna" },
      execute: ({ iban }: Payment) => ({ iban, id: "p1" }),
      ...more,
    });
  const process = (more: Options = {}, over: Store = store) => testGuard([pay(more)], { clock, store: over, keys });
  const raw = async (requestId: string) => ({
    receipt: await store.find("default", requestId),
    lines: await store.log("default", requestId),
  });
  return { clock, store, keys, pay, process, raw };
}

const lost = (): never => {
  throw new Error("socket hang up");
};

describe("the log", () => {
  test("has the record's states encrypted, and a correction sees them as they were read", async () => {
    const { process, raw } = bank();
    const { guard } = process();
    const { requestId } = await guard.execute("pay", PAYMENT);
    const { lines } = await raw(requestId);
    const mark = '{"iban":{"$encrypted":';
    expect(lines).toMatchObject([
      { event: "claim", before: null, after: null },
      { event: "before", before: expect.stringContaining(mark), after: null },
      { event: "success", before: null, after: expect.stringContaining(mark) },
    ]);
    expect(JSON.stringify(lines)).not.toContain(SECRET);
    // For people it is what is written.
    expect(await guard.log(requestId)).toEqual(lines);
    expect((await guard.blastRadius({})).rows).toMatchObject([
      { before: { iban: SECRET, paid: false }, after: { iban: SECRET, paid: true } },
    ]);
  });

  test("stays as it is written where the key is gone; of the receipt only what became of it is left", async () => {
    const { process, raw, keys } = bank();
    const { guard } = process();
    const { requestId } = await guard.execute("pay", PAYMENT, { expected: { iban: SECRET } });
    await keys.destroy("default", "anna");
    const other = process().guard;
    const { lines, receipt } = await raw(requestId);
    expect(receipt?.expected).toMatchObject({ iban: { $encrypted: expect.any(String) } });
    expect((await other.blastRadius({})).rows).toMatchObject([
      { before: JSON.parse(lines[1]?.before ?? ""), after: JSON.parse(lines[2]?.after ?? "") },
    ]);
    expect(await other.receipt(requestId)).toMatchObject({
      ...{ state: "succeeded", payload: null, expected: null, result: { omitted: "erased" } },
    });
  });

  test("of an action without private fields is written as it is", async () => {
    const { process, raw } = bank();
    const plain = process({ privacy: undefined as never });
    const { requestId } = await plain.guard.execute("pay", PAYMENT, { expected: { paid: false } });
    const { receipt, lines } = await raw(requestId);
    expect(receipt).toMatchObject({ keyId: null, payload: JSON.stringify(PAYMENT), expected: { paid: false } });
    expect(lines[1]).toMatchObject({ before: JSON.stringify({ iban: SECRET, paid: false }) });
    expect(await plain.guard.receipt(requestId)).toEqual(await raw(requestId).then((found) => found.receipt));
    expect((await plain.guard.blastRadius({})).rows).toMatchObject([{ before: { iban: SECRET, paid: false } }]);
  });
});

describe("what is written about a private request", () => {
  test("is encrypted whole by a process that does not know what is private in it", async () => {
    const { process, raw, clock, store, keys } = bank();
    const { requestId } = await process({ execute: lost }).guard.execute("pay", PAYMENT);
    const elsewhere = testGuard([], { clock, store, keys });
    await elsewhere.guard.resolve(requestId, { ...BY, decision: "happened", result: { iban: SECRET } });
    const { receipt } = await raw(requestId);
    expect(receipt?.result).toEqual({ json: expect.stringMatching(/^\{"\$encrypted":"[^"]+"\}$/) });
    expect(await process().guard.execute("pay", PAYMENT)).toMatchObject({
      ...{ status: "replayed", result: { iban: SECRET } },
    });
  });

  test("is nothing at all once its key is destroyed", async () => {
    const { process, raw, keys } = bank();
    const made = process({
      execute: async () => {
        await keys.destroy("default", "anna");
        return { iban: SECRET };
      },
    });
    const { requestId } = await made.guard.execute("pay", PAYMENT);
    const other = process().guard;
    await made.guard.close();
    expect(await other.receipt(requestId)).toMatchObject({ state: "succeeded" });
    expect(JSON.stringify(await raw(requestId))).not.toContain(SECRET);
  });

  test("about one whose key has gone before its answer came says that it is erased", async () => {
    const { process, raw, keys } = bank();
    const { requestId } = await process({ execute: lost }).guard.execute("pay", PAYMENT);
    await keys.destroy("default", "anna");
    const other = process().guard;
    await other.resolve(requestId, { ...BY, decision: "happened", result: { iban: SECRET } });
    const { receipt } = await raw(requestId);
    expect(receipt).toMatchObject({ state: "succeeded", result: { json: '"[erased]"' } });
  });
});

describe("what the store answers", () => {
  test("is open also where another request is answered with it", async () => {
    const { process } = bank();
    const { guard } = process({ key: undefined as never, keyFields: ["ref", "iban"], dedupWindow: "1h" });
    await guard.execute("pay", PAYMENT);
    expect(await guard.execute("pay", { ...PAYMENT, iban: "AT61" })).toMatchObject({
      ...{
        status: "skipped",
        receipt: { payload: JSON.stringify(PAYMENT), result: { json: `{"iban":"${SECRET}","id":"p1"}` } },
      },
    });
  });

  test("about a claim that it did not make is passed on as it is", async () => {
    const { process } = bank();
    const { guard } = process();
    await guard.halt("action", "pay", BY);
    expect(await guard.execute("pay", PAYMENT)).toMatchObject({ status: "halted", receipt: null });
    expect(await guard.receipts()).toEqual([]);
  });

  test("about a change that somebody else was faster with is open, too", async () => {
    const { process, store } = bank();
    let others = 0;
    const contended = withVerbs(store, {
      apply: async (change) => {
        const { tenant, requestId } = change.from;
        if (change.event !== "resolve" || others++ > 0) return store.apply(change);
        return { kind: "stale", receipt: await store.find(tenant, requestId) } as never;
      },
    });
    const { guard } = process({ execute: lost }, contended);
    const { requestId } = await guard.execute("pay", PAYMENT);
    const decided = guard.resolve(requestId, { ...BY, decision: "happened" }).catch((error: unknown) => error);
    const answer = JSON.stringify(await decided);
    expect(answer).not.toContain("$encrypted");
    expect(others).toBeGreaterThan(0);
  });

  test("is nothing where there is no such request", async () => {
    const { process } = bank();
    expect(await process().guard.receipt("nobody")).toBeNull();
  });
});

test("the caller's own transaction takes in what is encrypted, and nothing else", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "onceguard-join-")), "app.db");
  const { process, raw } = bank((clock) => sqliteStore({ path, clock }));
  const { guard, settle } = process();
  await guard.receipts();
  const db = new DatabaseSync(path);
  db.exec("BEGIN IMMEDIATE");
  const { requestId } = await guard.enqueue("pay", PAYMENT, { tx: db });
  db.exec("COMMIT");
  const { receipt } = await raw(requestId);
  expect(receipt?.payload).toContain("$encrypted");
  await settle(guard.reconcile());
  expect(await guard.execute("pay", PAYMENT)).toMatchObject({ status: "replayed", result: { iban: SECRET } });
  await guard.close();
  db.close();
});

test("a store that shares no transaction does not seem to", async () => {
  const { process, store } = bank();
  expect(store.join).toBeUndefined();
  await expect(process().guard.enqueue("pay", PAYMENT, { tx: {} })).rejects.toMatchObject({
    code: "transaction_unsupported",
  });
});
