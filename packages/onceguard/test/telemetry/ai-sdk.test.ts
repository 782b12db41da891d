import { generateText, jsonSchema, stepCountIs, tool } from "ai-6";
import { MockLanguageModelV3 } from "ai-6/test";
import { expect, it } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import { openTelemetry } from "../../src/telemetry/otel.ts";
import { testGuard } from "../support/guard.ts";
import { told } from "../support/otel.ts";

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** Calls the tool twice at once with the same payload, as a model does that is in doubt of itself; then it is content. */
function insistentModel() {
  const input = JSON.stringify({ orderId: "A1" });
  const calls = ["call_1", "call_2"].map((toolCallId) => ({
    ...{ type: "tool-call" as const, toolCallId, toolName: "refund", input },
  }));
  const steps = [
    { content: calls, finishReason: { unified: "tool-calls" as const, raw: undefined } },
    { content: [{ type: "text" as const, text: "done" }], finishReason: { unified: "stop" as const, raw: undefined } },
  ];
  let n = 0;
  return new MockLanguageModelV3({
    doGenerate: async () => ({ ...(steps[n++] ?? steps[1]), usage: USAGE, warnings: [] }) as never,
  });
}

it("in a tool of the AI SDK, a call is below the host's own tool span, and its duplicate links to it", async () => {
  const refunds: string[] = [];
  const refund = defineAction({
    name: "refund",
    riskTier: "side_effecting",
    keyFields: ["orderId"],
    execute: async ({ orderId }: { orderId: string }) => {
      refunds.push(orderId);
      return { refunded: orderId };
    },
  });
  const seen = told();
  const { guard } = testGuard([refund], { telemetry: openTelemetry(seen) });
  await generateText({
    model: insistentModel(),
    prompt: "refund order A1",
    stopWhen: stepCountIs(3),
    experimental_telemetry: { isEnabled: true, tracer: seen.tracerProvider.getTracer("ai") },
    tools: {
      refund: tool({
        inputSchema: jsonSchema<{ orderId: string }>({ type: "object" }),
        execute: (input, { toolCallId }) =>
          guard.execute("refund", input, { host: { scope: "chat", callId: toolCallId } }),
      }),
    },
  });
  expect(refunds).toEqual(["A1"]);

  const hosts = seen.spansCalled("ai.toolCall").map((span) => span.spanContext());
  const calls = seen.spansCalled("onceguard refund");
  expect(hosts).toHaveLength(2);
  expect(calls.map((span) => span.parentSpanContext?.spanId).sort()).toEqual(hosts.map(({ spanId }) => spanId).sort());
  expect(seen.spans().some(({ name }) => name.startsWith("execute_tool"))).toBe(false);
  expect(calls.map(({ attributes }) => attributes["gen_ai.tool.call.id"]).sort()).toEqual(["call_1", "call_2"]);

  const first = calls.find(({ attributes }) => attributes["onceguard.status"] === "executed");
  const again = calls.find(({ attributes }) => attributes["onceguard.status"] === "replayed");
  expect(again?.links.map((link) => link.context)).toEqual([first?.spanContext()]);
  const receipt = (await guard.receipts())[0];
  expect(receipt?.traceId).toBe(hosts[0]?.traceId);
});
