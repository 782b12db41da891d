import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test, vi } from "vitest";
import { type TestOptions, testGuard, withVerbs } from "../../test/support/guard.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { sqliteStore } from "../stores/sqlite/sqlite-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

// Effects in the store's own database, in virtual time. The same on both databases, with real crashes: test/transaction.

interface Order {
  readonly id: string;
}
type Options = Partial<ActionOptions<"post", Order, Order, unknown>>;

/** How often an effect happened is what its own table says. */
function ledger(
  more: Options = {},
  behave: (n: number, tx: DatabaseSync) => unknown = (n) => `posted ${n}`,
  verbs: (store: Store) => Partial<Store> = () => ({}),
  options: TestOptions = {},
) {
  const path = join(mkdtempSync(join(tmpdir(), "onceguard-transact-")), "app.db");
  const reader = new DatabaseSync(path);
  reader.exec("CREATE TABLE effect (id TEXT)");
  const clock = fakeClock();
  const real = sqliteStore({ path, clock: clock.now });
  const store = withVerbs(real, verbs(real));
  const seen: unknown[] = [];
  const post = defineAction({
    name: "post",
    riskTier: "side_effecting",
    keyFields: ["id"],
    transaction: true,
    timeout: "5s",
    retry: { base: "1m", cap: "1m", maxAttempts: 3 },
    ...more,
    execute: async ({ id }: Order, context) => {
      seen.push(context.tx);
      const tx = context.tx as DatabaseSync;
      tx.prepare("INSERT INTO effect (id) VALUES (?)").run(id);
      return behave(seen.length, tx);
    },
  });
  const made = testGuard([post], { store, clock, ...options });
  const effects = () => (reader.prepare("SELECT id FROM effect").all() as unknown as Order[]).map(({ id }) => id);
  return { ...made, post, path, real, effects, seen };
}

const http = (status: number) => {
  throw Object.assign(new Error(`HTTP ${status}`), { status });
};
const events = async ({ guard }: ReturnType<typeof ledger>, requestId: string) =>
  (await guard.log(requestId)).map(({ event }) => event);

