import assert from "node:assert/strict";
import { isRefusal, type LifecycleEvent, transition } from "../../core/lifecycle.ts";
import { lineOf } from "../../core/log-line.ts";
import type { LogEntry, LogQuery, NewLogEntry } from "../../core/ports.ts";
import type { StoreContractCase } from "./context.ts";
import { BACKOFF, claimed, DOUBT, found, moved, RETRY, SUCCESS, sameRecord, token } from "./fixtures.ts";

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
      assert.deepEqual(appended && withoutTime(appended), entry({ event: "late_failure", detail: '{"failure":1}' }));
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
  {
    name: "log: who did it, from where and why, and the record around it, is what the transition says",
    async run({ store }) {
      const by = { runId: "run-9", actor: "eve", hostScope: "s", hostCallId: "c", traceId: "t" };
      const { receipt } = await claimed(store, "r");
      const waits = await moved(store, receipt, BACKOFF);
      const again = transition(waits, RETRY, token(), { ...by, cause: "replanned" });
      assert.ok(!isRefusal(again));
      const answer = await store.apply(again);
      assert.equal(answer.kind, "applied");
      const success = { ...SUCCESS, before: '{"status":"open"}', after: '{"status":"paid"}' } as LifecycleEvent;
      const done = transition(answer.receipt, success, token(), { ...by, actor: "mallory", cause: null });
      assert.ok(!isRefusal(done));
      await store.apply(done);
      const log = (await store.log("acme", "r")).slice(2);
      const about = { action: "refund", recordId: "order:A1", detail: null };
      assert.deepEqual(
        log.map(({ at: _at, seq: _seq, version: _v, fencingToken: _f, attemptNumber: _n, ...rest }) => rest),
        [
          {
            tenant: "acme",
            requestId: "r",
            event: "retry",
            state: "running",
            ...about,
            ...by,
            cause: "replanned",
            before: null,
            after: null,
          },
          {
            tenant: "acme",
            requestId: "r",
            event: "success",
            state: "succeeded",
            ...about,
            ...by,
            actor: "mallory",
            cause: null,
            before: '{"status":"open"}',
            after: '{"status":"paid"}',
          },
        ],
      );
      sameRecord(await found(store, done.from), {
        ...(await found(store, done.from)),
        runId: "run-1",
        actor: "agent-7",
      });
    },
  },
  {
    name: "log: retention takes the states of the record, of that request only, and no line",
    async run({ store }) {
      const success = { ...SUCCESS, before: '{"status":"open"}', after: '{"status":"paid"}' } as LifecycleEvent;
      const done = await moved(store, (await claimed(store, "r")).receipt, success);
      await store.append(lineOf(done, "before", { before: '{"status":"open"}' }));
      await moved(store, (await claimed(store, "other")).receipt, success);
      await moved(store, done, { type: "expire" });
      const log = await store.log("acme", "r");
      assert.deepEqual(
        log.map(({ event }) => event),
        ["claim", "success", "before", "expire"],
      );
      assert.ok(log.every(({ before, after }) => before === null && after === null));
      assert.deepEqual(await store.searchLog({ requestId: "r", order: "oldest", limit: 9 }), log);
      assert.equal((await store.log("acme", "other"))[1]?.after, '{"status":"paid"}');
    },
  },
  {
    name: "searchLog: by each field, and by all of them",
    async run({ store }) {
      await store.append(entry());
      for (const [, more] of FILTERS) await store.append(entry(more));
      for (const [field, more, value] of FILTERS) {
        const found = await store.searchLog({ [field]: value, limit: 100 });
        assert.deepEqual(found.map(withoutTime), [entry(more)], field);
      }
      const everything = Object.fromEntries(FILTERS.map(([field, , value]) => [field, value]));
      assert.deepEqual(await store.searchLog({ ...everything, limit: 100 }), []);
      const all = entry(Object.assign({}, ...FILTERS.map(([, more]) => more)));
      await store.append(all);
      assert.deepEqual((await store.searchLog({ ...everything, limit: 100 })).map(withoutTime), [all]);
      assert.deepEqual(await store.searchLog({ events: [], limit: 100 }), []);
      assert.equal((await store.searchLog({ runId: undefined, limit: 100 })).length, FILTERS.length + 2);
    },
  },
  {
    name: "searchLog: newest or oldest first, a page at a time, and between two times",
    async run({ store, advance }) {
      const times: number[] = [];
      for (let n = 0; n < 5; n++) {
        await store.append(entry({ event: `e-${n}` }));
        times.push((await store.searchLog({ limit: 1 }))[0]?.at ?? 0);
        await advance(10);
      }
      const events = async (query: LogQuery) => (await store.searchLog(query)).map(({ event }) => event);
      assert.deepEqual(await events({ limit: 2 }), ["e-4", "e-3"]);
      assert.deepEqual(await events({ order: "oldest", limit: 2 }), ["e-0", "e-1"]);
      const places = (await store.searchLog({ order: "oldest", limit: 9 })).map(({ seq }) => seq);
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(places).size, 5);
      assert.deepEqual(await events({ order: "oldest", after: places[1], limit: 2 }), ["e-2", "e-3"]);
      assert.deepEqual(await events({ order: "newest", after: places[3], limit: 2 }), ["e-2", "e-1"]);
      assert.deepEqual(await events({ since: times[1], until: times[3], order: "oldest", limit: 9 }), ["e-1", "e-2"]);
    },
  },
  {
    name: "log: a halt and its end are in it, found under their run or action, once each",
    async run({ store }) {
      const run = { tenant: "acme", scope: "run", id: "run-1", reason: "it loops", actor: "ada" } as const;
      await store.halt(run);
      await store.halt(run); // in force already
      await store.halt({ ...run, scope: "action", id: "refund", actor: null });
      await store.resume("acme", "run", "run-1", { actor: "bob", reason: "looked" });
      assert.equal(await store.resume("acme", "run", "run-1", { actor: "bob", reason: "looked" }), null);
      const log = (await store.searchLog({ runId: "run-1", order: "oldest", limit: 9 })).map(withoutTime);
      const nothing = { action: null, recordId: null, hostScope: null, hostCallId: null, traceId: null, cause: null };
      const nowhere = { state: null, version: 0, fencingToken: 0, attemptNumber: 0, before: null, after: null };
      const line = { tenant: "acme", requestId: null, runId: "run-1", ...nothing, ...nowhere };
      const detail = (reason: string) => JSON.stringify({ scope: "run", id: "run-1", reason });
      assert.deepEqual(log, [
        { ...line, event: "halted", actor: "ada", detail: detail("it loops") },
        { ...line, event: "resumed", actor: "bob", detail: detail("looked") },
      ]);
      assert.deepEqual(
        (await store.searchLog({ action: "refund", limit: 9 })).map(({ event, actor }) => `${event} ${actor}`),
        ["halted null"],
      );
    },
  },
];

