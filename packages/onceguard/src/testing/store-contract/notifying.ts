import assert from "node:assert/strict";
import type { Route } from "../../core/failure.ts";
import type { LifecycleEvent } from "../../core/lifecycle.ts";
import type { Notification } from "../../core/notification.ts";
import type { Store } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { another, type StoreContractCase } from "./context.ts";
import {
  APPROVE,
  BACKOFF,
  change,
  claimed,
  DEFINITE,
  DENY,
  DOUBT,
  GIVE_UP,
  HOLD,
  haltOrder,
  holdForCase,
  made,
  moved,
  RELEASE,
  RETRY,
  recorded,
  told,
  unmoved,
} from "./fixtures.ts";

const ROUTES: readonly Route[] = ["data_owner", "domain_expert", "operator", "security"];
const LEASE_MS = 60_000;

/** About the record as it now is. */
function about(
  receipt: Receipt,
  kind: Notification["kind"],
  route: Route,
  reason: string | null,
): Omit<Notification, "id"> {
  const { tenant, requestId, action, recordId, runId, updatedAt: at } = receipt;
  return { kind, route, tenant, requestId, action, recordId, runId, reason, at };
}

/** The one notification that has come about since the last look. */
async function news(store: Store): Promise<Omit<Notification, "id">> {
  const [one, ...more] = await told(store);
  assert.deepEqual(more, []);
  assert.ok(one, "nobody was told");
  const { id, ...rest } = one.notification;
  assert.ok(id.length > 0);
  assert.equal(one.deliveries, 1);
  return rest;
}

async function take(store: Store, limit = 100, routes = ROUTES): Promise<string[]> {
  return (await store.takeNotifications({ routes, limit, leaseMs: LEASE_MS })).map(
    ({ notification, deliveries }) => `${notification.requestId} ${deliveries}`,
  );
}

const CONTRADICTS: LifecycleEvent = { type: "late_denial", source: "a webhook", sameKey: true };

