import { describe, expect, test } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { type ActionOptions, defineAction } from "../core/action.ts";

interface Escalation {
  readonly ticket: string;
  readonly text: string;
}

function escalations(more: Partial<ActionOptions<"escalate", Escalation, Escalation, string>> = {}) {
  const done: Escalation[] = [];
  const escalate = defineAction({
    name: "escalate",
    riskTier: "side_effecting",
    record: (payload: Escalation) => `ticket:${payload.ticket}`,
    ...more,
    execute: async (payload: Escalation) => {
      done.push(payload);
      return "escalated";
    },
  });
  return { escalate, done };
}

describe("the loop filter", () => {
  test("skips another request for the same record inside the window, with the earlier receipt, and logs it", async () => {
    const { escalate, done } = escalations();
    const { guard, clock } = testGuard([escalate]);
    const first = await guard.execute("escalate", { ticket: "7", text: "it burns" });
    const second = await guard.execute("escalate", { ticket: "7", text: "the ticket is burning" }, { runId: "r2" });
    expect(second).toMatchObject({ status: "skipped", receipt: { requestId: first.requestId } });
    expect(await guard.log(second.requestId)).toMatchObject([
      { event: "skipped", detail: expect.stringContaining(first.requestId) },
    ]);
    await clock.advance(86_400_001);
    expect(await guard.execute("escalate", { ticket: "7", text: "again" })).toMatchObject({ status: "executed" });
    expect(done).toHaveLength(2);
  });

  test("leaves other records, and the replay of the same request, alone", async () => {
    const { escalate } = escalations();
    const { guard } = testGuard([escalate]);
    await guard.execute("escalate", { ticket: "7", text: "it burns" });
    expect(await guard.execute("escalate", { ticket: "7", text: "it burns" })).toMatchObject({ status: "replayed" });
    expect(await guard.execute("escalate", { ticket: "8", text: "it burns" })).toMatchObject({ status: "executed" });
  });

  test("asks nothing where a business key names the intent, unless the action says so", async () => {
    const { escalate } = escalations({ keyFields: ["ticket", "text"] });
    const { guard } = testGuard([escalate]);
    await guard.execute("escalate", { ticket: "7", text: "a" });
    expect(await guard.execute("escalate", { ticket: "7", text: "b" })).toMatchObject({ status: "executed" });
    const said = escalations({ keyFields: ["ticket", "text"], dedupWindow: { window: "1h", limit: 2 } });
    const limited = testGuard([said.escalate]).guard;
    const statuses: string[] = [];
    for (const text of ["a", "b", "c"])
      statuses.push((await limited.execute("escalate", { ticket: "7", text })).status);
    expect(statuses).toEqual(["executed", "executed", "skipped"]);
  });

  test("holds a near-duplicate for a person where the action wants that", async () => {
    const { escalate, done } = escalations({ dedupWindow: { window: "1h", behaviour: "hold" } });
    const { guard } = testGuard([escalate]);
    await guard.execute("escalate", { ticket: "7", text: "a" });
    const held = await guard.execute("escalate", { ticket: "7", text: "b" });
    expect(held).toMatchObject({ status: "held", reasons: ["near_duplicate"] });
    await guard.approve(held.requestId, { actor: "ada", reason: "really a second one" });
    await guard.reconcile();
    expect(done).toHaveLength(2);
  });

  test("does not count what certainly was not done", async () => {
    let fails = true;
    const escalate = defineAction({
      name: "escalate",
      riskTier: "side_effecting",
      record: (payload: Escalation) => `ticket:${payload.ticket}`,
      execute: async () => {
        if (fails) throw Object.assign(new Error("gone"), { status: 410 });
      },
    });
    const { guard } = testGuard([escalate]);
    expect(await guard.execute("escalate", { ticket: "7", text: "a" })).toMatchObject({ status: "failed" });
    fails = false;
    expect(await guard.execute("escalate", { ticket: "7", text: "b" })).toMatchObject({ status: "executed" });
  });
});

