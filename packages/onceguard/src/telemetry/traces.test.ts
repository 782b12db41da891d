import { context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { describe, expect, it, vi } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { type Told, told } from "../../test/support/otel.ts";
import { defineAction, type ProbeAnswer } from "../core/action.ts";
import { externalAction } from "../core/external-action.ts";
import { createGuard } from "../pipeline/create-guard.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { sqliteStore } from "../stores/sqlite/sqlite-store.ts";
import { openTelemetry } from "./otel.ts";

interface Order {
  readonly orderId: string;
}

/** `pay`, whose attempts end one after another as `fates` say; then well. */
function payment(fates: readonly (() => unknown)[] = [], probe?: () => Promise<ProbeAnswer<unknown>>) {
  const traces: (string | undefined)[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["orderId"],
    retry: { base: "10ms" },
    ...(probe && { probe }),
    execute: async ({ orderId }: Order) => {
      traces.push(trace.getActiveSpan()?.spanContext().spanId);
      const fate = fates[traces.length - 1];
      await new Promise((resolve) => setImmediate(resolve));
      return fate ? fate() : { paid: orderId };
    },
  });
  return { pay, traces };
}

const throws = (error: object) => () => {
  throw Object.assign(new Error("no"), error);
};
const TOO_MANY = throws({ status: 429 });
const LOST = throws({});

function guardOf(pay: ReturnType<typeof payment>["pay"], seen: Told) {
  return testGuard([pay], { telemetry: openTelemetry(seen) });
}

function parentOf(span: ReadableSpan, spans: readonly ReadableSpan[]): string | undefined {
  return spans.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)?.name;
}