describe("an effect in the store's own transaction", () => {
  test("is one commit with its claim and its receipt, and is replayed", async () => {
    const here = ledger();
    const first = await here.guard.execute("post", { id: "1" });
    expect(first).toMatchObject({ status: "executed", result: "posted 1", receipt: { capability: "transaction" } });
    expect(await here.guard.execute("post", { id: "1" })).toMatchObject({ status: "replayed", result: "posted 1" });
    expect(await events(here, first.requestId)).toEqual(["claim", "success", "replayed"]);
    expect(here.effects()).toEqual(["1"]);
  });

  test("that fails is undone with all it wrote, so the failure is certain, whatever it was", async () => {
    const here = ledger({}, () => {
      throw new Error("socket hang up");
    });
    const outcome = await here.guard.execute("post", { id: "1" }, { wait: 0 });
    expect(outcome.receipt).toMatchObject({ mayHaveApplied: false, failure: { certainty: "definite" } });
    expect(here.effects()).toEqual([]);
    expect((await events(here, outcome.requestId))[0]).toBe("claim");
  });

  test("that fails for a moment is made by a later attempt, in a transaction of its own", async () => {
    const here = ledger({}, (n) => (n === 1 ? http(429) : `posted ${n}`));
    const { requestId } = await here.guard.execute("post", { id: "1" }, { wait: 0 });
    expect(here.effects()).toEqual([]);
    await here.clock.advance(60_000);
    await here.guard.reconcile();
    expect(await here.guard.receipt(requestId)).toMatchObject({
      state: "succeeded",
      attemptNumber: 2,
      fencingToken: 2,
    });
    expect(await events(here, requestId)).toEqual(["claim", "definite_failure", "retry", "success"]);
    expect(here.effects()).toEqual(["1"]);
  });

  test("that an action reaches outside for since, is marked: a crash is no proof any more", async () => {
    const { guard, post, real, clock } = ledger({}, () => http(503));
    expect(await guard.execute("post", { id: "1" }, { wait: 0 })).toMatchObject({ status: "retry_later" });
    let sent = 0;
    const outside = { ...post, transaction: false, execute: () => new Promise(() => void sent++) };
    await clock.advance(60_000);
    void testGuard([outside], { store: real }).guard.reconcile(); // its time stands still: it dies in the effect
    await vi.waitFor(() => expect(sent).toBe(1));
    await clock.advance(300_000);
    const last = testGuard([outside], { store: real, clock });
    await last.guard.reconcile();
    expect(await last.guard.receipts()).toMatchObject([{ state: "review", mayHaveApplied: true }]);
    expect(sent).toBe(1);
  });

  test("that fails again is a failure of that attempt", async () => {
    const here = ledger({ retry: { base: "1m", cap: "1m", maxAttempts: 2 } }, () => http(429));
    const { requestId } = await here.guard.execute("post", { id: "1" }, { wait: 0 });
    await here.clock.advance(60_000);
    await here.guard.reconcile();
    expect(await here.guard.receipt(requestId)).toMatchObject({
      state: "review",
      reason: "retries_exhausted",
      attemptNumber: 2,
    });
    expect(here.effects()).toEqual([]);
  });

  test("that takes longer than it may is undone, told to stop, and writes nothing afterwards", async () => {
    let late: unknown;
    const gate = Promise.withResolvers<void>();
    const here = ledger({ timeout: "1s" }, async (_n, tx) => {
      await gate.promise;
      try {
        tx.exec("INSERT INTO effect VALUES ('late')");
      } catch (error) {
        late = error;
      }
    });
    const call = here.guard.execute("post", { id: "1" }, { wait: 0 });
    await here.clock.advance(0);
    await here.clock.advance(1_000);
    const outcome = await here.settle(call);
    expect(outcome).toMatchObject({
      status: "retry_later",
      receipt: { failure: { code: "timeout", certainty: "definite" } },
    });
    gate.resolve();
    await here.clock.advance(0);
    expect(late).toMatchObject({ message: expect.stringContaining("The transaction is over") });
    expect(here.effects()).toEqual([]);
  });

  test("reads its record before and after in the same transaction", async () => {
    const count = (_: Order, { tx }: { tx?: unknown }) =>
      (tx as DatabaseSync).prepare("SELECT count(*) AS n FROM effect").get();
    const here = ledger({ before: count, after: count });
    const { requestId } = await here.guard.execute("post", { id: "1" });
    expect((await here.guard.log(requestId)).at(-1)).toMatchObject({
      event: "success",
      before: '{"n":0}',
      after: '{"n":1}',
    });
  });

  test("of which the record is not as expected is not made: a conflict", async () => {
    const here = ledger({ before: () => ({ state: "closed" }), expect: () => "the order is closed" });
    expect(await here.guard.execute("post", { id: "1" })).toMatchObject({
      ...{
        status: "review",
        route: "domain_expert",
        failure: { code: "unexpected_state", message: "the order is closed" },
      },
    });
    expect([here.effects(), here.seen]).toEqual([[], []]);
  });

  test("leaves out a state that cannot be kept", async () => {
    const here = ledger({ before: () => "x".repeat(99) }, undefined, undefined, { maxResultBytes: 50 });
    const { requestId, status } = await here.guard.execute("post", { id: "1" });
    expect(status).toBe("executed");
    expect((await here.guard.log(requestId)).at(-1)).toMatchObject({ event: "success", before: null });
  });

  test("waits for a person like any other, and is then made in one", async () => {
    const here = ledger({}, undefined, undefined, { rules: [{ action: "post", verdict: "review", reason: "look" }] });
    const { requestId } = await here.guard.execute("post", { id: "1" });
    expect(await here.guard.receipt(requestId)).toMatchObject({ state: "held" });
    await here.guard.approve(requestId, { actor: "ada", reason: "fine" });
    await here.guard.reconcile();
    expect(await here.guard.receipt(requestId)).toMatchObject({ state: "succeeded" });
    expect([here.effects(), here.seen.every((tx) => tx !== undefined)]).toEqual([["1"], true]);
  });

  test("that was taken away meanwhile is undone: its new owner makes it", async () => {
    const here: ReturnType<typeof ledger> = ledger(
      {},
      (n) => (n === 1 ? http(429) : `posted ${n}`),
      (store) => ({
        transact: async (work) =>
          (store.transact as NonNullable<Store["transact"]>)(async (transaction) =>
            work({
              ...transaction,
              handle: transaction.handle,
              claim: (request) => transaction.claim(request),
              apply: async (change) => ({ kind: "stale", receipt: change.from }),
            }),
          ),
      }),
    );
    const { requestId } = await here.guard.execute("post", { id: "1" }, { wait: 0 });
    await here.clock.advance(60_000);
    await here.guard.reconcile();
    expect(here.effects()).toEqual([]);
    expect(await here.guard.receipt(requestId)).toMatchObject({ state: "running", attemptNumber: 2 });
  });
});

