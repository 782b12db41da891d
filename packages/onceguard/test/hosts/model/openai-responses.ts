import type { Dialect } from "./script.ts";

interface Body {
  readonly tools?: readonly { readonly type: string; readonly name?: string }[];
  readonly input: readonly {
    readonly type: string;
    readonly call_id?: string;
    readonly output?: string | readonly { readonly text?: string }[];
  }[];
}

/** The Responses API of OpenAI, streaming: what Codex speaks. Its MCP tools stand in a namespace per server. */
export const openaiResponses: Dialect = {
  path: "/v1/responses",
  isConversation: ({ tools }: Body) =>
    tools?.some(({ type, name }) => type === "namespace" && name?.startsWith("mcp__")) ?? false,
  resultsIn: ({ input }: Body) =>
    input
      .filter(({ type }) => type === "function_call_output")
      .map(({ call_id, output }) => ({
        callId: call_id ?? "",
        text: typeof output === "string" ? output : (output ?? []).map(({ text }) => text ?? "").join("\n"),
      })),
  answer: ({ calls, text }) => {
    const id = `resp_${Math.random().toString(36).slice(2)}`;
    const items = [
      ...(text
        ? [{ type: "message", role: "assistant", id: `${id}_m`, content: [{ type: "output_text", text }] }]
        : []),
      ...calls.map(({ id, server, tool, args }) => ({
        type: "function_call",
        id: `fc_${id}`,
        call_id: id,
        namespace: `mcp__${server}`,
        name: tool.replaceAll("-", "_"), // as Codex lists it
        arguments: JSON.stringify(args),
      })),
    ];
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
    return [
      { type: "response.created", response: { id } },
      ...items.map((item, output_index) => ({ type: "response.output_item.done", output_index, item })),
      { type: "response.completed", response: { id, usage } },
    ];
  },
};
