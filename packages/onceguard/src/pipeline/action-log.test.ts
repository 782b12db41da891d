import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { testGuard, withVerbs } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";
import type { LogEntry, Store } from "../core/ports.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";

interface Ship {
  readonly id: string;
  readonly priority: string;
  readonly note?: string;
}

/** A record outside, that the action changes. */
function shipments(fail: (attempt: number) => void = () => undefined) {
  const world: Record<string, { priority: string }> = { s1: { priority: "normal" } };
  let attempts = 0;
  const flag = defineAction({
    name: "flag",
    riskTier: "side_effecting",
    keyFields: ["id"],
    volatile: ["note"],
    record: (p: Ship) => `shipment:${p.id}`,
    before: (p) => world[p.id],
    after: (p) => world[p.id],
    retry: { maxAttempts: 3, base: "1s" },
    execute: (p) => {
      fail(++attempts);
      world[p.id] = { priority: p.priority };
      return { flagged: p.id };
    },
  });
  return { world, flag };
}

const PAYLOAD: Ship = { id: "s1", priority: "high" };
const CALLER = { runId: "run-1", actor: "agent-7", host: { scope: "thread-1", callId: "call-1" }, traceId: "trace-1" };

function lines(log: readonly LogEntry[]): string[] {
  return log.map(({ event, attemptNumber, cause }) => `${event} ${attemptNumber} ${cause}`);
}

test("the record before and after an effect is kept: before it is sent, and with its success", async () => {
  const { flag } = shipments();
  const { guard, store } = testGuard([flag]);
  const { requestId } = await guard.execute("flag", PAYLOAD, CALLER);
  const log = await store.log("default", requestId);
  expect(log.map(({ event, before, after }) => [event, before, after])).toEqual([
    ["claim", null, null],
    ["before", '{"priority":"normal"}', null],
    ["success", null, '{"priority":"high"}'],
  ]);
  for (const entry of log) {
    expect(entry).toMatchObject({
      action: "flag",
      recordId: "shipment:s1",
      runId: "run-1",
      actor: "agent-7",
      hostScope: "thread-1",
      hostCallId: "call-1",
      traceId: "trace-1",
      fencingToken: 1,
    });
  }
});

test("what was before is in the store before anything is sent", async () => {
  const { flag, world } = shipments();
  const inner = memoryStore();
  const order: string[] = [];
  const store: Store = withVerbs(inner, {
    append: async (entry) => {
      order.push(`${entry.event}: ${world.s1?.priority}`);
      return inner.append(entry);
    },
  });
  const { guard } = testGuard([flag], { store });
  await guard.execute("flag", PAYLOAD);
  expect(order).toEqual(["before: normal"]);
});

test("a mark before the dispatch takes what was before along, in its own commit", async () => {
  const { flag } = shipments();
  const precise = { ...flag, preciseDispatch: true };
  const { guard } = testGuard([precise]);
  const { requestId } = await guard.execute("flag", PAYLOAD);
  expect((await guard.log(requestId)).map(({ event, before }) => [event, before])).toEqual([
    ["claim", null],
    ["dispatch", '{"priority":"normal"}'],
    ["success", null],
  ]);
});

test("a record that cannot be read beforehand is not touched", async () => {
  const { flag, world } = shipments();
  const blind = { ...flag, before: () => Promise.reject(new Error("the reader is away")) };
  const { guard, settle } = testGuard([blind]);
  const outcome = await settle(guard.execute("flag", PAYLOAD));
  expect(outcome).toMatchObject({ status: "review" });
  expect(world.s1).toEqual({ priority: "normal" });
});

test("a success counts, whether or not the record can be read afterwards", async () => {
  const { flag } = shipments();
  const reported: unknown[] = [];
  const blind = { ...flag, after: () => Promise.reject(new Error("the reader is away")) };
  const { guard } = testGuard([blind], { onBackgroundError: (error) => reported.push(error) });
  const outcome = await guard.execute("flag", PAYLOAD);
  expect(outcome).toMatchObject({ status: "executed", result: { flagged: "s1" } });
  expect((await guard.log(outcome.requestId)).at(-1)).toMatchObject({ event: "success", after: null });
  expect(reported).toEqual([new Error("the reader is away")]);
});