describe("serialized records", () => {
  test("one at a time on a record, in order of arrival; others do not wait", async () => {
    const running = new Set<string>();
    const order: string[] = [];
    let most = 0;
    const { clock, ...made } = (() => {
      const wait: { sleep: (ms: number) => Promise<void> } = { sleep: async () => undefined };
      const write = defineAction({
        name: "write",
        riskTier: "side_effecting",
        keyFields: ["id"],
        record: (payload: { record: string; id: string }) => payload.record,
        serialize: true,
        execute: async ({ record, id }: { record: string; id: string }) => {
          running.add(`${record} ${id}`);
          most = Math.max(most, [...running].filter((one) => one.startsWith(record)).length);
          await wait.sleep(200);
          running.delete(`${record} ${id}`);
          order.push(id);
        },
      });
      const test = testGuard([write]);
      wait.sleep = (ms) => test.clock.sleep(ms);
      return { ...test, write };
    })();
    const calls = ["a1", "a2", "a3", "b1"].map((id) =>
      made.guard.execute("write", { record: id[0] as string, id }, { wait: "60s" }),
    );
    const outcomes = await made.settle(Promise.all(calls));
    expect(outcomes.map(({ status }) => status)).toEqual(Array(4).fill("executed"));
    expect(most).toBe(1);
    expect(order.filter((id) => id.startsWith("a"))).toEqual(["a1", "a2", "a3"]);
    expect(order.indexOf("b1")).toBeLessThan(order.indexOf("a2"));
    expect(clock).toBeDefined();
  });

  test("out of patience: nothing was sent, and the same request may be asked again", async () => {
    let finish: () => void = () => undefined;
    const write = defineAction({
      name: "write",
      riskTier: "side_effecting",
      keyFields: ["id"],
      record: () => "r",
      serialize: true,
      execute: ({ id }: { id: string }) =>
        id === "1" ? new Promise<void>((resolve) => (finish = resolve)) : Promise.resolve(),
    });
    const { guard, settle, clock } = testGuard([write]);
    const first = guard.execute("write", { id: "1" });
    await clock.advance(10);
    const second = await guard.execute("write", { id: "2" }, { wait: 0 });
    expect(second).toMatchObject({
      status: "in_progress",
      receipt: null,
      next: expect.stringContaining("nothing was sent"),
    });
    finish();
    expect(await settle(first)).toMatchObject({ status: "executed" });
    expect(await settle(guard.execute("write", { id: "2" }))).toMatchObject({ status: "executed" });
  });

  /** A record that one request has, and calls about another one that wait for their turn. */
  const inTheQueue = async () => {
    const gate = Promise.withResolvers<void>();
    const sent: string[] = [];
    const write = defineAction({
      name: "write",
      riskTier: "side_effecting",
      keyFields: ["id"],
      record: () => "r",
      serialize: true,
      execute: async ({ id }: { id: string }) => {
        sent.push(id);
        await gate.promise;
      },
    });
    const made = testGuard([write]);
    const first = made.guard.execute("write", { id: "1" });
    await made.clock.advance(10);
    const caller = new AbortController();
    const leaves = made.guard.execute("write", { id: "2" }, { signal: caller.signal, wait: "1h" });
    await made.clock.advance(10);
    return { ...made, sent, first, gate, caller, leaves };
  };

  test("who leaves before it is its turn hears that nothing was sent, and nothing ever is", async () => {
    const { guard, clock, settle, sent, first, gate, caller, leaves } = await inTheQueue();
    caller.abort();
    const left = await leaves;
    expect(left).toMatchObject({ status: "denied", receipt: null, reason: expect.stringContaining("cancelled") });
    gate.resolve();
    expect(await settle(first)).toMatchObject({ status: "executed" });
    await clock.advance(60_000);
    expect([sent, await guard.receipt(left.requestId)]).toEqual([["1"], null]);
  });

  test("who stays does not lose the turn to a caller of the same request who leaves", async () => {
    const { guard, clock, settle, sent, first, gate, caller, leaves } = await inTheQueue();
    const stays = guard.execute("write", { id: "2" }, { wait: "1h" });
    await clock.advance(10);
    caller.abort();
    expect(await leaves).toMatchObject({ status: "denied" });
    gate.resolve();
    expect(await settle(first)).toMatchObject({ status: "executed" });
    expect(await settle(stays)).toMatchObject({ status: "executed" });
    expect(sent).toEqual(["1", "2"]);
  });
});

describe("an expected version or state", () => {
  const shipment = { version: 7, state: "open" };
  const close = defineAction({
    name: "close",
    riskTier: "side_effecting",
    keyFields: ["id"],
    before: () => shipment,
    expect: (_payload, before) => (before as typeof shipment).state === "open" || "it is not open any more",
    execute: async (_payload: { id: string }) => "closed",
  });

  test("that differs is a conflict for the domain expert, before anything is sent", async () => {
    const { guard } = testGuard([close]);
    expect(await guard.execute("close", { id: "1" }, { expected: { version: 6 } })).toMatchObject({
      status: "review",
      reason: "conflict",
      route: "domain_expert",
      failure: { code: "unexpected_state", certainty: "definite", message: "version is 7, not 6" },
    });
    shipment.state = "shipped";
    expect(await guard.execute("close", { id: "2" })).toMatchObject({
      status: "review",
      failure: { message: "it is not open any more" },
    });
    shipment.state = "open";
  });

  test("is asked again when somebody else carries the request on", async () => {
    const record = { version: 7 };
    let fails = true;
    const write = defineAction({
      name: "write",
      riskTier: "side_effecting",
      keyFields: ["id"],
      retry: { base: "10m", cap: "1h", maxElapsed: "1d" },
      before: () => record,
      execute: async (_: { id: string }) => {
        if (fails) throw Object.assign(new Error("busy"), { status: 429 });
      },
    });
    const { guard, clock } = testGuard([write]);
    const { requestId } = await guard.execute("write", { id: "1" }, { expected: { version: 7 }, wait: 0 });
    fails = false;
    record.version = 8;
    await clock.advance(3_600_000);
    await guard.reconcile();
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", failure: { code: "unexpected_state" } });
  });

  test("that holds lets it pass", async () => {
    const { guard } = testGuard([close]);
    expect(await guard.execute("close", { id: "1" }, { expected: { version: 7 } })).toMatchObject({
      status: "executed",
    });
  });

  test("needs something to compare with", async () => {
    const plain = defineAction({
      name: "x",
      riskTier: "side_effecting",
      keyFields: ["id"],
      execute: async (_: { id: string }) => 1,
    });
    const { guard } = testGuard([plain]);
    await expect(guard.execute("x", { id: "1" }, { expected: { version: 7 } })).rejects.toMatchObject({
      code: "invalid_context",
    });
  });
});
