import type { Dialect } from "./script.ts";

interface Body {
  readonly tools?: readonly { readonly name: string }[];
  readonly messages: readonly { readonly role: string; readonly content: string | readonly Block[] }[];
}
interface Block {
  readonly type: string;
  readonly tool_use_id?: string;
  readonly content?: string | readonly { readonly text?: string }[];
}

const USAGE = { input_tokens: 1, output_tokens: 1 };

/** The Messages API of Anthropic, streaming: what Claude Code speaks. */
export const anthropicMessages: Dialect = {
  path: "/v1/messages",
  isConversation: ({ tools }: Body) => tools?.some(({ name }) => name.startsWith("mcp__")) ?? false,
  resultsIn: ({ messages }: Body) =>
    messages
      .flatMap(({ content }) => (typeof content === "string" ? [] : content))
      .filter(({ type }) => type === "tool_result")
      .map(({ tool_use_id, content }) => ({
        callId: tool_use_id ?? "",
        text: typeof content === "string" ? content : (content ?? []).map(({ text }) => text ?? "").join("\n"),
      })),
  answer: ({ calls, text }) => {
    const blocks = [
      ...(text ? [{ block: { type: "text", text: "" }, delta: { type: "text_delta", text } }] : []),
      ...calls.map(({ id, server, tool, args }) => ({
        block: { type: "tool_use", id, name: `mcp__${server}__${tool}`, input: {} },
        delta: { type: "input_json_delta", partial_json: JSON.stringify(args) },
      })),
    ];
    const id = `msg_${Math.random().toString(36).slice(2)}`;
    const message = { id, type: "message", role: "assistant", model: "scripted", content: [], usage: USAGE };
    return [
      { type: "message_start", message: { ...message, stop_reason: null, stop_sequence: null } },
      ...blocks.flatMap(({ block, delta }, index) => [
        { type: "content_block_start", index, content_block: block },
        { type: "content_block_delta", index, delta },
        { type: "content_block_stop", index },
      ]),
      {
        type: "message_delta",
        delta: { stop_reason: calls.length > 0 ? "tool_use" : "end_turn", stop_sequence: null },
        usage: USAGE,
      },
      { type: "message_stop" },
    ];
  },
};