test("a state that is too large is left out, and the log says so", async () => {
  const { flag } = shipments();
  const wide = { ...flag, before: () => "x".repeat(2_000) };
  const { guard } = testGuard([wide], { maxResultBytes: 1_000 });
  const { requestId, status } = await guard.execute("flag", PAYLOAD);
  expect(status).toBe("executed");
  const entry = (await guard.log(requestId)).find(({ event }) => event === "before");
  expect(entry).toMatchObject({ before: null, detail: '{"omitted":"too_large"}' });
});

test("a record that is not there is not the same as one that was not read", async () => {
  const { flag } = shipments();
  const { guard } = testGuard([flag]);
  const { requestId } = await guard.execute("flag", { ...PAYLOAD, id: "new" });
  expect((await guard.log(requestId)).map(({ before }) => before)).toEqual([null, "null", null]);
});

function failsOnce(attempt: number): void {
  if (attempt === 1) throw Object.assign(new Error("busy"), { status: 429 });
}

test("why an attempt is made again: by the same call", async () => {
  const { flag } = shipments(failsOnce);
  const { guard, settle } = testGuard([flag]);
  const { requestId } = await settle(guard.execute("flag", PAYLOAD));
  expect(lines(await guard.log(requestId))).toEqual([
    "claim 1 first",
    "before 1 null",
    "definite_failure 1 null",
    "retry 2 same_process",
    "before 2 null",
    "success 2 null",
  ]);
});

const AGAIN = [
  ["the host's retry of the same call", "framework_retry", PAYLOAD, CALLER],
  [
    "another call id: the model planned anew",
    "replanned",
    PAYLOAD,
    { ...CALLER, host: { scope: "thread-1", callId: "call-2" } },
  ],
  [
    "the same call id in another thread",
    "replanned",
    PAYLOAD,
    { ...CALLER, host: { scope: "thread-2", callId: "call-1" } },
  ],
  ["other prose", "replanned", { ...PAYLOAD, note: "urgent!" }, { runId: "run-1" }],
  ["no trace of why", "unknown", PAYLOAD, { runId: "run-2" }],
  ["a redelivery, as the caller says", "redelivery", PAYLOAD, { ...CALLER, cause: "redelivery" }],
  ["a person, as the caller says", "human", PAYLOAD, { ...CALLER, cause: "human" }],
] as const;

test.each(AGAIN)("why an attempt is made again: %s", async (_what, cause, payload, caller) => {
  const { flag } = shipments(failsOnce);
  const { guard, settle, clock } = testGuard([flag]);
  const { requestId } = await guard.execute("flag", PAYLOAD, { ...CALLER, wait: 0 });
  await clock.advance(2_000);
  await settle(guard.execute("flag", payload, caller));
  const attempts = (await guard.log(requestId)).filter(({ event }) => event === "retry");
  expect(attempts).toMatchObject([{ cause, runId: caller.runId, attemptNumber: 2 }]);
});

test.each(AGAIN)("why a call is answered from the record: %s", async (_what, cause, payload, caller) => {
  const { flag } = shipments();
  const { guard } = testGuard([flag]);
  const { requestId } = await guard.execute("flag", PAYLOAD, CALLER);
  await guard.execute("flag", payload, caller);
  const replays = (await guard.log(requestId)).filter(({ event }) => event === "replayed");
  expect(replays).toMatchObject([{ cause, runId: caller.runId, recordId: "shipment:s1", state: "succeeded" }]);
});

test("why an attempt is made again: a sweeper carries it on, or a person wants it", async () => {
  const { flag } = shipments((attempt) => {
    if (attempt <= 3) throw Object.assign(new Error("busy"), { status: 429 });
  });
  const { guard, clock, settle } = testGuard([flag]);
  const { requestId } = await guard.execute("flag", PAYLOAD, { wait: 0 });
  for (let n = 0; n < 2; n++) {
    await clock.advance(10_000);
    await settle(guard.reconcile());
  }
  await guard.resolve(requestId, { decision: "retry", actor: "ada", reason: "it is up again" });
  await settle(guard.reconcile());
  const attempts = (await guard.log({ requestId, events: ["claim", "retry"], order: "oldest" })).map(
    ({ cause }) => cause,
  );
  expect(attempts).toEqual(["first", "sweeper", "sweeper", "human"]);
});

