import assert from "node:assert/strict";
import type { Renewal } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import type { StoreContractCase } from "./context.ts";
import { BACKOFF, claimed, DOUBT, found, moved, SUCCESS, sameRecord } from "./fixtures.ts";

export const renewing: readonly StoreContractCase[] = [
  {
    name: "renew: extends the lease from now, and changes nothing else",
    async run({ store, advance }) {
      const { receipt } = await claimed(store, "r", { leaseMs: 2_000 });
      await advance(1_000);
      assert.deepEqual(await store.renew([renewal(receipt, 2_000)]), []);
      const renewed = await found(store, receipt);
      assert.ok((renewed.dueAt ?? 0) >= receipt.createdAt + 3_000, "from now, not from the claim");
      assert.ok((renewed.dueAt ?? 0) <= renewed.readAt + 2_000);
      sameRecord({ ...renewed, dueAt: receipt.dueAt }, receipt);
      assert.equal((await store.log("acme", "r")).length, 1, "a renewal is no event");
    },
  },
  {
    name: "renew: a lease that ran out can be renewed as long as nobody has taken the claim away",
    async run({ store, advance }) {
      const { receipt } = await claimed(store, "r", { leaseMs: 10 });
      await advance(20);
      assert.deepEqual(await store.renew([renewal(receipt, 2_000)]), []);
      assert.deepEqual(await store.due({ actions: [], limit: 10 }), []);
    },
  },
  {
    name: "renew: refused, by the very objects that were given, where the claim is not ours",
    async run({ store }) {
      const mine = (await claimed(store, "mine")).receipt;
      const others = {
        done: await moved(store, (await claimed(store, "done")).receipt, SUCCESS),
        doubt: await moved(store, (await claimed(store, "doubt")).receipt, DOUBT),
        waiting: await moved(store, (await claimed(store, "waiting")).receipt, BACKOFF),
        again: await moved(store, (await claimed(store, "again")).receipt, DOUBT, {
          type: "resend",
          leaseMs: 60_000,
          notAfter: null,
        }),
      };
      const refused: Renewal[] = [
        renewal(others.done, 90_000),
        renewal(others.doubt, 90_000),
        renewal(others.waiting, 90_000),
        { ...renewal(others.again, 90_000), fencingToken: 1 },
        { ...renewal(others.again, 90_000), fencingToken: 3 },
        { ...renewal(mine, 90_000), requestId: "unknown" },
        { ...renewal(mine, 90_000), tenant: "globex" },
      ];
      const accepted = [renewal(mine, 90_000)];
      const answer = await store.renew([...refused.slice(0, 3), ...accepted, ...refused.slice(3)]);
      assert.equal(answer.length, refused.length);
      for (const one of refused) assert.ok(answer.includes(one), JSON.stringify(one));
      for (const other of Object.values(others)) sameRecord(await found(store, other), other);
      assert.ok(((await found(store, mine)).dueAt ?? 0) > (mine.dueAt ?? 0));
      assert.equal(await store.find("acme", "unknown"), null);
    },
  },
  {
    name: "renew: an old and the new claim of one request in one call: the old one is refused",
    async run({ store }) {
      const first = (await claimed(store, "r")).receipt;
      const second = await moved(store, first, DOUBT, { type: "resend", leaseMs: 60_000, notAfter: null });
      const [old, now] = [renewal(first, 90_000), renewal(second, 90_000)];
      assert.deepEqual(await store.renew([old, now]), [old]);
      assert.deepEqual(await store.renew([now, old]), [old]);
      assert.ok(((await found(store, second)).dueAt ?? 0) > (second.dueAt ?? 0));
    },
  },
  {
    name: "renew: many at once, each by its own time",
    async run({ store }) {
      const claims = await Promise.all(Array.from({ length: 100 }, (_, n) => claimed(store, `r-${n}`, { leaseMs: 1 })));
      const renewals = claims.map(({ receipt }, n) => renewal(receipt, 1_000 * (n + 1)));
      assert.deepEqual(await store.renew(renewals), []);
      const read = await Promise.all(claims.map(({ receipt }) => found(store, receipt)));
      const [start = 0] = read.map(({ dueAt }) => (dueAt ?? 0) - 1_000);
      assert.deepEqual(
        read.map(({ dueAt }) => (dueAt ?? 0) - start),
        renewals.map(({ leaseMs }) => leaseMs),
      );
    },
  },
  {
    name: "renew: nothing to renew is no error",
    async run({ store }) {
      assert.deepEqual(await store.renew([]), []);
    },
  },
];

function renewal({ tenant, requestId, fencingToken }: Receipt, leaseMs: number): Renewal {
  return { tenant, requestId, fencingToken, leaseMs };
}