/** One entry per value of each filter, so that every filter has something to leave out. */
const FILTERS: readonly (readonly [keyof LogQuery, Partial<NewLogEntry>, LogQuery[keyof LogQuery]])[] = [
  ["tenant", { tenant: "globex" }, "globex"],
  ["requestId", { requestId: "r2" }, "r2"],
  ["action", { action: "payout" }, "payout"],
  ["recordId", { recordId: "order:B2" }, "order:B2"],
  ["runId", { runId: "run-2" }, "run-2"],
  ["actor", { actor: "agent-8" }, "agent-8"],
  ["hostScope", { hostScope: "thread-2" }, "thread-2"],
  ["hostCallId", { hostCallId: "call-2" }, "call-2"],
  ["traceId", { traceId: "trace-2" }, "trace-2"],
  ["cause", { cause: "replanned" }, "replanned"],
  ["events", { event: "drift" }, ["drift", "nothing of the kind"]],
];

function entry(more: Partial<NewLogEntry> = {}): NewLogEntry {
  return {
    tenant: "acme",
    requestId: "r",
    event: "late_failure",
    action: "refund",
    recordId: "order:A1",
    runId: "run-1",
    hostScope: "thread-1",
    hostCallId: "call-1",
    traceId: "trace-1",
    cause: "unknown",
    before: null,
    after: null,
    state: "running",
    version: 1,
    fencingToken: 1,
    attemptNumber: 1,
    actor: "agent-7",
    detail: null,
    ...more,
  };
}

function withoutTime({ at: _at, seq: _seq, ...rest }: LogEntry): NewLogEntry {
  return rest;
}
