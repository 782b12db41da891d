import assert from "node:assert/strict";
import type { ClaimRequest } from "../../core/claim.ts";
import { HALT_SCOPES } from "../../core/halt.ts";
import type { LifecycleEvent } from "../../core/lifecycle.ts";
import type { Store } from "../../core/ports.ts";
import type { StoreContractCase } from "./context.ts";
import {
  APPROVE,
  BACKOFF,
  claimed,
  DOUBT,
  HOLD,
  haltOrder,
  holdForCase,
  made,
  moved,
  RESEND,
  recorded,
  SUCCESS,
} from "./fixtures.ts";

const IDS = { run: "run-1", action: "refund", tenant: "acme" } as const;

async function due(store: Store, limit = 100, actions: readonly string[] = ["refund"]): Promise<string[]> {
  return (await store.due({ actions, limit })).map(({ requestId }) => requestId);
}

export const dueCases: readonly StoreContractCase[] = [
  {
    name: "due: what is held, of the named actions, when it is to be looked at",
    async run({ store, advance }) {
      const held = (id: string, more: Partial<ClaimRequest>, dueInMs = 0) =>
        recorded(store, id, { start: { state: "held", hold: HOLD, dueInMs }, ...more });
      await held("mine", {});
      await held("other", { action: "payout" });
      await held("later", {}, 3_600_000);
      await recorded(store, "case", { start: { state: "held", hold: holdForCase("match:1"), dueInMs: 500 } });
      await moved(store, await held("approved", {}, 3_600_000), APPROVE);
      await moved(store, await held("kept", {}), { type: "keep_held", hold: HOLD, nextInMs: 3_600_000 });
      await advance(1_000);
      assert.deepEqual((await due(store)).sort(), ["approved", "case", "mine"]);
      assert.deepEqual(await due(store, 100, []), []);
      assert.equal((await due(store, 100, ["payout", "refund"])).length, 4);
    },
  },
  {
    name: "due: what was recorded to be sent later, at once; what a restore has put in doubt, at once",
    async run({ store }) {
      await recorded(store, "later", { start: { state: "retry_wait" } });
      await recorded(store, "doubt", { start: { state: "in_doubt", sentFrom: 1, sentUntil: 2 } });
      assert.deepEqual((await due(store)).sort(), ["doubt", "later"]);
    },
  },
  ...HALT_SCOPES.map(
    (scope): StoreContractCase => ({
      name: `due: under a halt of the ${scope}, what only could be sent is left out, and the rest is there`,
      async run({ store, advance }) {
        await made(store, "retry", "retry_wait");
        await recorded(store, "held", { start: { state: "held", hold: HOLD, dueInMs: 0 } });
        await made(store, "key", "in_doubt", { capability: "downstream_key" });
        await made(store, "probe", "in_doubt", { capability: "probe" });
        await made(store, "both", "in_doubt", { capability: "probe_and_downstream_key" });
        await made(store, "none", "in_doubt", { capability: "none" });
        await claimed(store, "lapsed", { leaseMs: 0 });
        await made(store, "elsewhere", "retry_wait", { tenant: "globex" });
        await advance(1);
        assert.equal((await due(store)).length, 8);
        await store.halt(haltOrder({ scope, id: IDS[scope] }));
        assert.deepEqual((await due(store)).sort(), ["both", "elsewhere", "lapsed", "none", "probe"]);
        assert.deepEqual((await due(store, 100, [])).sort(), ["lapsed", "none"]);
        await store.resume("acme", scope, IDS[scope], { actor: "ada", reason: "go on" });
        assert.equal((await due(store)).length, 8);
      },
    }),
  ),
  {
    name: "due: what nobody can move now keeps nothing else from its turn",
    async run({ store, advance }) {
      for (let n = 0; n < 20; n++) await made(store, `halted-${n}`, n % 2 ? "retry_wait" : "in_doubt");
      await store.halt(haltOrder());
      await claimed(store, "running", { serialized: true, recordId: "order:B2", runId: "run-2" });
      const waits = { start: { state: "retry_wait" }, serialized: true, recordId: "order:B2", runId: "run-2" } as const;
      for (let n = 0; n < 20; n++) await recorded(store, `waits-${n}`, waits);
      await advance(1_000);
      await made(store, "free", "retry_wait", { runId: "run-3" });
      assert.deepEqual(await due(store, 1), ["free"]);
    },
  },
  {
    name: "due: whose record is another's turn is left out, until that is over",
    async run({ store, advance }) {
      const inTurn = { serialized: true, recordId: "order:B2" } as const;
      const running = (await claimed(store, "running", { ...inTurn, leaseMs: 3_600_000 })).receipt;
      await recorded(store, "retry", { start: { state: "retry_wait" }, ...inTurn });
      await recorded(store, "held", { start: { state: "held", hold: HOLD, dueInMs: 0 }, ...inTurn });
      await recorded(store, "not serialised", { start: { state: "retry_wait" }, recordId: "order:B2" });
      await recorded(store, "other record", { start: { state: "retry_wait" }, serialized: true });
      await recorded(store, "other tenant", { start: { state: "retry_wait" }, ...inTurn, tenant: "globex" });
      const free = ["not serialised", "other record", "other tenant"];
      assert.deepEqual((await due(store)).sort(), free);
      const doubt = await moved(store, running, { ...DOUBT, nextInMs: 3_600_000 } as LifecycleEvent);
      assert.deepEqual((await due(store)).sort(), free);
      await moved(store, doubt, { type: "probe_happened", result: null });
      assert.deepEqual((await due(store)).sort(), ["held", ...free, "retry"]);
      await advance(1);
    },
  },
  {
    name: "due: a request in doubt is not kept from its own next step by its own doubt",
    async run({ store }) {
      const { receipt } = await claimed(store, "r", { serialized: true });
      const doubt = await moved(store, receipt, DOUBT);
      assert.deepEqual(await due(store), ["r"]);
      await moved(store, await moved(store, doubt, RESEND), SUCCESS);
      assert.deepEqual(await due(store), []);
    },
  },
  {
    name: "due: of two in doubt on one record, the other is left out while one is being sent again",
    async run({ store, advance }) {
      const start = { state: "in_doubt", sentFrom: 1, sentUntil: 2 } as const;
      const keyed = { start, serialized: true, capability: "downstream_key" } as const;
      const a = await recorded(store, "a", keyed);
      await recorded(store, "b", keyed);
      await recorded(store, "probed", { ...keyed, capability: "probe" });
      await advance(1);
      assert.deepEqual((await due(store)).sort(), ["a", "b", "probed"]);
      const again = await moved(store, a, RESEND);
      assert.deepEqual(await due(store), ["probed"]);
      await moved(store, again, SUCCESS);
      assert.deepEqual((await due(store)).sort(), ["b", "probed"]);
    },
  },
  {
    name: "due: a retry is due after its pause, and not before, whoever asks",
    async run({ store, advance }) {
      await moved(store, (await claimed(store, "r")).receipt, { ...BACKOFF, retryInMs: 5_000 } as LifecycleEvent);
      assert.deepEqual(await due(store), []);
      await advance(5_000);
      assert.deepEqual(await due(store), ["r"]);
    },
  },
];
