import assert from "node:assert/strict";
import type { LifecycleEvent, Transition } from "../../core/lifecycle.ts";
import type { Store } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  BACKOFF,
  change,
  claimed,
  DOUBT,
  found,
  made,
  moved,
  RETRY,
  SUCCESS,
  sameRecord,
  token,
  unmoved,
} from "./fixtures.ts";

export const applying: readonly StoreContractCase[] = [
  {
    name: "apply: stale by version: nothing is written, and the record as it is comes back",
    async run({ store }) {
      const { receipt } = await claimed(store, "r");
      const doubt = await moved(store, receipt, DOUBT);
      await expectStale(store, change(receipt, SUCCESS), doubt);
      // Back in the first state: the version alone tells them apart.
      const again = await moved(store, doubt, { type: "resend", leaseMs: 0, notAfter: null });
      await expectStale(store, change({ ...again, version: doubt.version }, SUCCESS), again);
    },
  },
  {
    name: "apply: stale by fence: whoever has another fencing token writes nothing",
    async run({ store }) {
      const { receipt } = await claimed(store, "r");
      const second = await moved(store, receipt, BACKOFF, RETRY);
      assert.equal(second.fencingToken, 2);
      for (const fencingToken of [1, 3]) await expectStale(store, change({ ...second, fencingToken }, SUCCESS), second);
    },
  },
  {
    name: "apply: stale by state",
    async run({ store }) {
      const { receipt } = await claimed(store, "r");
      await expectStale(store, change({ ...receipt, state: "retry_wait" }, RETRY), receipt);
    },
  },
  {
    name: "apply: an unknown request, or another tenant's, is stale without a record",
    async run({ store }) {
      const { receipt } = await claimed(store, "r", { explicitId: "mine" });
      for (const from of [
        { ...receipt, requestId: "unknown" },
        { ...receipt, tenant: "globex" },
      ]) {
        assert.deepEqual(await store.apply(change(from, SUCCESS)), { kind: "stale", receipt: null });
        assert.equal(await store.find(from.tenant, from.requestId), null);
        assert.deepEqual(await store.log(from.tenant, from.requestId), []);
      }
      sameRecord(await found(store, receipt), receipt);
    },
  },
  {
    name: "apply: of 20 owners that apply a transition at once, one does, and the others are told what it wrote",
    async run(context) {
      const stores = [context.store, await another(context)];
      const waiting = await moved(context.store, (await claimed(context.store, "r")).receipt, BACKOFF);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) => stores[n % 2]?.apply(change(waiting, RETRY))),
      );
      const [winner, ...others] = answers.filter((answer) => answer?.kind === "applied");
      assert.ok(winner?.kind === "applied" && others.length === 0);
      assert.equal(winner.claim?.receipt.fencingToken, 2);
      for (const answer of answers) if (answer?.kind === "stale") sameRecord(answer.receipt, winner.receipt);
      assert.equal((await context.store.log("acme", "r")).length, 3);
    },
  },
  {
    name: "apply: asked again with its owner token (a lost acknowledgement) is applied, and once",
    async run(context) {
      const { store } = context;
      const other = await another(context);
      const waiting = await moved(store, (await claimed(store, "r")).receipt, BACKOFF);
      const retry = change(waiting, RETRY);
      const answers = [...(await Promise.all([store.apply(retry), store.apply(retry)])), await other.apply(retry)];
      const [first] = answers;
      assert.ok(first?.kind === "applied");
      for (const answer of answers) {
        assert.equal(answer.kind, "applied");
        sameRecord(answer.receipt, first.receipt);
        assert.equal(answer.claim?.ownerToken, retry.ownerToken);
        sameRecord(answer.claim.receipt, first.receipt);
      }
      assert.equal((await store.log("acme", "r")).length, 3);
    },
  },
  {
    name: "apply: asked again, tells the record as it is read now",
    async run({ store, advance }) {
      const waiting = await moved(store, (await claimed(store, "r")).receipt, BACKOFF);
      const retry = change(waiting, { type: "retry", leaseMs: 10 });
      await store.apply(retry);
      await advance(20);
      const answer = await store.apply(retry);
      assert.equal(answer.kind, "applied");
      // Else a claim whose lease has run out meanwhile would look like a fresh one.
      assert.ok(answer.receipt.readAt >= answer.receipt.updatedAt + 20);
    },
  },
  {
    name: "apply: asked again after the record has moved on is stale, whoever moved it",
    async run({ store }) {
      for (const [id, next] of [
        ["mine", "the same owner"],
        ["other", "another owner"],
      ] as const) {
        const waiting = await moved(store, (await claimed(store, id)).receipt, BACKOFF);
        const retry = change(waiting, RETRY, "the same owner");
        const answer = await store.apply(retry);
        assert.ok(answer.kind === "applied");
        const done = await store.apply(change(answer.receipt, SUCCESS, next));
        assert.ok(done.kind === "applied");
        const again = await store.apply(retry);
        assert.equal(again.kind, "stale", next);
        sameRecord(again.receipt, done.receipt);
      }
    },
  },
  {
    name: "apply: gives a claim exactly when the record runs for us now",
    async run({ store }) {
      const { receipt, ownerToken } = await claimed(store, "r");
      const late: LifecycleEvent = { type: "late_denial", source: "a webhook", sameKey: false };
      const kept = await store.apply(change(receipt, late, ownerToken));
      assert.ok(kept.kind === "applied" && kept.receipt.state === "running");
      assert.equal(kept.claim, null, "it ran before already");
      const waiting = await moved(store, kept.receipt, BACKOFF);
      const retry = change(waiting, RETRY);
      const answer = await store.apply(retry);
      assert.ok(answer.kind === "applied" && answer.claim);
      assert.equal(answer.claim.ownerToken, retry.ownerToken);
      sameRecord(answer.claim.receipt, answer.receipt);
    },
  },
  {
    name: "apply: a lapse needs the store's own clock to have passed the lease",
    async run({ store, advance }) {
      const { receipt } = await claimed(store, "r", { leaseMs: 2_000 });
      const lapse = change(receipt, { type: "lapse" });
      await expectStale(store, lapse, receipt);
      await advance(1);
      // Whatever the caller believes: only what the store knows counts.
      await expectStale(store, change({ ...receipt, dueAt: 0, readAt: 2 ** 52 }, { type: "lapse" }), receipt);
      await advance(1_999);
      const answer = await store.apply(lapse);
      assert.ok(answer.kind === "applied");
      assert.equal(answer.receipt.state, "in_doubt");
      sameRecord(await found(store, receipt), answer.receipt);
    },
  },
  {
    name: "apply: a lapse is stale when the lease was renewed meanwhile",
    async run({ store, advance }) {
      const { receipt } = await claimed(store, "r", { leaseMs: 50 });
      await advance(60);
      const lapse = change(await found(store, receipt), { type: "lapse" });
      assert.deepEqual(await store.renew([{ ...keyOf(receipt), fencingToken: 1, leaseMs: 2_000 }]), []);
      await expectStale(store, lapse, await found(store, receipt));
      await advance(2_000);
      assert.equal((await store.apply(lapse)).kind, "applied");
    },
  },
  {
    name: "apply: a renewal does not make its owner's outcome stale",
    async run({ store, advance }) {
      const { receipt } = await claimed(store, "r");
      await advance(5);
      await store.renew([{ ...keyOf(receipt), fencingToken: 1, leaseMs: 90_000 }]);
      const done = await moved(store, receipt, SUCCESS);
      sameRecord(await found(store, receipt), done);
    },
  },
  ...(["release", "resend"] as const).map(
    (type): StoreContractCase => ({
      name: `apply: a ${type} applies until its time by the store's clock, and not later`,
      async run({ store, advance }) {
        const from = await made(store, "in time", type === "release" ? "held" : "in_doubt");
        const late = await made(store, "late", type === "release" ? "held" : "in_doubt");
        const notAfter = (await store.now()) + 5_000;
        const event = { type, leaseMs: 60_000, notAfter } as const;
        const inTime = change(from, event);
        const first = await store.apply(inTime);
        assert.ok(first.kind === "applied" && first.claim);
        await advance(5_001);
        await unmoved(store, change(late, event), "stale");
        // What the caller believes does not count: its record was read in time.
        await unmoved(store, change({ ...late, readAt: 0 }, event), "stale");
        const again = await store.apply(inTime);
        assert.equal(again.kind, "applied", "what was applied in time is still so when it is asked again");
        await moved(store, late, { ...event, notAfter: null });
      },
    }),
  ),
  {
    name: "apply: a transition applies at the very millisecond of its limit",
    async run({ store }) {
      const doubt = await made(store, "r", "in_doubt");
      for (let tries = 0; tries < 50; tries++) {
        const notAfter = await store.now();
        const answer = await store.apply(change(doubt, { type: "resend", leaseMs: 60_000, notAfter }));
        if (answer.kind === "applied") return;
        assert.ok((await store.now()) > notAfter, "the time had not passed");
      }
    },
  },
  {
    name: "apply: evidence that leaves the state alone leaves a renewed lease alone, and answers with it",
    async run({ store, advance }) {
      const { receipt } = await claimed(store, "r");
      await advance(5);
      await store.renew([{ ...keyOf(receipt), fencingToken: 1, leaseMs: 90_000 }]);
      const renewed = await found(store, receipt);
      const late = await moved(store, receipt, { type: "late_success", fencingToken: 0, result: null, sameKey: false });
      assert.equal(late.dueAt, renewed.dueAt);
      assert.equal(late.conflict, true);
      sameRecord(await found(store, receipt), late);
    },
  },
];

/** Nothing changes, neither record nor log, and the answer is the record as it is. */
async function expectStale(store: Store, stale: Transition, current: Receipt): Promise<void> {
  const before = await store.log(current.tenant, current.requestId);
  const answer = await store.apply({ ...stale, ownerToken: token() });
  assert.equal(answer.kind, "stale");
  sameRecord(answer.receipt, current);
  sameRecord(await found(store, current), current);
  assert.deepEqual(await store.log(current.tenant, current.requestId), before);
}

function keyOf({ tenant, requestId }: Receipt): { tenant: string; requestId: string } {
  return { tenant, requestId };
}
