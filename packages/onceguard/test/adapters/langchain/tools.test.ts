import { ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { Command } from "@langchain/langgraph";
import { afterEach, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import type { ToolRule } from "../../../src/adapters/guarded-tool.ts";
import { guardTool, guardTools } from "../../../src/adapters/langchain/index.ts";
import type { PolicyRule } from "../../../src/core/policy.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import type { Guard } from "../../../src/pipeline/guard.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { type Refund, refundTool } from "./desk.ts";

const guards: Guard[] = [];
afterEach(async () => {
  for (const guard of guards.splice(0)) await guard.close();
});

function newGuard(rules: readonly PolicyRule[] = []): Guard {
  const guard = createGuard({ store: memoryStore(), sweepEvery: false, grace: 0, rules });
  guards.push(guard);
  return guard;
}

const BY_ORDER: ToolRule<Refund, { paid: number }> = { keyFields: ["order", "cents"], volatile: ["note"] };

describe("tools", () => {
  it("every tool has a rule, or the word safe", () => {
    const refund = Object.assign(refundTool(1), { name: "refund" as const });
    const search = Object.assign(
      tool(async () => "", { name: "search", description: "", schema: z.object({}) }),
      { name: "search" as const },
    );
    const [a, b] = guardTools(newGuard(), [refund, search], { refund: BY_ORDER, search: "safe" });
    expect(a).not.toBe(refund);
    expect([a.name, a.schema, a.description]).toEqual([refund.name, refund.schema, refund.description]);
    expect(b).toBe(search);
    // @ts-expect-error a tool that nobody has thought about
    expect(() => guardTools(newGuard(), [refund, search], { refund: BY_ORDER })).toThrow(/"search" has no rule/);
  });

  it("a rule must lead to an identity, as far as that is known beforehand", () => {
    expect(() => guardTool(newGuard(), refundTool(1), {})).toThrow(
      expect.objectContaining({ code: "missing_identity" }),
    );
    guardTool(newGuard(), refundTool(1), { riskTier: "side_effecting" });
  });

  it("knows what the tool takes and gives", () => {
    const guarded = guardTool(newGuard(), refundTool(1), {
      keyFields: ["order"],
      record: (input) => {
        expectTypeOf(input).toEqualTypeOf<Refund>();
        return input.order;
      },
      probe: () => ({ answer: "happened", result: { paid: 1 } }),
    });
    expectTypeOf(guarded).toEqualTypeOf<ReturnType<typeof refundTool>>();
    guardTool(newGuard(), refundTool(1), {
      keyFields: ["order"],
      // @ts-expect-error not what the tool gives
      probe: () => ({ answer: "happened", result: "yes" }),
    });
  });

  it("gives back a message or a command that a tool made, addressed to the call that asks now", async () => {
    const guard = newGuard();
    const rule = { keyFields: ["order"] };
    const schema = z.object({ order: z.string() });
    const command = guardTool(
      guard,
      tool(
        async ({ order }, config) =>
          new Command({
            graph: Command.PARENT,
            goto: "next",
            update: { order, messages: [new ToolMessage({ content: "paid", tool_call_id: config.toolCall.id })] },
          }),
        { name: "command", description: "", schema },
      ),
      rule,
    );
    const asked = async (id: string) =>
      (await command.invoke({ type: "tool_call", name: "command", args: { order: "A1" }, id })) as unknown as Command;
    const [first, again] = [await asked("c1"), await asked("c2")];
    for (const given of [first, again]) {
      expect(given).toBeInstanceOf(Command);
      expect(given).toMatchObject({ graph: Command.PARENT, goto: ["next"], update: { order: "A1" } });
    }
    const messages = [first, again].flatMap((given) => (given.update as { messages: ToolMessage[] }).messages);
    expect(messages.map((message) => [ToolMessage.isInstance(message), message.tool_call_id])).toEqual([
      [true, "c1"],
      [true, "c2"],
    ]);
    const message = guardTool(
      guard,
      tool(async (_input, config) => new ToolMessage({ content: "paid", tool_call_id: config.toolCall.id }), {
        name: "message",
        description: "",
        schema,
      }),
      rule,
    );
    const told = async (id: string) =>
      (await message.invoke({ type: "tool_call", name: "message", args: { order: "A1" }, id })) as ToolMessage;
    expect([(await told("c1")).tool_call_id, (await told("c2")).tool_call_id]).toEqual(["c1", "c2"]);
  });

  it("answers in the tool's own format, and takes the last of what it yields", async () => {
    const guard = newGuard([{ action: "pair", verdict: "deny", reason: "never" }]);
    const schema = z.object({ order: z.string() });
    const pair = tool(async () => ["paid", { cents: 500 }], {
      name: "pair",
      description: "",
      schema,
      responseFormat: "content_and_artifact",
    });
    const call = { type: "tool_call", name: "x", args: { order: "A1" }, id: "c1" } as const;
    const denied = (await guardTool(guard, pair, { keyFields: ["order"] }).invoke(call)) as ToolMessage;
    expect(denied.artifact).toMatchObject({ status: "denied" });
    const done = (await guardTool(newGuard(), pair, { keyFields: ["order"] }).invoke(call)) as ToolMessage;
    expect([done.content, done.artifact]).toEqual(["paid", { cents: 500 }]);
    const yielding = tool(
      async function* () {
        yield "on its way";
        return "paid";
      },
      { name: "yielding", description: "", schema },
    );
    const last = (await guardTool(guard, yielding, { keyFields: ["order"] }).invoke(call)) as ToolMessage;
    expect(last.content).toBe("paid");
  });
});
