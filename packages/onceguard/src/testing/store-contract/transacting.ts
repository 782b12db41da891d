import assert from "node:assert/strict";
import { lineOf } from "../../core/log-line.ts";
import type { Store, StoreTransaction } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { another, type StoreContractCase, type StoreUnderTest } from "./context.ts";
import {
  change,
  claimed,
  claimRequest,
  found,
  gateOf,
  HOLD,
  haltOrder,
  made,
  receiptIn,
  SUCCESS,
  sameRecord,
  told,
} from "./fixtures.ts";

type Work<Answer> = (transaction: StoreTransaction) => Promise<Answer>;

/** Runs work in one transaction: undone when it throws. */
type Transact = <Answer>(work: Work<Answer>, store?: Store) => Promise<Answer>;

/** The store's own transaction, and the caller's that it joins; each where there is one. */
const WAYS: Readonly<Record<string, (context: StoreUnderTest) => Transact | null>> = {
  transact: ({ store }) =>
    // biome-ignore lint/style/noNonNullAssertion: looked at before
    store.transact ? (work, on = store) => on.transact!(work) : null,
  join: ({ store, begin }) => {
    if (!store.join || !begin) return null;
    return async (work, on = store) => {
      const { handle, commit, rollback } = await begin();
      try {
        const answer = await work((on.join as NonNullable<Store["join"]>)(handle));
        await commit();
        return answer;
      } catch (error) {
        await rollback();
        throw error;
      }
    };
  },
};

class Undo extends Error {}

/** A case for each way; stores that have it not are not asked for it. */
function both(name: string, run: (context: StoreUnderTest, transact: Transact) => Promise<void>): StoreContractCase[] {
  return Object.entries(WAYS).map(([way, of]) => ({
    name: `${way}: ${name}`,
    async run(context) {
      await context.store.open();
      const transact = of(context);
      if (transact !== null) await run(context, transact);
    },
  }));
}

/** Claims and succeeds inside. */
async function effect(transaction: StoreTransaction, requestId: string): Promise<Receipt> {
  const answer = await transaction.claim(claimRequest(requestId, { capability: "transaction" }));
  assert.equal(answer.kind, "claimed");
  const done = await transaction.apply(change(answer.claim.receipt, SUCCESS, answer.claim.ownerToken));
  assert.equal(done.kind, "applied");
  return done.receipt;
}

/** What another connection sees while the transaction is open: nothing, or it waits. */
async function unseen(read: Promise<unknown>): Promise<void> {
  const waited = Symbol("it waits");
  const seen = await Promise.race([read, new Promise((resolve) => setTimeout(resolve, 100, waited))]);
  if (seen === waited) read.catch(() => undefined);
  else assert.ok(seen === null || (Array.isArray(seen) && seen.length === 0), JSON.stringify(seen));
}

