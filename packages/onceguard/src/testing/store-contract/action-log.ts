import assert from "node:assert/strict";
import type { LogEntry } from "../../core/ports.ts";
import type { StoreContractCase } from "./context.ts";
import { claimed, DOUBT, found, moved, SUCCESS, sameRecord } from "./fixtures.ts";

export const actionLog: readonly StoreContractCase[] = [
  {
    name: "log: one entry per event, oldest first, transitions and appended ones alike",
    async run({ store, advance }) {
      const { receipt } = await claimed(store, "r");
      const doubt = await moved(store, receipt, DOUBT);
      await advance(5);
      await store.append(entry({ event: "late_failure", detail: '{"failure":1}' }));
      await advance(5);
      const done = await moved(store, doubt, { type: "probe_happened", result: null });
      const log = await store.log("acme", "r");
      assert.deepEqual(
        log.map(({ event, state, version }) => `${event} ${state} ${version}`),
        ["claim running 1", "indefinite in_doubt 2", "late_failure running 1", "probe_happened succeeded 3"],
      );
      const [, , appended, last] = log;
      assert.ok((appended?.at ?? 0) >= doubt.updatedAt + 5, "timed by the store");
      assert.deepEqual(appended, { ...entry({ event: "late_failure", detail: '{"failure":1}' }), at: appended?.at });
      assert.equal(last?.at, done.updatedAt);
    },
  },
  {
    name: "append: never refused, whatever the state, version and fence, and changes no record",
    async run({ store }) {
      const done = await moved(store, (await claimed(store, "r")).receipt, SUCCESS);
      const odd = [
        entry({ event: "late_failure", fencingToken: 99, version: 0, state: "running" }),
        entry({ event: "late_failure", fencingToken: 99, version: 0, state: "running" }),
        entry({ event: "drift", actor: null, detail: null, state: "denied" }),
      ];
      for (const one of odd) await store.append(one);
      await store.append(entry({ requestId: "unknown" }));
      assert.deepEqual((await store.log("acme", "r")).slice(2).map(withoutTime), odd);
      assert.equal((await store.log("acme", "unknown")).length, 1);
      assert.equal(await store.find("acme", "unknown"), null);
      sameRecord(await found(store, done), done);
    },
  },
  {
    name: "append: many at once all land",
    async run({ store }) {
      await Promise.all(Array.from({ length: 200 }, (_, n) => store.append(entry({ event: `e-${n}` }))));
      assert.equal(new Set((await store.log("acme", "r")).map(({ event }) => event)).size, 200);
    },
  },
  {
    name: "log: of the one request of the one tenant only",
    async run({ store }) {
      await Promise.all([claimed(store, "r"), claimed(store, "r", { tenant: "globex" }), claimed(store, "r2")]);
      await store.append(entry({ tenant: "globex", event: "drift" }));
      const events = async (tenant: string, id: string) => (await store.log(tenant, id)).map(({ event }) => event);
      assert.deepEqual(await events("acme", "r"), ["claim"]);
      assert.deepEqual(await events("globex", "r"), ["claim", "drift"]);
      assert.deepEqual(await events("globex", "r2"), []);
    },
  },
];

function entry(more: Partial<Omit<LogEntry, "at">> = {}): Omit<LogEntry, "at"> {
  return {
    tenant: "acme",
    requestId: "r",
    event: "late_failure",
    state: "running",
    version: 1,
    fencingToken: 1,
    attemptNumber: 1,
    actor: "agent-7",
    detail: null,
    ...more,
  };
}

function withoutTime({ at: _at, ...rest }: LogEntry): Omit<LogEntry, "at"> {
  return rest;
}
