import assert from "node:assert/strict";
import { DEFAULT_FINALITY_POLICY, openCase } from "../../core/finality.ts";
import { lineOf } from "../../core/log-line.ts";
import type { Receipt } from "../../core/receipt.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  change,
  claimed,
  claimRequest,
  found,
  gateOf,
  HOLD,
  haltOrder,
  moved,
  recorded,
  SUCCESS,
  sameRecord,
} from "./fixtures.ts";

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
    name: "close: waits for the calls made before it, of every kind",
    async run({ store }) {
      const ids = Array.from({ length: 20 }, (_, n) => `r-${n}`);
      const receipts = await Promise.all(ids.map(async (id) => (await claimed(store, id)).receipt));
      const kinds: Record<string, (receipt: Receipt) => Promise<unknown>> = {
        claim: ({ requestId }) => claimed(store, `new ${requestId}`),
        "claim, lost": async ({ requestId }) =>
          assert.equal((await store.claim(claimRequest(requestId))).kind, "exists"),
        apply: (receipt) => moved(store, receipt, SUCCESS),
        "apply, stale": async (receipt) =>
          assert.equal((await store.apply(change({ ...receipt, version: 7 }, SUCCESS))).kind, "stale"),
        renew: ({ tenant, requestId }) => store.renew([{ tenant, requestId, fencingToken: 1, leaseMs: 1 }]),
        append: (receipt) => store.append(lineOf(receipt, "drift")),
        find: (receipt) => found(store, receipt),
        list: () => store.list({ limit: 1 }),
        due: () => store.due({ actions: [], limit: 1 }),
        log: ({ tenant, requestId }) => store.log(tenant, requestId),
        "claim, held": ({ requestId }) =>
          recorded(store, `held ${requestId}`, { start: { state: "held", hold: HOLD, dueInMs: 0 } }),
        "claim, read first": ({ requestId }) => store.claim(claimRequest(requestId), true),
        "claim, gated": ({ requestId }) => store.claim(claimRequest(`gated ${requestId}`, { gate: gateOf({}) })),
        halt: ({ requestId }) => store.halt(haltOrder({ id: requestId })),
        resume: ({ requestId }) => store.resume("acme", "run", requestId, { actor: "ada", reason: "go on" }),
        halts: () => store.halts({ limit: 1 }),
        haltFor: (receipt) => store.haltFor(receipt),
        saveCase: ({ requestId }) =>
          store.saveCase({ tenant: "acme", case: openCase(requestId), policy: DEFAULT_FINALITY_POLICY, version: 0 }),
        findCase: ({ requestId }) => store.findCase("acme", requestId),
        takeNotifications: () => store.takeNotifications({ routes: ["operator"], limit: 1, leaseMs: 1 }),
        settleNotification: () => store.settleNotification("unknown", null),
        now: () => store.now(),
        startEpoch: ({ requestId }) =>
          requestId === "r-0"
            ? store.startEpoch({ backupAt: 0, lastsMs: null, actor: "ada", reason: "a restore" })
            : store.epoch(),
        endEpoch: () => store.endEpoch({ actor: "ada", reason: "checked" }),
      };
      for (const [kind, call] of Object.entries(kinds)) {
        const outcomes = Promise.allSettled(receipts.map(call));
        await store.close();
        const failed = (await outcomes).filter((one) => one.status === "rejected").map((one) => String(one.reason));
        assert.deepEqual([...new Set(failed)], [], kind);
        await store.open();
      }
      for (const receipt of receipts) assert.equal((await found(store, receipt)).state, "succeeded");
    },
  },
  {
    name: "close: again does nothing, and a later call opens the store again",
    async run({ store }) {
      await claimed(store, "before");
      await Promise.all([store.close(), store.close()]);
      await store.close();
      assert.equal((await claimed(store, "after")).receipt.requestId, "after");
      const answers = await Promise.all([
        store.claim(claimRequest("after")),
        store.find("acme", "after"),
        store.open(),
      ]);
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