describe("a commit without an answer", () => {
  const away = () => new OnceguardError("store_unavailable", "away", { applied: "unknown" });
  const mute =
    (commits: boolean) =>
    (store: Store): Partial<Store> => ({
      transact: async (work) => {
        if (commits) await (store.transact as NonNullable<Store["transact"]>)(work);
        throw away();
      },
    });

  test("is found in the store, as one fact", async () => {
    const here = ledger({}, undefined, mute(true));
    expect(await here.guard.execute("post", { id: "1" })).toMatchObject({ status: "replayed", result: "posted 1" });
    expect(here.effects()).toEqual(["1"]);
  });

  test("or nothing is: unavailable, and nothing was made", async () => {
    const here = ledger({}, undefined, mute(false));
    expect(await here.guard.execute("post", { id: "1" })).toMatchObject({ status: "unavailable", dispatched: false });
    expect(here.effects()).toEqual([]);
  });

  test("of a store with another trouble is thrown", async () => {
    const here = ledger({}, undefined, () => ({
      transact: () => Promise.reject(new OnceguardError("store_unusable", "damaged")),
    }));
    await expect(here.guard.execute("post", { id: "1" })).rejects.toMatchObject({ code: "store_unusable" });
  });
});

describe("the caller's own transaction", () => {
  const joining = (behave?: Parameters<typeof ledger>[1]) => {
    const here = ledger({}, behave);
    return { ...here, db: new DatabaseSync(here.path) };
  };

  test("takes the effect in, and its commit or rollback is the effect's", async () => {
    const { guard, db, effects, seen } = joining();
    await guard.receipts();
    db.exec("BEGIN IMMEDIATE");
    expect(await guard.execute("post", { id: "1" }, { tx: db })).toMatchObject({ status: "executed" });
    db.exec("ROLLBACK");
    expect([effects(), await guard.receipts()]).toEqual([[], []]);
    db.exec("BEGIN IMMEDIATE");
    await guard.execute("post", { id: "1" }, { tx: db });
    db.exec("COMMIT");
    expect(effects()).toEqual(["1"]);
    expect(await guard.execute("post", { id: "1" })).toMatchObject({ status: "replayed" });
    // The caller's own handle is the caller's: nobody takes it back.
    expect(seen).toEqual([db, db]);
  });

  test("is not to be committed when the effect has failed in it: that is thrown, and nothing recorded", async () => {
    const { guard, db } = joining(() => http(402));
    await guard.receipts();
    db.exec("BEGIN IMMEDIATE");
    await expect(guard.execute("post", { id: "1" }, { tx: db })).rejects.toMatchObject({
      ...{ code: "effect_failed", fields: { action: "post", failure: { code: "http_402", certainty: "definite" } } },
      cause: { message: "HTTP 402" },
    });
    db.exec("ROLLBACK");
    expect(await guard.receipts()).toEqual([]);
  });

  test("says nothing to others before its commit, nor what it has undone", async () => {
    const { guard, db, effects } = joining();
    await guard.receipts();
    db.exec("BEGIN IMMEDIATE");
    const joined = guard.execute("post", { id: "1" }, { tx: db });
    const other = guard.execute("post", { id: "1" });
    expect(await joined).toMatchObject({ status: "executed", result: "posted 1" });
    db.exec("ROLLBACK");
    // Not what was made in the transaction: that has never been. It makes the effect itself.
    expect(await other).toMatchObject({ status: "executed", result: "posted 2" });
    expect(effects()).toEqual(["1"]);
  });

  test("does not wait for a call that waits for its commit", async () => {
    const { guard, db, effects } = joining();
    await guard.receipts();
    db.exec("BEGIN IMMEDIATE");
    const other = guard.execute("post", { id: "1" });
    expect(await guard.execute("post", { id: "1" }, { tx: db })).toMatchObject({ status: "executed" });
    db.exec("COMMIT");
    expect(await other).toMatchObject({ status: "replayed" });
    expect(effects()).toEqual(["1"]);
  });

  test("has one effect for calls at once on the same handle", async () => {
    const { guard, db, effects } = joining();
    await guard.receipts();
    db.exec("BEGIN IMMEDIATE");
    const calls = [1, 2, 3].map(() => guard.execute("post", { id: "1" }, { tx: db }));
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(["executed", "replayed", "replayed"]);
    db.exec("COMMIT");
    expect(effects()).toEqual(["1"]);
  });

  test("leaves what is open elsewhere to whoever has it: a retry of ours would not be undone with it", async () => {
    const { guard, db, effects, clock, seen } = joining((n) => (n === 1 ? http(503) : `posted ${n}`));
    expect(await guard.execute("post", { id: "1" }, { wait: 0 })).toMatchObject({ status: "retry_later" });
    await clock.advance(3_600_000);
    db.exec("BEGIN IMMEDIATE");
    expect(await guard.execute("post", { id: "1" }, { tx: db })).toMatchObject({ status: "retry_later" });
    db.exec("ROLLBACK");
    expect([effects(), seen.length]).toEqual([[], 1]);
  });

  test.each<[string, (n: number) => unknown]>([
    ["after its effect failed", () => http(402)],
    ["without waiting for it", () => new Promise(() => undefined)],
  ])("that is committed half done, %s, is a question, and never made again", async (_how, behave) => {
    const { guard, db, effects, clock } = joining(behave);
    await guard.receipts();
    db.exec("BEGIN IMMEDIATE");
    const call = guard.execute("post", { id: "1" }, { tx: db }).catch(() => undefined);
    await vi.waitFor(() => expect(db.prepare("SELECT id FROM effect").all()).toHaveLength(1));
    if (behave.length === 0) await Promise.race([call, new Promise((turn) => setTimeout(turn, 20))]);
    db.exec("COMMIT");
    await clock.advance(3_600_000);
    await guard.reconcile();
    expect(await guard.receipts()).toMatchObject([{ state: "review", reason: "no_capability", mayHaveApplied: true }]);
    expect(await guard.execute("post", { id: "1" })).toMatchObject({ status: "review" });
    expect(effects()).toEqual(["1"]);
  });

  test("is thrown out of, not answered, where the store cannot be used in it", async () => {
    const { guard, db } = joining();
    await guard.receipts();
    const reads = new DatabaseSync(db.location() as string);
    reads.exec("BEGIN");
    reads.prepare("SELECT * FROM effect").all();
    db.exec("INSERT INTO effect VALUES ('another')"); // what it has read is old now, and it may not write any more
    await expect(guard.execute("post", { id: "1" }, { tx: reads })).rejects.toMatchObject({
      code: "store_unavailable",
    });
    reads.exec("ROLLBACK");
    expect(await guard.receipts()).toEqual([]);
  });

  test("is on the store's own database, and on no other that looks like it", async () => {
    const { guard, seen } = joining();
    const elsewhere = joining();
    await Promise.all([guard.receipts(), elsewhere.guard.receipts()]);
    for (const other of [elsewhere.db, new DatabaseSync(":memory:")]) {
      other.exec("BEGIN IMMEDIATE");
      await expect(guard.execute("post", { id: "1" }, { tx: other })).rejects.toMatchObject({
        ...{ code: "invalid_option", message: expect.stringContaining("not on the database of the store") },
      });
      await expect(guard.enqueue("post", { id: "1" }, { tx: other })).rejects.toMatchObject({ code: "invalid_option" });
      other.exec("COMMIT");
    }
    expect(await elsewhere.guard.receipts()).toEqual([]);
    expect(seen).toEqual([]);
  });

  test("takes in no effect that reaches outside of the database", async () => {
    const { guard, seen } = ledger({ transaction: false });
    await expect(guard.execute("post", { id: "1" }, { tx: {} })).rejects.toMatchObject({
      ...{ code: "transaction_unsupported", fields: { action: "post" } },
    });
    expect(seen).toEqual([]);
  });

  test("nothing can be shared with a store that has none", async () => {
    const { post } = ledger();
    const { guard } = testGuard([post], { store: memoryStore() });
    const refused = { code: "transaction_unsupported", fields: { store: expect.stringContaining("memory") } };
    await expect(guard.execute("post", { id: "1" })).rejects.toMatchObject(refused);
    await expect(guard.execute("post", { id: "1" }, { tx: {} })).rejects.toMatchObject(refused);
    await expect(guard.enqueue("post", { id: "1" }, { tx: {} })).rejects.toMatchObject(refused);
  });

  test("takes in an entry of the outbox, which is carried out after the commit", async () => {
    const { guard, db, effects } = joining();
    await guard.receipts();
    db.exec("BEGIN IMMEDIATE");
    expect(await guard.enqueue("post", { id: "1" }, { tx: db })).toMatchObject({ status: "retry_later" });
    db.exec("COMMIT");
    await guard.reconcile();
    expect(effects()).toEqual(["1"]);
    expect(await guard.enqueue("post", { id: "1" })).toMatchObject({ status: "replayed" });
  });
});
