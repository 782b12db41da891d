import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import type { BetaRunnableTool } from "@anthropic-ai/sdk/lib/tools/BetaRunnableTool";
import { betaZodTool as betaZodTool0 } from "anthropic-sdk-0/helpers/beta/zod";
import { expectTypeOf, it } from "vitest";
import { z } from "zod";
import { guardTool } from "../../../src/adapters/anthropic/index.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";

const guard = createGuard({ store: memoryStore(), sweepEvery: false });
const inputSchema = z.object({ order: z.string(), cents: z.number() });
type Order = z.infer<typeof inputSchema>;

it("a tool keeps its type, and its rule knows its input", () => {
  const tool = betaZodTool({ name: "charge", description: "", inputSchema, run: () => "paid" });
  const guarded = guardTool(guard, tool, {
    keyFields: ["order"],
    record: (order) => {
      expectTypeOf(order).toEqualTypeOf<Order>();
      return order.order;
    },
    probe: () => ({ answer: "happened", result: "paid" }),
  });
  expectTypeOf(guarded).toEqualTypeOf<BetaRunnableTool<Order>>();
  const older = betaZodTool0({ name: "charge", description: "", inputSchema, run: () => "paid" });
  expectTypeOf(guardTool(guard, older, { keyFields: ["order"] })).toEqualTypeOf(older);
});

it("a rule that does not fit its tool is a mistake of types already, and so is none", () => {
  const tool = betaZodTool({ name: "charge", description: "", inputSchema, run: () => "paid" });
  // @ts-expect-error what a runner's tool gives is text or blocks
  const misfit = () => guardTool(guard, tool, { probe: () => ({ answer: "happened", result: 7 }) });
  // @ts-expect-error there is no such word
  const misspelt = () => guardTool(guard, tool, "save");
  // @ts-expect-error nobody has thought about it
  const forgotten = () => guardTool(guard, tool);
  expectTypeOf([misfit, misspelt, forgotten]).toBeArray();
});
