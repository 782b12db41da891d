import { AIMessage, type BaseMessage, ToolMessage } from "@langchain/core/messages";
import { fakeModel } from "@langchain/core/testing";
import { tool } from "@langchain/core/tools";
import { z } from "zod";
import { flakyWorldClient } from "../../support/flaky-world-client.ts";

export const Refund = z.object({ order: z.string(), cents: z.number(), note: z.string().default("") });
export type Refund = z.infer<typeof Refund>;

/** A tool that pays an order back in the outside world. */
export function refundTool(port: number) {
  return tool(
    async ({ order, cents }: Refund) => {
      const { amount } = await flakyWorldClient(port).send(order, cents);
      return { paid: amount };
    },
    { name: "refund", description: "Pays an order back", schema: Refund },
  );
}

export interface ToolCall {
  readonly name: string;
  readonly args: Record<string, unknown>;
  readonly id: string;
}

export function refundCall(order: string, id: string, note = ""): ToolCall {
  return { name: "refund", args: { order, cents: 500, note }, id };
}

/** A model that makes these calls, turn by turn, and then says "done". */
export function scripted(...turns: readonly (readonly ToolCall[])[]) {
  const model = fakeModel();
  for (const turn of turns) model.respondWithTools(turn.map((call) => ({ ...call })));
  for (let more = 0; more < 4; more++) model.respond(new AIMessage("done"));
  return model;
}

/** What the tools told the model. */
export function told(messages: readonly BaseMessage[]): unknown[] {
  return messages.filter((message) => ToolMessage.isInstance(message)).map(({ content }) => parsed(String(content)));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