describe("a call", () => {
  it("is a child of the caller's span, and has its effect and its store calls as children", async () => {
    const { pay, traces } = payment();
    const seen = told();
    const { guard } = guardOf(pay, seen);
    const outcome = await seen.inSpan("invoke_agent", () => guard.execute("pay", { orderId: "A1" }));
    const spans = seen.spans();
    const tree = Object.fromEntries(spans.map((span) => [span.name, parentOf(span, spans)]));
    expect(tree).toEqual({
      invoke_agent: undefined,
      "execute_tool pay": "invoke_agent",
      "onceguard store claim": "execute_tool pay",
      "onceguard effect pay": "execute_tool pay",
      "onceguard store apply": "execute_tool pay",
    });
    expect(traces).toEqual([seen.span("onceguard effect pay").spanContext().spanId]);
    expect(outcome.receipt?.traceId).toBe(seen.span("invoke_agent").spanContext().traceId);
    expect(seen.span("execute_tool pay").links).toEqual([]);
    expect(seen.span("onceguard store claim").attributes).toMatchObject({ "onceguard.store.verb": "claim" });
  });

  it("is a trace of its own where the caller has none, and is recorded with it", async () => {
    const { pay } = payment();
    const seen = told();
    const { guard } = guardOf(pay, seen);
    const { receipt } = await guard.execute("pay", { orderId: "A1" });
    expect(receipt?.traceId).toBe(seen.span("execute_tool pay").spanContext().traceId);
    expect(await guard.log({ traceId: receipt?.traceId ?? "" })).toHaveLength(2);
  });

  it("keeps the trace id that the caller gives", async () => {
    const { pay } = payment();
    const seen = told();
    const { guard } = guardOf(pay, seen);
    const { receipt } = await guard.execute("pay", { orderId: "A1" }, { traceId: "mine" });
    expect(receipt?.traceId).toBe("mine");
  });

  it("tells the host's id of the tool call", async () => {
    const { pay } = payment();
    const seen = told();
    const { guard } = guardOf(pay, seen);
    await guard.execute("pay", { orderId: "A1" }, { host: { scope: "thread-1", callId: "call_7" } });
    expect(seen.span("execute_tool pay").attributes["gen_ai.tool.call.id"]).toBe("call_7");
  });

  it.each([
    ["GenAI conventions", "execute_tool charge_card", {}],
    ["their attribute alone", "tool", { "gen_ai.operation.name": "execute_tool" }],
    ["AI SDK 6", "ai.toolCall", {}],
  ])("is no second tool span in a host's own (%s)", async (_host, name, attributes) => {
    const { pay } = payment();
    const seen = told();
    const { guard } = guardOf(pay, seen);
    await seen.inSpan(name, () => guard.execute("pay", { orderId: "A1" }), attributes);
    expect(parentOf(seen.span("onceguard pay"), seen.spans())).toBe(name);
    expect(seen.span("onceguard pay").attributes["gen_ai.operation.name"]).toBeUndefined();
    expect(seen.spansCalled("execute_tool pay")).toEqual([]);
  });

  it("is no tool span where the host says so", async () => {
    const { pay } = payment();
    const seen = told();
    const { guard } = testGuard([pay], { telemetry: openTelemetry({ ...seen, toolSpans: false, storeSpans: false }) });
    await guard.execute("pay", { orderId: "A1" });
    expect(seen.spans().map(({ name }) => name)).toEqual(["onceguard effect pay", "onceguard pay"]);
    expect(await seen.metric("onceguard.store.duration", { "onceguard.store.verb": "claim" })).toBe(1);
  });

  it("shows every attempt, numbered", async () => {
    const { pay } = payment([TOO_MANY, TOO_MANY]);
    const seen = told();
    const { guard, settle } = guardOf(pay, seen);
    await settle(guard.execute("pay", { orderId: "A1" }));
    const about = seen.spansCalled("onceguard effect pay").map(({ attributes }) => ({
      attempt: attributes["onceguard.attempt_number"],
      fence: attributes["onceguard.fencing_token"],
      answer: attributes["onceguard.answer"],
      error: attributes["error.type"],
      tier: attributes["onceguard.failure_tier"],
    }));
    expect(about).toEqual([
      { attempt: 1, fence: 1, answer: "did_not_happen", error: "http_429", tier: "transient" },
      { attempt: 2, fence: 2, answer: "did_not_happen", error: "http_429", tier: "transient" },
      { attempt: 3, fence: 3, answer: "happened", error: undefined, tier: undefined },
    ]);
    expect(seen.span("execute_tool pay").attributes["onceguard.attempt_number"]).toBe(3);
  });

  it("shows the probe, and what it answered", async () => {
    const { pay } = payment([LOST], async () => ({ answer: "happened", result: { paid: "A1" } }));
    const seen = told();
    const { guard, settle } = guardOf(pay, seen);
    expect(await settle(guard.execute("pay", { orderId: "A1" }))).toMatchObject({ status: "executed" });
    expect(seen.span("onceguard effect pay").attributes["onceguard.answer"]).toBe("cannot_tell");
    expect(seen.span("onceguard probe pay").attributes["onceguard.answer"]).toBe("happened");
    expect(parentOf(seen.span("onceguard probe pay"), seen.spans())).toBe("execute_tool pay");
    expect(await seen.metric("onceguard.executions")).toBe(1);
  });

  it("ends the span of an effect that never answers when nobody waits for it any more", async () => {
    const hangs = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      keyFields: ["orderId"],
      timeout: "5s",
      execute: (_: Order) => new Promise(() => undefined),
    });
    const seen = told();
    const { guard, settle } = testGuard([hangs], { telemetry: openTelemetry(seen) });
    expect(await settle(guard.execute("pay", { orderId: "A1" }))).toMatchObject({ status: "in_doubt" });
    expect(seen.span("onceguard effect pay").attributes).toMatchObject({
      "onceguard.answer": "cannot_tell",
      "error.type": "timeout",
    });
  });

  it("in one commit with its effect shows the transaction around it", async () => {
    const write = defineAction({
      name: "write",
      riskTier: "side_effecting",
      keyFields: ["orderId"],
      transaction: true,
      execute: async ({ orderId }: Order) => {
        if (orderId === "bad") throw Object.assign(new Error("no"), { status: 409 });
      },
    });
    const seen = told();
    const guard = createGuard({
      ...{ store: sqliteStore({ path: ":memory:" }), actions: [write], sweepEvery: false },
      telemetry: openTelemetry(seen),
    });
    expect(await guard.execute("write", { orderId: "A1" })).toMatchObject({ status: "executed" });
    expect(parentOf(seen.span("onceguard effect write"), seen.spans())).toBe("onceguard store transact");
    expect(parentOf(seen.span("onceguard store transact"), seen.spans())).toBe("execute_tool write");
    expect(await guard.execute("write", { orderId: "bad" })).toMatchObject({ status: "review" });
    expect(seen.spansCalled("onceguard effect write").map(({ attributes }) => attributes["onceguard.answer"])).toEqual([
      "happened",
      "did_not_happen",
    ]);
    await guard.close();
  });

  it("that somebody else performs is recorded with its trace, too", async () => {
    const seen = told();
    const { guard } = testGuard([], { telemetry: openTelemetry(seen) });
    const call = externalAction({ name: "call", riskTier: "side_effecting", keyFields: ["orderId"] });
    const claims = guard.external([call]);
    const claim = await seen.inSpan("agent", () => claims.claim("call", { orderId: "A1" }));
    expect(claim).toMatchObject({ status: "claimed", receipt: { traceId: seen.span("agent").spanContext().traceId } });
    expect(seen.span("onceguard claim call").attributes["onceguard.status"]).toBe("claimed");
  });

  it("of tier safe has its effect, and no store", async () => {
    const read = defineAction({ name: "read", riskTier: "safe", execute: async () => 1 });
    const seen = told();
    const { guard } = testGuard([read], { telemetry: openTelemetry(seen) });
    await guard.execute("read", {});
    expect(seen.spans().map(({ name }) => name)).toEqual(["onceguard effect read", "execute_tool read"]);
    expect(await seen.metric("onceguard.executions", { "onceguard.risk_tier": "safe" })).toBe(1);
  });
});

