import assert from "node:assert/strict";
import { another, type StoreContractCase } from "./context.ts";
import { claimed, claimRequest, found, moved, SUCCESS, sameRecord } from "./fixtures.ts";

export const opening: readonly StoreContractCase[] = [
  {
    name: "open: again, and many at once, gives the same secret and schema version",
    async run(context) {
      const stores = [context.store, ...(await Promise.all([1, 2, 3].map(() => another(context))))];
      const infos = await Promise.all(stores.flatMap((store) => [store.open(), store.open(), store.open()]));
      for (const info of [...infos, await context.store.open()]) assert.deepEqual(info, infos[0]);
      assert.ok((infos[0]?.secret.length ?? 0) >= 32, "a secret of at least 32 characters");
      assert.ok(Number.isInteger(infos[0]?.schemaVersion));
    },
  },
  {
    name: "open: every other call opens the store by itself",
    async run({ store }) {
      const [claim, read] = await Promise.all([claimed(store, "r"), store.find("acme", "other")]);
      assert.equal(read, null);
      sameRecord(await found(store, claim.receipt), claim.receipt);
    },
  },
  {
    name: "name: for people, and without secrets",
    async run({ store }) {
      assert.ok(store.name.length > 0);
      assert.doesNotMatch(store.name, /:[^/@]+@/);
    },
  },
  {
    name: "close: waits for the calls made before it",
    async run({ store }) {
      const old = await Promise.all(many(20).map((n) => claimed(store, `old-${n}`)));
      const calls = [
        ...many(20).map(async (n) => assert.equal((await store.claim(claimRequest(`new-${n}`))).kind, "claimed")),
        ...many(20).map(async (n) => assert.equal((await store.claim(claimRequest(`old-${n}`))).kind, "exists")),
        ...old.map(({ receipt }) => moved(store, receipt, SUCCESS)),
        ...old.map(({ receipt }) => found(store, receipt)),
        store.renew([]),
        store.list({ limit: 1 }),
        store.due({ actions: [], limit: 1 }),
        store.log("acme", "old-0"),
        store.append({ ...entryOf("old-0"), event: "late_failure" }),
      ];
      const outcome = Promise.allSettled(calls);
      await store.close();
      const failed = (await outcome).filter((one) => one.status === "rejected").map((one) => one.reason);
      assert.deepEqual(failed, []);
    },
  },
  {
    name: "close: again does nothing, and a later call opens the store again",
    async run({ store }) {
      await claimed(store, "before");
      await Promise.all([store.close(), store.close()]);
      await store.close();
      assert.equal((await claimed(store, "after")).receipt.requestId, "after");
      const answers = await Promise.all([store.claim(claimRequest("after")), store.find("acme", "after"), store.open()]);
      assert.equal(answers[0].kind, "exists");
    },
  },
  {
    name: "durable: what was acknowledged is there when the store is opened again",
    async run(context) {
      const { store } = context;
      const { secret } = await store.open();
      const done = await moved(store, (await claimed(store, "r")).receipt, SUCCESS);
      if (!store.durable) return;
      await store.close();
      const later = await another(context);
      assert.equal((await later.open()).secret, secret);
      sameRecord(await found(later, done), done);
      assert.equal((await later.log("acme", "r")).length, 2);
    },
  },
];

function many(count: number): number[] {
  return [...Array(count).keys()];
}

function entryOf(requestId: string) {
  return {
    tenant: "acme",
    requestId,
    state: "running",
    version: 1,
    fencingToken: 1,
    attemptNumber: 1,
    actor: null,
    detail: null,
  } as const;
}
