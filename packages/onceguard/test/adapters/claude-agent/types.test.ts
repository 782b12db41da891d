import { expectTypeOf, it } from "vitest";
import { z } from "zod";
import { guardHook, guardTool, type PreToolUseHook } from "../../../src/adapters/claude-agent/index.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { text, tool } from "./claude.ts";

const guard = createGuard({ store: memoryStore(), sweepEvery: false });
const definition = tool("charge", "", { order: z.string(), cents: z.number() }, async () => text("paid"));

it("a tool keeps its type, and its rule knows its arguments and results", () => {
  const charge = guardTool(guard, definition, {
    keyFields: ["order"],
    record: (order) => {
      expectTypeOf(order).toEqualTypeOf<{ order: string; cents: number }>();
      return order.order;
    },
    probe: () => ({ answer: "happened", result: text("paid") }),
  });
  expectTypeOf(charge).toEqualTypeOf<typeof definition>();
  expectTypeOf(guardHook({ desk: [charge] })).toEqualTypeOf<PreToolUseHook>();
});

it("a hook is what the SDK takes as one", () => {
  // As sdk.d.ts of 0.3.329 has it.
  type HookCallback = (
    input: { hook_event_name: "PreToolUse" | "PostToolUse" },
    toolUseID: string | undefined,
    options: { signal: AbortSignal },
  ) => Promise<{
    continue?: boolean;
    hookSpecificOutput?: {
      hookEventName: "PreToolUse";
      permissionDecision?: "allow" | "deny" | "ask" | "defer";
      permissionDecisionReason?: string;
    };
  }>;
  expectTypeOf<PreToolUseHook>().toExtend<HookCallback>();
});

it("a rule that does not fit its tool is a mistake of types already, and so is none", () => {
  // @ts-expect-error a tool of MCP gives more than a number
  const misfit = () => guardTool(guard, definition, { probe: () => ({ answer: "happened", result: 7 }) });
  // @ts-expect-error there is no such word
  const misspelt = () => guardTool(guard, definition, "save");
  // @ts-expect-error nobody has thought about it
  const forgotten = () => guardTool(guard, definition);
  expectTypeOf([misfit, misspelt, forgotten]).toBeArray();
});