export const transacting: readonly StoreContractCase[] = [
  ...both("claim and receipt are there after the commit, with their log, and not before", async (context, transact) => {
    const { store } = context;
    const outside = context.reopen ? await another(context) : null;
    await outside?.open();
    const done = await transact(async (transaction) => {
      assert.ok(transaction.handle);
      const receipt = await effect(transaction, "r");
      if (outside) {
        await unseen(outside.find("acme", "r"));
        await unseen(outside.log("acme", "r"));
        await unseen(outside.list({ limit: 10 }));
      }
      return receipt;
    });
    assert.equal(done.state, "succeeded");
    sameRecord(await found(store, done), done);
    const events = (await store.log("acme", "r")).map(({ event }) => event);
    assert.deepEqual(events, ["claim", "success"]);
    if (outside) sameRecord(await found(outside, done), done);
    assert.equal((await store.claim(claimRequest("r"))).kind, "exists");
  }),
  ...both("everything is undone with it, and what the work threw comes out as it is", async (context, transact) => {
    const { store } = context;
    const waiting = await made(store, "waiting", "running");
    const thrown = Object.assign(new Undo("the caller changed its mind"), { code: "23505" });
    const gate = gateOf({
      budgets: [
        {
          name: "maxActionsPerRun",
          counts: "actions",
          limit: 0,
          runId: "run-1",
          action: null,
          recordId: null,
          windowMs: null,
          halts: { scope: "run", id: "run-1" },
        },
      ],
    });
    const work = transact(async (transaction) => {
      await effect(transaction, "r");
      const held = await transaction.claim(
        claimRequest("held", { start: { state: "held", hold: HOLD, dueInMs: 0 }, explicitId: "mine" }),
      );
      assert.equal(held.kind, "recorded");
      await transaction.apply(change(waiting, SUCCESS));
      assert.equal((await transaction.claim(claimRequest("too many", { gate }))).kind, "halted");
      throw thrown;
    });
    assert.equal(await work.catch((error: unknown) => error), thrown);
    for (const id of ["r", "held", "mine"]) assert.equal(await store.find("acme", id), null);
    for (const id of ["r", "held"]) assert.deepEqual(await store.log("acme", id), []);
    sameRecord(await found(store, waiting), waiting);
    assert.deepEqual(await store.halts({ limit: 10 }), []);
    assert.deepEqual(await told(store), []);
  }),
  ...both("a claim that was undone can be made again, by anybody and with any token", async ({ store }, transact) => {
    for (const [id, tokens] of [
      ["same token", ["token", "token"]],
      ["other token", ["token-1", "token-2"]],
    ] as const) {
      const request = (ownerToken: string) => claimRequest(id, { ownerToken, explicitId: `mine ${id}` });
      await assert.rejects(
        transact(async (transaction) => {
          assert.equal((await transaction.claim(request(tokens[0]))).kind, "claimed");
          throw new Undo();
        }),
        Undo,
      );
      const answer = await store.claim(request(tokens[1]));
      assert.equal(answer.kind, "claimed");
      assert.equal(answer.claim.receipt.version, 1);
      assert.equal((await store.log("acme", id)).length, 1);
    }
  }),
  ...both(
    "asked again with its owner token, inside and after the commit, answers as the first time",
    async ({ store }, transact) => {
      const running = claimRequest("r", { capability: "transaction" });
      const later = claimRequest("later", { start: { state: "retry_wait" } });
      const waiting = await made(store, "waiting", "running");
      const success = change(waiting, SUCCESS);
      await transact(async (transaction) => {
        for (const _time of [1, 2]) {
          assert.equal((await transaction.claim(running)).kind, "claimed");
          assert.equal((await transaction.claim(later)).kind, "recorded");
          assert.equal((await transaction.apply(success)).kind, "applied");
        }
        assert.equal((await transaction.claim(claimRequest("r"))).kind, "exists", "with another token");
      });
      for (const readFirst of [false, true]) {
        assert.equal((await store.claim(running, readFirst)).kind, "claimed");
        assert.equal((await store.claim(later, readFirst)).kind, "recorded");
      }
      assert.equal((await store.apply(success)).kind, "applied");
      assert.equal((await store.log("acme", "r")).length, 1);
      assert.equal((await store.log("acme", "waiting")).length, 2);
    },
  ),
  ...both(
    "answers as outside: what exists, what is stale, halted, skipped, busy, over a budget",
    async ({ store }, transact) => {
      const done = await made(store, "done", "succeeded");
      const running = (await claimed(store, "running", { serialized: true, recordId: "order:B2" })).receipt;
      const retry = await made(store, "retry", "retry_wait", { runId: "run-2" });
      const halt = await store.halt(haltOrder({ id: "run-2" }));
      await transact(async (transaction) => {
        const known = await transaction.claim(claimRequest("done", { runId: "run-2" }));
        assert.ok(known.kind === "exists");
        sameRecord(known.receipt, done);
        assert.deepEqual(known.halt, halt);
        assert.deepEqual(await transaction.claim(claimRequest("new", { runId: "run-2" })), { kind: "halted", halt });
        const dedup = { recordId: "order:A1", windowMs: 60_000, limit: 1, hold: null, holdMs: 0 };
        assert.equal((await transaction.claim(claimRequest("again", { gate: gateOf({ dedup }) }))).kind, "skipped");
        const turn = { recordId: "order:B2", placeMs: 60_000 };
        const inTurn = { serialized: true, recordId: "order:B2", gate: gateOf({ turn }) };
        assert.equal((await transaction.claim(claimRequest("turn", inTurn))).kind, "busy");
        const stale = await transaction.apply(change({ ...running, version: 7 }, SUCCESS));
        assert.ok(stale.kind === "stale");
        sameRecord(stale.receipt, running);
        const halted = await transaction.apply(change(retry, { type: "retry", leaseMs: 1 }));
        assert.ok(halted.kind === "halted");
        assert.deepEqual(halted.halt, halt);
      });
      assert.equal((await store.log("acme", "again"))[0]?.event, "skipped");
      for (const id of ["new", "again", "turn"]) assert.equal(await store.find("acme", id), null);
    },
  ),
  ...both(
    "of 20 at once for one request, one makes the effect, and the others hear of it or are undone",
    async (context, transact) => {
      const stores = [context.store, await another(context)];
      await stores[1]?.open();
      const attempts = Array.from({ length: 20 }, (_, n) =>
        transact(
          async (transaction) => {
            const answer = await transaction.claim(
              claimRequest("r", { capability: "transaction", actor: `agent-${n}` }),
            );
            if (answer.kind !== "claimed") return receiptIn(answer);
            if (n % 2 === 0 && n < 10) throw new Undo(); // those in front give up what they have
            const done = await transaction.apply(change(answer.claim.receipt, SUCCESS, answer.claim.ownerToken));
            assert.equal(done.kind, "applied");
            return done.receipt as Receipt;
          },
          stores[n % 2],
        ),
      );
      const outcomes = await Promise.allSettled(attempts);
      const told = outcomes.filter((one) => one.status === "fulfilled").map(({ value }) => value);
      const record = await found(context.store, { tenant: "acme", requestId: "r" });
      assert.equal(record.state, "succeeded");
      for (const receipt of told) sameRecord(receipt, record);
      for (const one of outcomes)
        if (one.status === "rejected") assert.ok(one.reason instanceof Undo, String(one.reason));
      const events = (await context.store.log("acme", "r")).map(({ event }) => event);
      assert.deepEqual(events, ["claim", "success"]);
    },
  ),
  ...both("what is called on the store meanwhile is not in it", async (context, transact) => {
    const { store } = context;
    const running = await made(store, "running", "running");
    const outside: Promise<unknown>[] = [];
    const work = transact(async (transaction) => {
      await effect(transaction, "inside");
      // Not awaited here: a store may have them wait for the end of the transaction.
      outside.push(
        claimed(store, "outside"),
        store.apply(change(running, SUCCESS)),
        store.halt(haltOrder({ id: "run-9" })),
        store.append(lineOf(running, "drift")),
        store.find("acme", "inside"),
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
      await effect(transaction, "inside too");
      throw new Undo();
    });
    await assert.rejects(work, Undo);
    const answers = await Promise.all(outside);
    assert.equal(answers[4], null, "what is undone was never seen");
    assert.equal((await found(store, { tenant: "acme", requestId: "outside" })).state, "running");
    assert.equal((await found(store, running)).state, "succeeded");
    assert.equal((await store.halts({ limit: 10 })).length, 1);
    for (const id of ["inside", "inside too"]) assert.equal(await store.find("acme", id), null);
  }),
  ...both("after its end it takes nothing more", async ({ store }, transact) => {
    const ended: StoreTransaction[] = [];
    await transact(async (transaction) => void ended.push(transaction));
    await assert.rejects(
      transact(async (transaction) => {
        ended.push(transaction);
        throw new Undo();
      }),
      Undo,
    );
    const running = await made(store, "running", "running");
    for (const transaction of ended) {
      await assert.rejects(transaction.claim(claimRequest("late")));
      await assert.rejects(transaction.apply(change(running, SUCCESS)));
    }
    assert.equal(await store.find("acme", "late"), null);
    sameRecord(await found(store, running), running);
  }),
  {
    name: "transact: answers with what the work answers, and several at once are each their own",
    async run({ store }) {
      if (!store.transact) return;
      assert.equal(await store.transact(async () => 42), 42);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, n) =>
          store.transact?.(async (transaction) => {
            const receipt = await effect(transaction, `r-${n}`);
            await new Promise((resolve) => setImmediate(resolve));
            if (n % 2) throw new Undo();
            return receipt;
          }),
        ),
      );
      for (const [n, outcome] of outcomes.entries()) {
        assert.equal(outcome.status, n % 2 ? "rejected" : "fulfilled");
        assert.equal((await store.find("acme", `r-${n}`)) === null, n % 2 === 1);
      }
    },
  },
  {
    name: "transact: a statement that failed in it is no commit, whatever the work makes of it",
    async run({ store }) {
      if (!store.transact) return;
      const outcome = await store
        .transact(async (transaction) => {
          const receipt = await effect(transaction, "r");
          await transaction.claim(claimRequest("bad", { actor: "nul \u0000 byte" })).catch(() => undefined);
          return receipt;
        })
        .then(
          () => "committed",
          () => "undone",
        );
      // A store may go on after it, or give it all up; what it answers is what it has done.
      assert.equal((await store.find("acme", "r")) === null ? "undone" : "committed", outcome);
    },
  },
  {
    name: "transact: close waits for the work that was begun before it",
    async run({ store }) {
      if (!store.transact) return;
      const work = [1, 2, 3].map((n) =>
        store.transact?.(async (transaction) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return effect(transaction, `r-${n}`);
        }),
      );
      await store.close();
      const receipts = await Promise.all(work);
      for (const receipt of receipts) sameRecord(await found(store, receipt as Receipt), receipt as Receipt);
    },
  },
  {
    name: "join: refuses what is no transaction, before anything is written",
    async run({ store }) {
      if (!store.join) return;
      for (const handle of [undefined, null, {}, "BEGIN", () => undefined, { query: 1 }]) {
        assert.throws(() => store.join?.(handle), { code: "invalid_option" });
      }
    },
  },
];