export const notifying: readonly StoreContractCase[] = [
  {
    name: "notifications: of a new review, for whom it is and why",
    async run({ store }) {
      const given = await moved(store, await made(store, "a", "in_doubt"), GIVE_UP);
      assert.deepEqual(await news(store), about(given, "review", "operator", "no_capability"));
      const invalid = { ...BACKOFF, failure: DEFINITE, retryInMs: null, route: "data_owner", reason: "validation" };
      const failed = await moved(store, await made(store, "b", "running"), invalid as LifecycleEvent);
      assert.deepEqual(await news(store), about(failed, "review", "data_owner", "validation"));
      const undone = await moved(store, await made(store, "c", "compensating"), {
        type: "compensation_failed",
        reason: "refused",
      });
      assert.deepEqual(await news(store), about(undone, "review", "operator", "refused"));
    },
  },
  {
    name: "notifications: of evidence that contradicts a record, once per record",
    async run({ store }) {
      const done = await made(store, "r", "succeeded");
      const conflict = await moved(store, done, CONTRADICTS);
      assert.equal(conflict.conflict, true);
      assert.deepEqual(await news(store), about(conflict, "conflict", "operator", null));
      await moved(store, conflict, CONTRADICTS);
      assert.deepEqual(await told(store), []);
    },
  },
  {
    name: "notifications: of a request that is held for approval, and of a consent that has become void",
    async run({ store }) {
      const held = await made(store, "r", "held");
      assert.deepEqual(await news(store), about(held, "held", "operator", "over the limit"));
      const approved = await moved(store, held, APPROVE);
      assert.deepEqual(await told(store), []);
      const hold = { ...HOLD, reasons: [...HOLD.reasons, "policy_changed"], policyVersion: "2" };
      const again = await moved(store, approved, { type: "keep_held", hold, nextInMs: 1_000 });
      assert.deepEqual(await news(store), about(again, "held", "operator", "policy_changed"));
    },
  },
  {
    name: "notifications: of a halt, by a person and by a security failure",
    async run({ store }) {
      const scopes = {
        run: ["run-1", null, "run-1"],
        action: ["refund", "refund", null],
        tenant: ["acme", null, null],
      } as const;
      for (const [scope, [id, action, runId]] of Object.entries(scopes)) {
        const { haltedAt: at } = await store.halt(haltOrder({ scope, id } as never));
        await store.halt(haltOrder({ scope, id } as never));
        const rest = { tenant: "acme", requestId: null, action, recordId: null, runId, reason: "it loops", at };
        assert.deepEqual(await news(store), { kind: "halted", route: "operator", ...rest });
        await store.resume("acme", scope as "run", id, { actor: "ada", reason: "again" });
      }
      assert.deepEqual(await told(store), []);
      const { receipt } = await claimed(store, "r", { runId: "run-9" });
      const review = await moved(store, receipt, {
        type: "definite_failure",
        failure: { ...DEFINITE, tier: "security" },
        retryInMs: null,
        route: "security",
        reason: "security",
      });
      const both = (await told(store)).map(({ notification: { id: _id, ...rest } }) => rest);
      both.sort((a, b) => (a.kind < b.kind ? -1 : 1));
      assert.deepEqual(both, [
        { ...about(review, "halted", "security", "security"), requestId: null, action: null, recordId: null },
        about(review, "review", "security", "security"),
      ]);
    },
  },
  {
    name: "notifications: of a record that needs a person once more, though nobody has taken the first one",
    async run({ store }) {
      const first = await made(store, "r", "review");
      const resolve = { type: "resolve", decision: "retry", result: null, actor: "ada", reason: "again" } as const;
      const second = await moved(store, first, resolve, RETRY, DOUBT, GIVE_UP);
      const taken = await told(store);
      assert.deepEqual(
        taken.map(({ notification: { kind, at } }) => `${kind} ${at}`).sort(),
        [`review ${first.updatedAt}`, `review ${second.updatedAt}`].sort(),
      );
      assert.equal(new Set(taken.map(({ notification }) => notification.id)).size, 2);
    },
  },
  {
    name: "notifications: of nothing that needs no person",
    async run({ store }) {
      await made(store, "a", "succeeded");
      await made(store, "b", "failed");
      await made(store, "c", "in_doubt");
      await made(store, "d", "retry_wait");
      await made(store, "e", "compensated");
      await recorded(store, "f", { start: { state: "held", hold: holdForCase("match:1"), dueInMs: 0 } });
      await recorded(store, "g", { start: { state: "retry_wait" } });
      const held = await made(store, "h", "held");
      assert.equal((await told(store)).length, 1);
      await moved(store, held, DENY);
      await moved(store, await made(store, "i", "review"), {
        type: "resolve",
        decision: "did_not_happen",
        result: null,
        actor: "ada",
        reason: "no",
      });
      assert.equal((await told(store)).length, 1);
    },
  },
  {
    name: "notifications: none of a write that was refused, and none twice of one that was asked again",
    async run({ store }) {
      const doubt = await made(store, "r", "in_doubt");
      const giveUp = change(doubt, GIVE_UP);
      await store.apply(giveUp);
      await store.apply(giveUp);
      await unmoved(store, change(doubt, GIVE_UP), "stale");
      assert.deepEqual((await news(store)).requestId, "r");
      await store.apply(giveUp);
      assert.deepEqual(await told(store), []);
    },
  },
  {
    name: "notifications: taken once while the lease lasts, by whoever asks; then again, with the same id",
    async run(context) {
      const { store, advance } = context;
      const stores = [store, await another(context)];
      await Promise.all(Array.from({ length: 20 }, (_, n) => made(store, `r-${n}`, "review")));
      const all = async () =>
        (
          await Promise.all(
            Array.from({ length: 10 }, (_, n) =>
              stores[n % 2]?.takeNotifications({ routes: ROUTES, limit: 3, leaseMs: LEASE_MS }),
            ),
          )
        ).flatMap((taken) => taken ?? []);
      const first = [
        ...(await all()),
        ...(await store.takeNotifications({ routes: ROUTES, limit: 100, leaseMs: LEASE_MS })),
      ];
      const ids = first.map(({ notification }) => notification.id);
      assert.equal(ids.length, 20);
      assert.equal(new Set(ids).size, 20, "each by one");
      assert.deepEqual(await all(), []);
      await advance(LEASE_MS);
      const second = await store.takeNotifications({ routes: ROUTES, limit: 100, leaseMs: LEASE_MS });
      assert.deepEqual(
        second.map(({ deliveries }) => deliveries),
        ids.map(() => 2),
      );
      const byId = (a: { notification: Notification }, b: { notification: Notification }) =>
        a.notification.id < b.notification.id ? -1 : 1;
      assert.deepEqual(
        second.toSorted(byId).map(({ notification }) => notification),
        first.toSorted(byId).map(({ notification }) => notification),
      );
    },
  },
  {
    name: "notifications: of the routes that were asked for only, up to the limit, the oldest first",
    async run({ store, advance }) {
      for (const [id, route] of [
        ["a", "operator"],
        ["b", "security"],
        ["c", "operator"],
        ["d", "data_owner"],
        ["e", "operator"],
      ] as const) {
        await moved(store, await made(store, id, "in_doubt"), { ...GIVE_UP, route } as LifecycleEvent);
        await advance(10);
      }
      assert.deepEqual(await take(store, 10, []), []);
      assert.deepEqual(await take(store, 10, ["domain_expert"]), []);
      assert.deepEqual(await take(store, 2, ["operator"]), ["a 1", "c 1"]);
      assert.deepEqual(await take(store, 10, ["security", "data_owner"]), ["b 1", "d 1"]);
      assert.deepEqual(await take(store, 10), ["e 1"]);
    },
  },
  {
    name: "notifications: delivered, it is gone; not delivered, it comes again after that long, and keeps no other waiting",
    async run({ store, advance }) {
      await made(store, "a", "review");
      await advance(10);
      const [a] = await store.takeNotifications({ routes: ROUTES, limit: 1, leaseMs: LEASE_MS });
      assert.ok(a);
      await made(store, "b", "review");
      await store.settleNotification(a.notification.id, 5_000);
      await advance(4_000);
      assert.deepEqual(await take(store, 1), ["b 1"]);
      assert.deepEqual(await take(store), []);
      await advance(1_000);
      await made(store, "c", "review");
      await advance(10);
      assert.deepEqual(await take(store, 1), ["a 2"]);
      await store.settleNotification(a.notification.id, null);
      await store.settleNotification(a.notification.id, null);
      await store.settleNotification("unknown", null);
      await store.settleNotification("unknown", 0);
      await advance(2 * LEASE_MS);
      assert.deepEqual(await take(store), ["b 2", "c 1"]);
    },
  },
  {
    name: "notifications: one that is put off again and again lets the others through",
    async run({ store, advance }) {
      await made(store, "old", "review");
      await advance(10);
      for (const id of ["a", "b"]) {
        const [old] = await store.takeNotifications({ routes: ROUTES, limit: 1, leaseMs: LEASE_MS });
        assert.equal(old?.notification.requestId, "old");
        await made(store, id, "review");
        await advance(10);
        await store.settleNotification(old?.notification.id ?? "", 0);
        await advance(10);
        assert.deepEqual(await take(store, 1), [`${id} 1`], "what came due first");
      }
    },
  },
  {
    name: "notifications: no two pieces of news have one id, whatever the names",
    async run({ store, advance }) {
      for (const [tenant, id] of [
        ["acme", "r"],
        ["acme:r", "2"],
        ["acme", "r:2"],
        ["acme%3A", "r"],
        ["acme:", "r"],
        ["é💶", "r?"],
      ] as const) {
        await made(store, id, "review", { tenant });
        await store.halt(haltOrder({ tenant, id }));
        await advance(10);
        await store.resume(tenant, "run", id, { actor: "ada", reason: "again" });
        await store.halt(haltOrder({ tenant, id }));
      }
      const held = await made(store, "held", "held");
      await moved(store, held, RELEASE, DOUBT, GIVE_UP, {
        type: "late_success",
        fencingToken: 9,
        result: null,
        sameKey: false,
      });
      const ids = (await told(store)).map(({ notification }) => notification.id);
      assert.equal(ids.length, 6 * 3 + 3);
      assert.equal(new Set(ids).size, ids.length);
    },
  },
  {
    name: "notifications: every text comes back as it went in",
    async run({ store }) {
      const text = `it's "quoted" \\ ? $1 % _ é 💶 \u2028 {}`;
      const names = { tenant: text, action: text, recordId: text, runId: text };
      const doubt = await moved(store, (await claimed(store, text, names)).receipt, DOUBT);
      const review = await moved(store, doubt, { ...GIVE_UP, reason: text } as LifecycleEvent);
      assert.deepEqual(await news(store), about(review, "review", "operator", text));
    },
  },
];