test("replays cost no commit of their own: equal ones are counted and written together, a moment later", async () => {
  const { flag } = shipments();
  const inner = memoryStore();
  const appended: string[] = [];
  const store: Store = withVerbs(inner, {
    append: async (entry) => {
      appended.push(entry.event);
      return inner.append(entry);
    },
  });
  const { guard, clock } = testGuard([flag], { store });
  const { requestId } = await guard.execute("flag", PAYLOAD);
  for (let n = 0; n < 10; n++) await guard.execute("flag", PAYLOAD, { runId: n < 9 ? "run-1" : "run-2" });
  expect(appended).toEqual(["before"]);
  await clock.advance(250);
  await sleep(0);
  expect(appended).toEqual(["before", "replayed", "replayed"]);
  const replays = await guard.log({ requestId, events: ["replayed"], order: "oldest" });
  expect(replays.map(({ runId, detail }) => [runId, detail])).toEqual([
    ["run-1", '{"times":9}'],
    ["run-2", null],
  ]);
});

test("a storm of different replays is listed up to a limit, and counted beyond it", async () => {
  const { flag } = shipments();
  const { guard } = testGuard([flag]);
  await guard.execute("flag", PAYLOAD);
  for (let n = 0; n < 300; n++) await guard.execute("flag", PAYLOAD, { runId: `run-${n}` });
  expect(await guard.log({ events: ["replayed"], limit: 1_000 })).toHaveLength(256);
  expect(await guard.log({ events: ["unlisted"] })).toMatchObject([{ tenant: "default", detail: '{"times":44}' }]);
});

test("closing writes what has gathered; logCalls: false gathers nothing", async () => {
  for (const logCalls of [true, false]) {
    const { flag } = shipments();
    const { guard, store } = testGuard([flag], { logCalls });
    await guard.execute("flag", PAYLOAD);
    await guard.execute("flag", PAYLOAD);
    await guard.close();
    expect(await store.searchLog({ events: ["replayed"], limit: 9 })).toHaveLength(logCalls ? 1 : 0);
  }
});

test("calls that are refused, and proposals, are in the log as well", async () => {
  const { flag } = shipments();
  const { guard } = testGuard([flag], {
    policy: ({ recordId }) =>
      recordId === "shipment:no" ? { verdict: "deny", reason: "not that one" } : { verdict: "allow" },
  });
  await guard.propose("flag", { ...PAYLOAD, id: "p" }, CALLER);
  await guard.execute("flag", { ...PAYLOAD, id: "no" }, CALLER);
  await guard.execute("flag", PAYLOAD, CALLER);
  await guard.execute("flag", { ...PAYLOAD, priority: "low" }, CALLER);
  await guard.halt("run", "run-1", { actor: "ada", reason: "it loops" });
  await guard.execute("flag", { ...PAYLOAD, id: "s3" }, CALLER);
  await sleep(1);
  const log = await guard.log({ runId: "run-1", order: "oldest" });
  const told = log.map(({ event, recordId, actor }) => `${event} ${recordId} ${actor}`);
  expect(told.sort()).toEqual(
    [
      "claim shipment:s1 agent-7",
      "before shipment:s1 agent-7",
      "success shipment:s1 agent-7",
      "halted null ada",
      "proposed shipment:p agent-7",
      "refused shipment:no agent-7",
      "mismatch shipment:s1 agent-7",
      "refused shipment:s3 agent-7",
    ].sort(),
  );
  expect(log.find(({ recordId }) => recordId === "shipment:no")?.detail).toBe('{"denied":"not that one"}');
});

test("a context that is not printable is refused", async () => {
  const { flag } = shipments();
  const { guard } = testGuard([flag]);
  for (const context of [{ traceId: "" }, { host: { scope: "a\u0000" } }, { cause: "boredom" as never }]) {
    await expect(guard.execute("flag", PAYLOAD, context)).rejects.toMatchObject({ code: "invalid_context" });
  }
});
