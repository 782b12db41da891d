import type { AgentOutputItem, Model, ModelRequest } from "@openai/agents";
import { Usage } from "@openai/agents";

/** What the model says in one turn: calls of tools, or words that end the run. */
export type Turn = readonly AgentOutputItem[];

export function call(name: string, input: unknown, callId: string): AgentOutputItem {
  return { type: "function_call", name, callId, status: "completed", arguments: JSON.stringify(input) };
}

export const done: Turn = [
  { type: "message", role: "assistant", status: "completed", content: [{ type: "output_text", text: "done" }] },
];

/** A model that says what the script says, and remembers what its tools told it. */
export function fakeModel(...script: readonly Turn[]): Model & { readonly told: unknown[] } {
  const turns = [...script];
  const told: unknown[] = [];
  return {
    told,
    getResponse: async ({ input }: ModelRequest) => {
      const results = typeof input === "string" ? [] : input.filter((item) => item.type === "function_call_result");
      told.splice(0, told.length, ...results.map((item) => textOf((item as { output: unknown }).output)));
      return { usage: new Usage(), output: [...(turns.shift() ?? done)] };
    },
    getStreamedResponse: () => {
      throw new Error("not streamed here");
    },
  };
}

function textOf(output: unknown): unknown {
  const text = typeof output === "string" ? output : (output as { text?: string }).text;
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return text;
  }
}
