import assert from "node:assert/strict";
import { firstReceipt } from "../../core/lifecycle.ts";
import type { Receipt } from "../../core/receipt.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  change,
  claimed,
  claimRequest,
  DOUBT,
  found,
  LEASE_MS,
  moved,
  receiptIn,
  SUCCESS,
  sameRecord,
  withoutPlace,
} from "./fixtures.ts";

export const claiming: readonly StoreContractCase[] = [
  {
    name: "claim: writes exactly the first record of the lifecycle (row 1), and one log entry",
    async run({ store }) {
      const request = claimRequest("r", { explicitId: "mine" });
      const answer = await store.claim(request);
      assert.equal(answer.kind, "claimed");
      const { receipt, ownerToken } = answer.claim;
      assert.equal(ownerToken, request.ownerToken);
      assert.deepEqual(receipt, firstReceipt(request, receipt.createdAt));
      sameRecord(await found(store, receipt), receipt);
      assert.deepEqual((await store.log("acme", "r")).map(withoutPlace), [
        {
          tenant: "acme",
          requestId: "r",
          event: "claim",
          action: "refund",
          recordId: "order:A1",
          runId: "run-1",
          hostScope: "thread-1",
          hostCallId: "call-1",
          traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
          cause: "first",
          state: "running",
          version: 1,
          fencingToken: 1,
          attemptNumber: 1,
          actor: "agent-7",
          before: null,
          after: null,
          detail: null,
          at: receipt.createdAt,
        },
      ]);
    },
  },
  {
    name: "claim: of 50 at once one wins, and every other gets the winner's record",
    async run(context) {
      const stores = [context.store, await another(context)];
      const requests = Array.from({ length: 50 }, (_, n) => claimRequest("r", { actor: `agent-${n}` }));
      const answers = await Promise.all(requests.map((one, n) => stores[n % 2]?.claim(one)));
      const winners = answers.filter((answer) => answer?.kind === "claimed");
      assert.equal(winners.length, 1);
      const [winner] = winners;
      assert.ok(winner?.kind === "claimed");
      for (const answer of answers) {
        if (answer?.kind === "exists") sameRecord(answer.receipt, winner.claim.receipt);
      }
      assert.equal((await context.store.log("acme", "r")).length, 1);
    },
  },
  {
    name: "claim: of many ids raced for at once, each has one winner",
    async run(context) {
      const stores = [context.store, await another(context)];
      const ids = Array.from({ length: 200 }, (_, n) => `r-${n % 40}`);
      const answers = await Promise.all(
        ids.map(async (id, n) => {
          const answer = await stores[n % 2]?.claim(claimRequest(id, { actor: `agent-${n}` }));
          assert.ok(answer);
          return { id, won: answer.kind === "claimed", actor: receiptIn(answer).actor };
        }),
      );
      for (const id of new Set(ids)) {
        const racers = answers.filter((answer) => answer.id === id);
        assert.equal(racers.filter((answer) => answer.won).length, 1, id);
        assert.equal(new Set(racers.map((answer) => answer.actor)).size, 1, `everyone was told of one winner of ${id}`);
      }
    },
  },
  {
    name: "claim: whoever comes later gets the record as it then is",
    async run({ store, advance }) {
      const done = await moved(store, (await claimed(store, "r")).receipt, SUCCESS);
      await advance(5);
      const answer = await store.claim(claimRequest("r"));
      assert.equal(answer.kind, "exists");
      sameRecord(answer.receipt, done);
      assert.ok(answer.receipt.readAt >= done.updatedAt + 5, "as read now");
    },
  },
  {
    name: "claim: asked again with its owner token (a lost acknowledgement) is still claimed, and once",
    async run(context) {
      const request = claimRequest("r", { explicitId: "mine" });
      const other = await another(context);
      const first = await context.store.claim(request);
      for (const answer of await Promise.all([context.store.claim(request), other.claim(request)])) {
        assert.equal(answer.kind, "claimed");
        sameRecord(answer.claim.receipt, receiptIn(first));
      }
      assert.equal((await context.store.log("acme", "r")).length, 1);
    },
  },
  {
    name: "claim: asked again at the same moment with its owner token, too",
    async run({ store }) {
      const request = claimRequest("r");
      const answers = await Promise.all([store.claim(request), store.claim(request)]);
      assert.deepEqual(
        answers.map((answer) => answer.kind),
        ["claimed", "claimed"],
      );
      assert.equal((await store.log("acme", "r")).length, 1);
    },
  },
  {
    name: "claim: asked again after a renewal is still claimed, with the lease as it now is",
    async run({ store, advance }) {
      const request = claimRequest("r");
      await store.claim(request);
      await advance(10);
      await store.renew([{ tenant: "acme", requestId: "r", fencingToken: 1, leaseMs: 2 * LEASE_MS }]);
      const answer = await store.claim(request);
      assert.equal(answer.kind, "claimed");
      sameRecord(await found(store, answer.claim.receipt), answer.claim.receipt);
    },
  },
  {
    name: "claim: asked again with its owner token after the claim was taken away is not a claim",
    async run({ store }) {
      const request = claimRequest("r", { leaseMs: 0 });
      const first = await store.claim(request);
      const lapsed = await moved(store, receiptIn(first), { type: "lapse" });
      const answer = await store.claim(request);
      assert.equal(answer.kind, "exists");
      sameRecord(answer.receipt, lapsed);
    },
  },
  {
    name: "claim: asked again with its owner token after its own outcome was recorded is not a claim",
    async run({ store }) {
      const request = claimRequest("r");
      const first = receiptIn(await store.claim(request));
      await store.apply(change(first, SUCCESS, request.ownerToken));
      const answer = await store.claim(request);
      assert.equal(answer.kind, "exists");
      assert.equal(answer.receipt.state, "succeeded");
    },
  },
  {
    name: "claim: a lease that ran out gives nobody the claim",
    async run({ store, advance }) {
      const { receipt } = await claimed(store, "r", { leaseMs: 10 });
      await advance(20);
      const answer = await store.claim(claimRequest("r"));
      assert.equal(answer.kind, "exists");
      sameRecord(answer.receipt, receipt);
      assert.ok(answer.receipt.readAt >= receipt.createdAt + 20, "and the reader sees that it ran out");
    },
  },
  {
    name: "claim: an explicit id that another request holds answers with that record",
    async run({ store }) {
      const { receipt } = await claimed(store, "by-key-1", { explicitId: "mine" });
      const answer = await store.claim(claimRequest("by-key-2", { explicitId: "mine" }));
      assert.equal(answer.kind, "exists");
      sameRecord(answer.receipt, receipt);
      assert.equal(await store.find("acme", "by-key-2"), null);
      assert.deepEqual(await store.log("acme", "by-key-2"), []);
    },
  },
  {
    name: "claim: of 20 requests that race for one explicit id, one wins",
    async run(context) {
      const stores = [context.store, await another(context)];
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) => stores[n % 2]?.claim(claimRequest(`r-${n}`, { explicitId: "mine" }))),
      );
      const told = answers.map((answer) => answer && receiptIn(answer).requestId);
      assert.equal(answers.filter((answer) => answer?.kind === "claimed").length, 1);
      assert.equal(new Set(told).size, 1);
    },
  },
  {
    name: "claim: tenants do not see each other, under the same request id and explicit id",
    async run({ store }) {
      const answers = await Promise.all(
        ["acme", "globex"].map((tenant) => store.claim(claimRequest("r", { tenant, explicitId: "mine" }))),
      );
      assert.deepEqual(
        answers.map((answer) => [answer.kind, receiptIn(answer).tenant]),
        [
          ["claimed", "acme"],
          ["claimed", "globex"],
        ],
      );
      const [acme, globex] = answers.map(receiptIn) as [Receipt, Receipt];
      const doubt = await moved(store, acme, DOUBT);
      sameRecord(await found(store, acme), doubt);
      sameRecord(await found(store, globex), globex);
    },
  },
];