describe("a replay", () => {
  it("links to the very span of the original execution, also when another guard made it", async () => {
    const { pay } = payment();
    const seen = told();
    const store = memoryStore();
    const guards = [0, 1].map(() => testGuard([pay], { store, telemetry: openTelemetry(seen) }).guard);
    await guards[0]?.execute("pay", { orderId: "A1" });
    await seen.inSpan("again", async () => guards[1]?.execute("pay", { orderId: "A1" }));
    const [first, again] = seen.spansCalled("execute_tool pay");
    expect(again?.spanContext().traceId).not.toBe(first?.spanContext().traceId);
    expect(again?.links).toMatchObject([
      { context: first?.spanContext(), attributes: { "onceguard.link": "original_execution" } },
    ]);
  });

  it("of a call that joined one under way links to that", async () => {
    const { pay } = payment();
    const seen = told();
    const { guard } = guardOf(pay, seen);
    await Promise.all([1, 2, 3].map(() => guard.execute("pay", { orderId: "A1" })));
    const effect = seen.span("onceguard effect pay");
    for (const span of seen.spansCalled("execute_tool pay")) {
      const isOriginal = span.spanContext().spanId === effect.parentSpanContext?.spanId;
      expect(span.links.map((link) => link.context.spanId)).toEqual(
        isOriginal ? [] : [effect.parentSpanContext?.spanId],
      );
    }
  });

  it.each([
    ["the trace, when another process made it", "4bf92f3577b34da6a3ce929d0e0e4736", "0000000000000000"],
    [
      "the span, when the caller gave a traceparent",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "00f067aa0ba902b7",
    ],
  ])("links to %s", async (_what, traceId, spanId) => {
    const { pay } = payment();
    const seen = told();
    const store = memoryStore();
    await testGuard([pay], { store }).guard.execute("pay", { orderId: "A1" }, { traceId });
    await testGuard([pay], { store, telemetry: openTelemetry(seen) }).guard.execute("pay", { orderId: "A1" });
    const [link] = seen.span("execute_tool pay").links;
    expect(link?.context).toMatchObject({ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId });
  });

  it("links to nothing where the record has a trace id of another kind, or none", async () => {
    const { pay } = payment();
    const seen = told();
    const store = memoryStore();
    const { guard } = testGuard([pay], { store });
    await guard.execute("pay", { orderId: "A1" }, { traceId: "run 7" });
    await guard.execute("pay", { orderId: "A2" });
    const told2 = testGuard([pay], { store, telemetry: openTelemetry(seen) }).guard;
    for (const orderId of ["A1", "A2"]) await told2.execute("pay", { orderId });
    expect(seen.spans().flatMap(({ links }) => links)).toEqual([]);
  });
});

