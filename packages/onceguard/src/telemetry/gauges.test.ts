import { metrics, trace } from "@opentelemetry/api";
import { expect, it } from "vitest";
import { testGuard, withVerbs } from "../../test/support/guard.ts";
import { told } from "../../test/support/otel.ts";
import { defineAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { openTelemetry } from "./otel.ts";

interface Order {
  readonly orderId: string;
}

const pay = defineAction({
  name: "pay",
  riskTier: "side_effecting",
  keyFields: ["orderId"],
  probe: async () => ({ answer: "cannot_tell" }),
  retry: { maxElapsed: "1h" },
  execute: async (_: Order) => {
    throw new Error("socket hang up");
  },
});
const refund = defineAction({
  name: "refund",
  riskTier: "side_effecting",
  keyFields: ["orderId"],
  execute: async (_: Order) => {
    throw Object.assign(new Error("HTTP 422"), { status: 422 });
  },
});

const of = (action: string) => ({ "onceguard.action": action });

it("a pass tells what is open, by action, and how old the oldest doubt is", async () => {
  const seen = told();
  const { guard, clock } = testGuard([pay, refund], { telemetry: openTelemetry(seen) });
  await guard.execute("pay", { orderId: "A1" }, { wait: 0 });
  await clock.advance(90_000);
  await guard.execute("pay", { orderId: "A2" }, { wait: 0 });
  for (const orderId of ["A1", "A2", "A3"]) await guard.execute("refund", { orderId });
  await guard.reconcile();
  expect(await seen.metric("onceguard.in_doubt", of("pay"))).toBe(2);
  expect(await seen.metric("onceguard.in_doubt", of("refund"))).toBe(0);
  expect(await seen.metric("onceguard.reviews.open", of("refund"))).toBe(3);
  expect(await seen.metric("onceguard.reconcile.age")).toBe(90);

  for (const { requestId } of await guard.reviews()) {
    await guard.resolve(requestId, { decision: "did_not_happen", actor: "ada", reason: "looked" } as never);
  }
  await clock.advance(3_600_000);
  await guard.reconcile();
  expect(await seen.metric("onceguard.reviews.open", of("refund"))).toBe(0);
  expect(await seen.metric("onceguard.reviews.open", of("pay"))).toBe(2);
  expect(await seen.metric("onceguard.in_doubt", of("pay"))).toBe(0);
  expect(await seen.metric("onceguard.reconcile.age")).toBe(0);
});

it("a sweeper looks every fifteen seconds, not at every pass; a store that is away spoils nothing", async () => {
  const seen = told();
  const clock = fakeClock();
  let looks = 0;
  let away = false;
  const memory = memoryStore({ clock: clock.now });
  const store = withVerbs(memory, {
    list: (query) => {
      looks += 1;
      return away
        ? Promise.reject(new OnceguardError("store_unavailable", "cut", { applied: "no" }))
        : memory.list(query);
    },
  });
  const problems: unknown[] = [];
  const { guard } = testGuard([pay], {
    ...{ store, clock, sweepEvery: "5s", telemetry: openTelemetry(seen) },
    onBackgroundError: (error) => problems.push(error),
  });
  await guard.execute("pay", { orderId: "A1" }, { wait: 0 });
  await clock.advance(60_000);
  expect(looks).toBe(2 * 4);
  away = true;
  await clock.advance(60_000);
  expect(looks).toBe(2 * 8);
  expect(problems).toEqual([]);
  expect(await seen.metric("onceguard.in_doubt", of("pay"))).toBe(1);
});

it("an SDK that is registered later is found", async () => {
  const seen = told();
  const { guard } = testGuard([refund], { telemetry: openTelemetry() });
  await guard.execute("refund", { orderId: "A1" });
  trace.setGlobalTracerProvider(seen.tracerProvider);
  metrics.setGlobalMeterProvider(seen.meterProvider);
  try {
    await guard.execute("refund", { orderId: "A2" });
    expect(seen.spansCalled("execute_tool refund")).toHaveLength(1);
    expect(await seen.metric("gen_ai.execute_tool.duration")).toBe(1);
    expect(await seen.metric("onceguard.store.duration", { "onceguard.store.verb": "claim" })).toBe(1);
  } finally {
    trace.disable();
    metrics.disable();
  }
});
