import assert from "node:assert/strict";
import type { ClaimRequest } from "../../core/claim.ts";
import type { EpochOrder } from "../../core/epoch.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  change,
  claimed,
  claimRequest,
  gateOf,
  HOLD,
  haltOrder,
  made,
  moved,
  RETRY,
  receiptIn,
  recorded,
  refused,
  SUCCESS,
  sameRecord,
} from "./fixtures.ts";

const BY = { actor: "bob", reason: "checked with the bank" };

function order(more: Partial<EpochOrder> = {}): EpochOrder {
  return { backupAt: 1_000_000_000_000, lastsMs: null, actor: "ada", reason: "the disk died", ...more };
}

/** First claims that would dispatch something. */
const RUNNING: readonly Partial<ClaimRequest>[] = [
  { capability: "none" },
  { capability: "probe", tracked: true },
  { capability: "downstream_key", tenant: "globex" },
  { gate: gateOf({ dedup: { recordId: "order:A1", windowMs: 1_000, limit: 5, hold: null, holdMs: 0 } }) },
  { serialized: true, gate: gateOf({ turn: { recordId: "order:A1", placeMs: 1_000 } }) },
];

export const epochs: readonly StoreContractCase[] = [
  {
    name: "epoch: none is in force until one is started",
    async run({ store }) {
      assert.equal(await store.epoch(), null);
      assert.equal(await store.endEpoch(BY), null);
      const epoch = await store.startEpoch(order());
      const { restoredAt } = epoch;
      const { backupAt, actor, reason } = order();
      assert.deepEqual(epoch, { number: 1, backupAt, restoredAt, until: null, actor, reason });
      assert.ok(Math.abs((await store.now()) - restoredAt) < 60_000);
      assert.deepEqual(await store.epoch(), epoch);
    },
  },
  {
    name: "epoch: a first claim is answered with it, and nothing is written",
    async run(context) {
      const { store } = context;
      const epoch = await store.startEpoch(order());
      for (const one of [store, await another(context)]) {
        for (const [n, more] of RUNNING.entries()) {
          for (const readFirst of [false, true]) {
            const answer = await refused(one, claimRequest(`r-${n}`, more), "new_epoch", readFirst);
            assert.deepEqual(answer.epoch, epoch);
            assert.deepEqual(await one.log(more.tenant ?? "acme", `r-${n}`), []);
          }
        }
      }
    },
  },
  {
    name: "epoch: what does not run at once is recorded, and so is what runs inside the store's own transaction",
    async run({ store }) {
      await store.startEpoch(order());
      await recorded(store, "doubt", { start: { state: "in_doubt", sentFrom: 1, sentUntil: 2 } });
      await recorded(store, "held", { start: { state: "held", hold: HOLD, dueInMs: 0 } });
      await recorded(store, "later", { start: { state: "retry_wait" } });
      await claimed(store, "transaction", { capability: "transaction" });
      const gate = gateOf({ dedup: { recordId: "order:B2", windowMs: 1_000, limit: 1, hold: null, holdMs: 0 } });
      await claimed(store, "gated", { capability: "transaction", recordId: "order:B2", gate });
    },
  },
  {
    name: "epoch: records that are there are as they were, and go on",
    async run({ store }) {
      const request = claimRequest("running");
      const running = receiptIn(await store.claim(request));
      const done = await made(store, "done", "succeeded");
      const waiting = await made(store, "waiting", "retry_wait");
      await store.startEpoch(order());
      const again = await store.claim(request);
      assert.equal(again.kind, "claimed", "asked again");
      for (const readFirst of [false, true]) {
        const answer = await store.claim(claimRequest("done"), readFirst);
        assert.equal(answer.kind, "exists");
        sameRecord(answer.receipt, done);
      }
      await moved(store, running, SUCCESS);
      assert.equal((await store.apply(change(waiting, RETRY))).kind, "applied");
    },
  },
  {
    name: "epoch: lasts as long as ordered, to the millisecond",
    async run({ store, advance }) {
      const epoch = await store.startEpoch(order({ lastsMs: 10_000 }));
      assert.equal(epoch.until, epoch.restoredAt + 10_000);
      await advance(5_000);
      assert.deepEqual(await store.epoch(), epoch);
      await refused(store, claimRequest("r"), "new_epoch");
      await advance(5_000);
      assert.equal(await store.epoch(), null);
      await claimed(store, "r");
      await claimed(store, "r2", { gate: gateOf({}) });
      assert.equal(await store.endEpoch(BY), null, "it was over already");
    },
  },
  {
    name: "epoch: ends when a person says so, once",
    async run(context) {
      const { store } = context;
      const epoch = await store.startEpoch(order());
      const answers = await Promise.all([store, await another(context), store].map((one) => one.endEpoch(BY)));
      assert.deepEqual(
        answers.filter((answer) => answer !== null),
        [epoch],
      );
      assert.equal(await store.epoch(), null);
      await claimed(store, "r");
    },
  },
  {
    name: "epoch: asked again for the restore that is in force, answers with that one",
    async run(context) {
      const { store, advance } = context;
      const first = await store.startEpoch(order());
      await advance(10);
      for (const one of [store, await another(context)]) {
        for (const backupAt of [first.backupAt, first.backupAt + 1, first.restoredAt]) {
          assert.deepEqual(await one.startEpoch(order({ backupAt, lastsMs: 1_000, reason: "again" })), first);
        }
      }
      assert.deepEqual(await store.epoch(), first);
    },
  },
  {
    name: "epoch: from an older backup than was said, starts another one from there",
    async run({ store }) {
      const first = await store.startEpoch(order());
      const second = await store.startEpoch(order({ backupAt: first.backupAt - 1 }));
      assert.deepEqual([second.number, second.backupAt], [2, first.backupAt - 1]);
      assert.deepEqual(await store.epoch(), second);
    },
  },
  {
    name: "epoch: another restore, of a backup from after the first, starts another one, from the older backup",
    async run({ store, advance }) {
      const first = await store.startEpoch(order({ backupAt: 5_000, lastsMs: 600_000 }));
      await advance(60_000);
      const backupAt = first.restoredAt + 1;
      const second = await store.startEpoch(order({ backupAt }));
      assert.deepEqual([second.number, second.backupAt, second.until], [2, 5_000, null]);
      assert.ok(second.restoredAt >= first.restoredAt + 60_000, "what was sent until now is in question");
      assert.deepEqual(await store.epoch(), second);
      assert.deepEqual(await store.endEpoch(BY), second);
      assert.equal(await store.epoch(), null, "and the earlier one does not come back");
    },
  },
  {
    name: "epoch: one that is over, by time or by a person, leaves nothing to the next",
    async run({ store, advance }) {
      await store.startEpoch(order({ backupAt: 1_000, lastsMs: 1_000 }));
      await advance(1_000);
      const second = await store.startEpoch(order({ backupAt: 9_000 }));
      assert.deepEqual([second.number, second.backupAt], [2, 9_000]);
      assert.deepEqual(await store.endEpoch(BY), second, "the one in force, not the one that has lapsed");
      const third = await store.startEpoch(order({ backupAt: 9_500 }));
      assert.deepEqual([third.number, third.backupAt], [3, 9_500]);
    },
  },
  {
    name: "epoch: a halt goes before it",
    async run({ store }) {
      await store.startEpoch(order());
      await store.halt(haltOrder());
      await refused(store, claimRequest("r"), "halted");
      await refused(store, claimRequest("r", { gate: gateOf({}) }), "halted");
      await refused(store, claimRequest("r", { runId: "run-2" }), "new_epoch");
    },
  },
];