describe("the sweeper", () => {
  it("carries on in traces of its own, linked to the first, whoever has started its timer", async () => {
    const { pay } = payment();
    const seen = told();
    const guard = createGuard({
      ...{ store: memoryStore(), actions: [pay], sweepEvery: "100ms", spill: false },
      telemetry: openTelemetry(seen),
    });
    try {
      const enqueued = await seen.inSpan("handler", () => guard.enqueue("pay", { orderId: "A1" }));
      await vi.waitFor(() => seen.span("onceguard reconcile pay"), { timeout: 60_000 });
      const reconcile = seen.span("onceguard reconcile pay");
      expect(reconcile.parentSpanContext).toBeUndefined();
      expect(reconcile.attributes["onceguard.state"]).toBe("succeeded");
      expect(reconcile.links.map((link) => link.context.traceId)).toEqual([enqueued.receipt?.traceId]);
      expect(parentOf(seen.span("onceguard effect pay"), seen.spans())).toBe("onceguard reconcile pay");
      expect(parentOf(seen.span("onceguard enqueue pay"), seen.spans())).toBe("handler");
      expect(await seen.metric("onceguard.executions")).toBe(1);
      // What looks for work, every few milliseconds, makes no spans.
      expect(seen.spansCalled("onceguard store due")).toEqual([]);

      await seen.inSpan("again", () => guard.execute("pay", { orderId: "A1" }));
      const [link] = seen.span("execute_tool pay").links;
      expect(link?.context.spanId).toBe(reconcile.spanContext().spanId);
    } finally {
      await guard.close();
    }
  });

  it("when a person sets it going, belongs to what the person does", async () => {
    let answer: ProbeAnswer<unknown>["answer"] = "cannot_tell";
    const { pay } = payment([LOST], async () => ({ answer, result: null }) as ProbeAnswer<unknown>);
    const seen = told();
    const { guard, clock } = guardOf(pay, seen);
    const { requestId } = await guard.execute("pay", { orderId: "A1" }, { wait: 0 });
    answer = "happened";
    await clock.advance(60_000);
    await seen.inSpan("operator", () => guard.reconcile(requestId));
    expect(parentOf(seen.span("onceguard reconcile pay"), seen.spans())).toBe("operator");
    const [, probe] = seen.spansCalled("onceguard probe pay");
    expect(probe && parentOf(probe, seen.spans())).toBe("onceguard reconcile pay");
  });
});

it("what goes on behind the calls belongs to none of them", async () => {
  const slow = defineAction({
    name: "slow",
    riskTier: "side_effecting",
    keyFields: ["orderId"],
    execute: async (_: Order) => {
      await vi.waitFor(async () => expect(await seen.metric("onceguard.store.duration", RENEWALS)).toBeGreaterThan(0), {
        timeout: 60_000,
      });
    },
  });
  const seen = told();
  const guard = createGuard({
    ...{ store: memoryStore(), actions: [slow], sweepEvery: false, spill: false, lease: "300ms" },
    telemetry: openTelemetry(seen),
  });
  const { requestId } = await guard.execute("slow", { orderId: "A1" });
  await guard.execute("slow", { orderId: "A1" });
  await vi.waitFor(async () => expect(await seen.metric("onceguard.store.duration", APPENDS)).toBe(1), {
    timeout: 60_000,
  });
  expect((await guard.log(requestId)).map(({ event }) => event)).toEqual(["claim", "success", "replayed"]);
  const names = new Set(seen.spans().map(({ name }) => name));
  const stores = [...names].filter((name) => name.startsWith("onceguard store")).sort();
  expect(stores).toEqual(["onceguard store apply", "onceguard store claim"]);
  await guard.close();
});

const RENEWALS = { "onceguard.store.verb": "renew" };
const APPENDS = { "onceguard.store.verb": "append" };

it("a hundred calls at once keep their traces apart", async () => {
  const { pay } = payment();
  const seen = told();
  const { guard } = guardOf(pay, seen);
  const ids = Array.from({ length: 100 }, (_, n) => `A${n}`);
  await Promise.all(ids.map((orderId) => seen.inSpan(orderId, () => guard.execute("pay", { orderId }))));
  expect(context.active()).toBe(ROOT_CONTEXT);
  const spans = seen.spans();
  expect(seen.spansCalled("onceguard effect pay")).toHaveLength(100);
  for (const orderId of ids) {
    const caller = seen.span(orderId);
    const ofTrace = spans.filter((span) => span.spanContext().traceId === caller.spanContext().traceId);
    expect(ofTrace.map(({ name }) => name).sort()).toEqual([
      orderId,
      "execute_tool pay",
      "onceguard effect pay",
      "onceguard store apply",
      "onceguard store claim",
    ]);
    const requests = ofTrace.map(({ attributes }) => attributes["onceguard.request_id"]).filter(Boolean);
    expect(new Set(requests).size).toBe(1);
  }
});
