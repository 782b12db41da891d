import type { TracerProvider } from "@opentelemetry/api";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { describe, expect, it } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { told } from "../../test/support/otel.ts";
import { defineAction } from "../core/action.ts";
import type { Telemetry, Watched, WatchedCall } from "../core/telemetry.ts";
import { openTelemetry } from "../telemetry/otel.ts";
import { harmless } from "./harmless.ts";

/** A payment that counts in a world of its own: with one lost answer, a probe, and a read beside it. */
function payments() {
  const effects: string[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["orderId"],
    probe: async () => ({ answer: "happened", result: null }),
    execute: async ({ orderId }: { orderId: string }) => {
      effects.push(orderId);
      if (orderId === "lost") throw new Error("socket hang up");
      return { paid: orderId };
    },
  });
  const read = defineAction({ name: "read", riskTier: "safe", execute: async () => effects.length });
  return { effects, actions: [pay, read] as const };
}

/** Everything that tells anything, and the effects that there must be afterwards. */
async function useAll(telemetry: Telemetry) {
  const { effects, actions } = payments();
  const problems: unknown[] = [];
  const onBackgroundError = (error: unknown) => problems.push(error);
  const { guard, settle } = testGuard(actions, { telemetry, onBackgroundError });
  const statuses = [
    await settle(guard.execute("pay", { orderId: "A1" })),
    await settle(guard.execute("pay", { orderId: "A1" })),
    await settle(guard.execute("pay", { orderId: "lost" })),
    await settle(guard.execute("read", {})),
    await settle(guard.enqueue("pay", { orderId: "A2" })),
  ].map(({ status }) => status);
  await settle(guard.reconcile());
  expect(statuses).toEqual(["executed", "replayed", "executed", "executed", "retry_later"]);
  expect(effects).toEqual(["A1", "lost", "A2"]);
  return problems;
}

const broken = (): never => {
  throw new Error("telemetry is broken");
};

/** A telemetry all of whose watched things are `watched`. */
function telemetryOf(watched: Watched<unknown>, rest: Partial<Telemetry> = {}): Telemetry {
  const begin = () => watched;
  const call = (): WatchedCall => ({ ...watched, traceId: null });
  return {
    call,
    carryOn: begin,
    effect: begin,
    probe: begin,
    store: begin,
    open: () => undefined,
    outside: (w) => w(),
    ...rest,
  };
}

/** Runs the work it is given, and then answers with something else. */
function ranAndThen<T>(then: () => T): (work: () => T) => T {
  return (work) => {
    work();
    return then();
  };
}

const fine: Watched<unknown> = { within: (work) => work(), end: () => undefined };

describe("a telemetry that is broken does no harm, and is reported once", () => {
  it.each<[string, Telemetry, reported: number]>([
    [
      "nothing can begin",
      { call: broken, carryOn: broken, effect: broken, probe: broken, store: broken, open: broken, outside: broken },
      1,
    ],
    ["nothing begins", telemetryOf(undefined as never, { call: () => undefined as never }), 1],
    ["nothing can end", telemetryOf({ ...fine, end: broken }), 1],
    [
      "work is never run",
      telemetryOf({ ...fine, within: () => undefined as never }, { outside: () => undefined as never }),
      0,
    ],
    ["work is run, and then it throws", telemetryOf({ ...fine, within: ranAndThen(broken) }), 1],
    ["it throws before the work", telemetryOf({ ...fine, within: broken }), 1],
    ["work is run twice", telemetryOf({ ...fine, within: (work) => ranAndThen(work)(work) }), 0],
    ["work's answer is replaced", telemetryOf({ ...fine, within: ranAndThen(() => "nonsense" as never) }), 0],
    ["the trace id is no name", telemetryOf(fine, { call: () => ({ ...fine, traceId: "\u0000" }) }), 0],
    [
      "the trace id throws",
      telemetryOf(fine, {
        call: () => ({
          ...fine,
          get traceId(): never {
            return broken();
          },
        }),
      }),
      1,
    ],
  ])("%s", async (_what, telemetry, reported) => {
    expect(await useAll(telemetry)).toHaveLength(reported);
  });

  it("nor does it hide what the work itself throws, which is no trouble of the telemetry", () => {
    const problems: unknown[] = [];
    const { outside } = harmless(telemetryOf(fine), (error) => problems.push(error));
    expect(() => outside(() => JSON.parse("no JSON"))).toThrow(SyntaxError);
    expect(outside(() => "done")).toBe("done");
    expect(problems).toEqual([]);
  });

  it("nor does one whose trouble cannot even be reported", async () => {
    const { effects, actions } = payments();
    const telemetry = telemetryOf({ ...fine, end: broken });
    const { guard } = testGuard(actions, { telemetry, onBackgroundError: broken });
    expect(await guard.execute("pay", { orderId: "A1" })).toMatchObject({ status: "executed" });
    expect(effects).toEqual(["A1"]);
  });
});

describe("an SDK that is broken does no harm", () => {
  it.each<[string, TracerProvider]>([
    ["a tracer", { getTracer: () => ({ startSpan: broken, startActiveSpan: broken }) }],
    [
      "a span processor",
      new BasicTracerProvider({
        spanProcessors: [
          { onStart: broken, onEnd: broken, forceFlush: async () => undefined, shutdown: async () => undefined },
        ],
      }),
    ],
    [
      "an exporter",
      new BasicTracerProvider({
        spanProcessors: [new SimpleSpanProcessor({ export: broken, shutdown: async () => undefined })],
      }),
    ],
  ])("%s", async (_what, tracerProvider) => {
    const { meterProvider } = told();
    await useAll(openTelemetry({ tracerProvider, meterProvider }));
  });

  it("a meter", async () => {
    const { tracerProvider } = told();
    await useAll(openTelemetry({ tracerProvider, meterProvider: { getMeter: broken } }));
  });
});
