import { Agent } from "@mastra/core/agent";
import { Mastra } from "@mastra/core/mastra";
import { InMemoryStore } from "@mastra/core/storage";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";
import type { ToolRule } from "../../../src/adapters/guarded-tool.ts";
import { type GuardToolOptions, guardTool } from "../../../src/adapters/mastra/index.ts";
import type { Guard } from "../../../src/pipeline/guard.ts";
import { flakyWorldClient } from "../../support/flaky-world-client.ts";
import { fakeModel, type ToolCall } from "./fake-model.ts";

export const Refund = z.object({ order: z.string(), cents: z.coerce.number(), note: z.string().default("none") });
export type Refund = z.infer<typeof Refund>;

export const BY_ORDER: ToolRule<Refund, { paid: number }> = { keyFields: ["order", "cents"], volatile: ["note"] };

export interface Story {
  readonly guard?: Guard;
  readonly rule?: ToolRule<Refund, { paid: number }>;
  readonly options?: GuardToolOptions;
  readonly requireApproval?: boolean;
  readonly storage?: InMemoryStore;
  /** Whether the tool's own code stops when it is told to. Default true. */
  readonly heedsSignal?: boolean;
}

export function refundCall(order: string, toolCallId: string, note?: string): ToolCall {
  // As models do: a number as text, and without what has a default.
  return { toolName: "refund", input: { order, cents: "500", ...(note && { note }) }, toolCallId };
}

/** An agent whose tool pays an order back in the outside world: the tool as it is, or guarded. */
export function deskOf(port: number, story: Story, ...script: (readonly ToolCall[])[]) {
  const {
    guard,
    rule = BY_ORDER,
    options,
    requireApproval = false,
    storage = new InMemoryStore(),
    heedsSignal = true,
  } = story;
  const plain = {
    id: "refund",
    description: "Pays an order back",
    inputSchema: Refund,
    outputSchema: z.object({ paid: z.number() }),
    requireApproval,
    // Mastra hands it what fits no schema, too.
    toModelOutput: (output: { paid: number }) => ({
      type: "json",
      value: "validationErrors" in output ? output : { paid: output.paid },
    }),
    execute: async ({ order, cents }: Refund, { abortSignal }: { abortSignal?: AbortSignal }) => {
      const sending = heedsSignal && abortSignal ? { signal: abortSignal } : {};
      const { amount } = await flakyWorldClient(port).send(order, cents, sending);
      return { paid: amount };
    },
  };
  const refund = guard ? createTool(guardTool(guard, plain, rule, options)) : createTool(plain);
  const { model, told } = fakeModel(...script);
  const agent = new Agent({ id: "desk", name: "desk", instructions: "Refunds orders", model, tools: { refund } });
  const mastra = new Mastra({ agents: { desk: agent }, storage, logger: false });
  return { desk: mastra.getAgent("desk"), told };
}
