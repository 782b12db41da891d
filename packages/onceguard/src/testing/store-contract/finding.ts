import assert from "node:assert/strict";
import type { LifecycleEvent } from "../../core/lifecycle.ts";
import type { ReceiptQuery, Store } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import type { StoreContractCase } from "./context.ts";
import { BACKOFF, claimed, DOUBT, found, moved, SUCCESS, sameRecord } from "./fixtures.ts";

const GIVE_UP: LifecycleEvent = { type: "give_up", reason: "no_capability", route: "operator" };

export const finding: readonly StoreContractCase[] = [
  {
    name: "find: by request id and by explicit id, in the own tenant only",
    async run({ store }) {
      const { receipt } = await claimed(store, "by-key", { explicitId: "mine" });
      await claimed(store, "no-explicit-id");
      sameRecord(await store.find("acme", "by-key"), receipt);
      sameRecord(await store.find("acme", "mine"), receipt);
      for (const [tenant, id] of [
        ["globex", "by-key"],
        ["globex", "mine"],
        ["acme", "MINE"],
        ["acme", "by-ke_"],
        ["acme", "%"],
        ["acme", ""],
        ["", "mine"],
      ] as const) {
        assert.equal(await store.find(tenant, id), null, `${tenant}/${id}`);
      }
    },
  },
  {
    name: "find: a request id goes before somebody else's explicit id",
    async run({ store }) {
      await claimed(store, "by-key", { explicitId: "x" });
      const { receipt } = await claimed(store, "x");
      sameRecord(await store.find("acme", "x"), receipt);
    },
  },
  {
    name: "find: tells the store's time of reading",
    async run({ store, advance }) {
      const { receipt } = await claimed(store, "r");
      await advance(1_000);
      assert.ok((await found(store, receipt)).readAt >= receipt.createdAt + 1_000);
    },
  },
  {
    name: "due: the longest due first, up to the limit, and nothing that is due later",
    async run({ store, advance }) {
      for (const [id, leaseMs] of Object.entries({ c: 30, a: 10, b: 20, later: 3_600_000 })) {
        await claimed(store, id, { leaseMs });
      }
      const [retry, doubt] = [(await claimed(store, "d")).receipt, (await claimed(store, "e")).receipt];
      await moved(store, retry, { ...BACKOFF, retryInMs: 40 } as LifecycleEvent);
      await moved(store, doubt, { ...DOUBT, nextInMs: 50 } as LifecycleEvent);
      assert.deepEqual(await due(store, 0), []);
      await advance(1_000);
      assert.deepEqual(await due(store, 100), ["a", "b", "c", "d", "e"]);
      assert.deepEqual(await due(store, 2), ["a", "b"]);
    },
  },
  {
    name: "due: a record is due at its very millisecond",
    async run({ store, advance }) {
      await claimed(store, "r", { leaseMs: 2_000 });
      assert.deepEqual(await due(store, 10), []);
      await advance(2_000);
      assert.deepEqual(await due(store, 10), ["r"]);
    },
  },
  {
    name: "due: retries and questions of the named actions, questions of any without a capability, leases of all",
    async run({ store, advance }) {
      const make = async (id: string, action: string, capability: Receipt["capability"], event?: LifecycleEvent) => {
        const { receipt } = await claimed(store, id, { action, capability, leaseMs: 0 });
        if (event) await moved(store, receipt, event);
      };
      await make("lease", "other", "probe");
      await make("retry-mine", "mine", "probe", BACKOFF);
      await make("retry-other", "other", "probe", BACKOFF);
      await make("retry-none", "other", "none", BACKOFF);
      await make("doubt-mine", "mine", "downstream_key", DOUBT);
      await make("doubt-other", "other", "probe_and_downstream_key", DOUBT);
      await make("doubt-none", "other", "none", DOUBT);
      await advance(1);
      const names = async (...actions: string[]) => (await due(store, 100, actions)).sort();
      const always = ["doubt-none", "lease"];
      assert.deepEqual(await names(), always);
      assert.deepEqual(await names("mine"), [...always, "doubt-mine", "retry-mine"].sort());
      assert.deepEqual(await names("unknown", "min", "%"), always);
      assert.equal((await names("mine", "other")).length, 7);
    },
  },
  {
    name: "due: nothing that is settled or waits for a person",
    async run({ store, advance }) {
      const first = async (id: string) => (await claimed(store, id, { capability: "none", leaseMs: 0 })).receipt;
      await moved(store, await first("succeeded"), SUCCESS);
      await moved(store, await first("failed"), { ...BACKOFF, retryInMs: null } as LifecycleEvent);
      await moved(store, await first("review"), DOUBT, GIVE_UP);
      await moved(store, await first("expired"), SUCCESS, { type: "expire" });
      await moved(store, await first("compensating"), SUCCESS, { type: "compensate", actor: null });
      await advance(1_000);
      assert.deepEqual(await due(store, 100, ["refund"]), []);
    },
  },
  {
    name: "list: the longest waiting first, where that is asked for, and what waits for nothing last",
    async run({ store, advance }) {
      for (const id of ["a", "b", "c"]) await claimed(store, id, { leaseMs: 1_000 });
      await advance(500);
      const b = await store.find("acme", "b");
      await store.renew([{ tenant: "acme", requestId: "b", fencingToken: b?.fencingToken ?? 1, leaseMs: 5_000 }]);
      const { receipt } = await claimed(store, "d", { leaseMs: 100 });
      await moved(store, receipt, SUCCESS);
      const ids = (await store.list({ limit: 10, order: "longest_due" })).map(({ requestId }) => requestId);
      assert.deepEqual(
        [ids.slice(0, 2).sort(), ids.slice(2)],
        [
          ["a", "c"],
          ["b", "d"],
        ],
      );
      assert.equal((await store.list({ limit: 1, order: "longest_due", states: ["succeeded"] })).length, 1);
    },
  },
  {
    name: "list: of those that have waited equally long, the oldest first",
    async run({ store, advance }) {
      for (const [id, leaseMs] of [
        ["c", 3_000],
        ["a", 2_000],
        ["b", 1_000],
      ] as const) {
        await claimed(store, id, { leaseMs });
        await advance(1_000);
      }
      for (const limit of [2, 10]) {
        const listed = await store.list({ limit, order: "longest_due", states: ["running"] });
        assert.deepEqual(
          listed.map(({ requestId }) => requestId),
          ["c", "a", "b"].slice(0, limit),
        );
      }
    },
  },
  {
    name: "list: by finality case, by conflict, and by when they last changed",
    async run({ store, advance }) {
      const late: LifecycleEvent = { type: "late_success", fencingToken: 9, result: null, sameKey: false };
      await moved(store, (await claimed(store, "a", { caseId: "match:1" })).receipt, SUCCESS);
      await claimed(store, "b", { caseId: "match:1", tenant: "globex" });
      await claimed(store, "c", { caseId: "match:%", keyId: "k-1" });
      const d = (await claimed(store, "d")).receipt;
      await moved(store, (await claimed(store, "e", { caseId: "match:1" })).receipt, SUCCESS, late);
      await advance(10);
      const changed = await moved(store, d, DOUBT);
      await advance(10);
      await claimed(store, "f");
      const ids = async (query: Omit<ReceiptQuery, "limit">) => (await list(store, query)).sort();
      assert.deepEqual(await ids({ caseId: "match:1" }), ["a", "b", "e"]);
      assert.deepEqual(await ids({ caseId: "match:1", tenant: "acme" }), ["a", "e"]);
      assert.deepEqual(await ids({ caseId: "match" }), []);
      assert.deepEqual(await ids({ keyId: "k-1" }), ["c"]);
      assert.deepEqual(await ids({ keyId: "k-%" }), []);
      assert.deepEqual(await ids({ conflict: true }), ["e"]);
      assert.deepEqual(await ids({ conflict: true, caseId: "match:%" }), []);
      assert.deepEqual(await ids({ updatedBefore: changed.updatedAt }), ["a", "b", "c", "e"]);
      assert.deepEqual(await ids({ updatedBefore: changed.updatedAt + 1 }), ["a", "b", "c", "d", "e"]);
      assert.deepEqual(await ids({ updatedBefore: changed.updatedAt, states: ["succeeded"], tenant: "acme" }), [
        "a",
        "e",
      ]);
      assert.deepEqual(await ids({ updatedBefore: 0 }), []);
      assert.equal((await ids({ conflict: undefined, caseId: undefined, updatedBefore: undefined })).length, 6);
    },
  },
  {
    name: "list: pages on by the newest with the other conditions, too",
    async run({ store, advance }) {
      for (let n = 0; n < 6; n++) {
        await claimed(store, `r-${n}`, { caseId: n % 2 ? "odd" : "even" });
        await advance(1);
      }
      const [first] = await store.list({ caseId: "odd", limit: 1 });
      assert.equal(first?.requestId, "r-5");
      assert.deepEqual(await list(store, { caseId: "odd", after: first }), ["r-3", "r-1"]);
    },
  },
  {
    name: "now: is the time by which records are written",
    async run({ store, advance }) {
      const before = await store.now();
      const { receipt } = await claimed(store, "r");
      const after = await store.now();
      assert.ok(before <= receipt.createdAt && receipt.createdAt <= after);
      await advance(1_000);
      assert.ok((await store.now()) >= after + 1_000);
      assert.ok(Number.isSafeInteger(before));
    },
  },
  {
    name: "due: whole records, as read now",
    async run({ store, advance }) {
      const { receipt } = await claimed(store, "r", { leaseMs: 10 });
      await advance(1_000);
      const [read] = await store.due({ actions: [], limit: 1 });
      assert.ok(read);
      sameRecord(read, receipt);
      assert.ok(read.readAt >= receipt.createdAt + 1_000);
    },
  },
  {
    name: "list: filters by every field, and by several together",
    async run({ store }) {
      await claimed(store, "plain");
      await claimed(store, "tenant", { tenant: "globex" });
      await claimed(store, "action", { action: "payout" });
      await claimed(store, "record", { recordId: "order:B2" });
      await claimed(store, "no-record", { recordId: null, runId: null });
      await claimed(store, "run", { runId: "run-2" });
      await moved(store, (await claimed(store, "done")).receipt, SUCCESS);
      await moved(store, (await claimed(store, "doubt", { runId: "run-2" })).receipt, DOUBT);
      const ids = async (query: Omit<ReceiptQuery, "limit">) => (await list(store, query)).sort();
      assert.equal((await ids({})).length, 8);
      assert.deepEqual(await ids({ tenant: "globex" }), ["tenant"]);
      assert.deepEqual(await ids({ action: "payout" }), ["action"]);
      assert.deepEqual(await ids({ recordId: "order:B2" }), ["record"]);
      assert.deepEqual(await ids({ runId: "run-2" }), ["doubt", "run"]);
      assert.deepEqual(await ids({ states: ["succeeded", "in_doubt"] }), ["done", "doubt"]);
      assert.deepEqual(await ids({ states: [] }), []);
      assert.deepEqual(await ids({ runId: "run-2", states: ["in_doubt"], tenant: "acme", action: "refund" }), [
        "doubt",
      ]);
      assert.deepEqual(await ids({ runId: "run-2", tenant: "globex" }), []);
      assert.deepEqual(await ids({ recordId: "order:%" }), []);
      assert.equal(
        (await ids({ tenant: undefined, states: undefined, action: undefined, runId: undefined })).length,
        8,
      );
    },
  },
  {
    name: "list: newest first, whole records, up to the limit",
    async run({ store, advance }) {
      const made: Receipt[] = [];
      for (const id of ["a", "b", "c", "d"]) {
        made.unshift((await claimed(store, id)).receipt);
        await advance(10);
      }
      const read = await store.list({ limit: 3 });
      assert.equal(read.length, 3);
      for (const [n, receipt] of read.entries()) {
        sameRecord(receipt, made[n] as Receipt);
        assert.ok(receipt.readAt >= (made[0]?.createdAt ?? 0) + 10);
      }
      assert.deepEqual(await list(store, { after: made[1] }), ["b", "a"]);
    },
  },
  {
    name: "list: pages over records of one moment without losing or repeating any",
    async run({ store, advance }) {
      for (const round of [1, 2]) {
        const ids = Array.from({ length: 20 }, (_, n) => `r-${round}-${(n * 7) % 20}`);
        // The same ids at the same moment in another tenant.
        await Promise.all(ids.flatMap((id) => ["acme", "globex"].map((tenant) => claimed(store, id, { tenant }))));
        await advance(10);
      }
      for (const tenant of ["acme", undefined]) {
        const keys = (page: readonly Receipt[]) => page.map((receipt) => `${receipt.tenant}/${receipt.requestId}`);
        const all = keys(await store.list({ tenant, limit: 1_000 }));
        assert.equal(new Set(all).size, tenant ? 40 : 80);
        for (const limit of [1, 7, 40]) {
          const paged: string[] = [];
          let after: Receipt | undefined;
          do {
            const page = await store.list({ tenant, after, limit });
            assert.ok(page.length <= limit);
            paged.push(...keys(page));
            after = page.at(-1);
          } while (after && paged.length <= all.length);
          assert.deepEqual(paged, all, `in pages of ${limit}`);
        }
      }
    },
  },
];

async function due(store: Store, limit: number, actions: readonly string[] = ["refund"]): Promise<string[]> {
  return (await store.due({ actions, limit })).map(({ requestId }) => requestId);
}

async function list(store: Store, query: Omit<ReceiptQuery, "limit">): Promise<string[]> {
  return (await store.list({ ...query, limit: 1_000 })).map(({ requestId }) => requestId);
}
