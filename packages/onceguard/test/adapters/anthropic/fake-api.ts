import Anthropic from "@anthropic-ai/sdk";
import { betaStandardSchemaTool } from "@anthropic-ai/sdk/helpers/beta/standard-schema";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import Anthropic0 from "anthropic-sdk-0";
import { betaStandardSchemaTool as betaStandardSchemaTool0 } from "anthropic-sdk-0/helpers/beta/standard-schema";
import { betaZodTool as betaZodTool0 } from "anthropic-sdk-0/helpers/beta/zod";

/** A reply of the model: calls, or words. */
export type Step = string | readonly ModelCall[];

export interface ModelCall {
  readonly type: "tool_use";
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

export const call = (name: string, input: unknown, id = "toolu_1"): ModelCall => ({
  type: "tool_use",
  id,
  name,
  input,
});

export interface Message {
  readonly role: string;
  readonly content: unknown;
}

/** What the model is told of a call. */
export interface ToolResult {
  readonly tool_use_id: string;
  readonly content: unknown;
  readonly is_error?: boolean;
}

interface Runner extends AsyncIterable<unknown>, PromiseLike<unknown> {
  generateToolResponse(): Promise<Message | null>;
}

export interface Conversation {
  readonly runner: Runner;
  /** What the model has been told, over all requests. */
  readonly told: readonly ToolResult[];
}

/** A major of the SDK, before an API that follows a script. */
export interface Major {
  readonly name: string;
  readonly zodTool: typeof betaZodTool;
  readonly schemaTool: typeof betaStandardSchemaTool;
  converse(
    tools: readonly unknown[],
    steps: readonly Step[],
    messages: readonly Message[],
    signal?: AbortSignal,
  ): Conversation;
}

export const user = (content: string): Message => ({ role: "user", content });

const USAGE = { input_tokens: 1, output_tokens: 1 };

/** The Messages API, as far as a runner needs it. */
export function scriptedFetch(steps: readonly Step[], told: ToolResult[]): typeof fetch {
  let next = 0;
  return async (_url, init) => {
    init?.signal?.throwIfAborted();
    const { messages } = JSON.parse(String(init?.body)) as { messages: readonly Message[] };
    const last = messages.at(-1)?.content;
    if (Array.isArray(last))
      told.push(...(last as (ToolResult & { type: string })[]).filter(({ type }) => type === "tool_result"));
    const step = steps[next++] ?? "done";
    const content = typeof step === "string" ? [{ type: "text", text: step }] : step;
    const stop_reason = typeof step === "string" ? "end_turn" : "tool_use";
    const message = { id: `msg_${next}`, type: "message", role: "assistant", model: "scripted", content, stop_reason };
    return Response.json({ ...message, stop_sequence: null, usage: USAGE });
  };
}

function major(
  name: string,
  Client: typeof Anthropic,
  zodTool: typeof betaZodTool,
  schemaTool: typeof betaStandardSchemaTool,
): Major {
  return {
    name,
    zodTool,
    schemaTool,
    converse: (tools, steps, messages, signal) => {
      const told: ToolResult[] = [];
      const client = new Client({ apiKey: "none-is-needed", maxRetries: 0, fetch: scriptedFetch(steps, told) });
      const runner = client.beta.messages.toolRunner(
        { model: "scripted", max_tokens: 100, messages: messages as never, tools: tools as never },
        { ...(signal && { signal }) },
      ) as unknown as Runner;
      return { runner, told };
    },
  };
}

export const sdk_1: Major = major("@anthropic-ai/sdk 1", Anthropic, betaZodTool, betaStandardSchemaTool);
export const sdk_0: Major = major(
  "@anthropic-ai/sdk 0.137",
  Anthropic0 as unknown as typeof Anthropic,
  betaZodTool0 as unknown as typeof betaZodTool,
  betaStandardSchemaTool0 as unknown as typeof betaStandardSchemaTool,
);
