import * as ai7 from "ai";
import { MockLanguageModelV4 } from "ai/test";
import * as ai6 from "ai-6";
import { MockLanguageModelV3 } from "ai-6/test";

/** A step of the model: a call for each tool that is named, or words. */
export type Step = string | readonly ModelCall[];

export interface ModelCall {
  readonly id: string;
  readonly tool: string;
  readonly input: unknown;
}

export const call = (tool: string, input: unknown, id = "call_0"): ModelCall => ({ id, tool, input });

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

function answered(step: Step) {
  const said = typeof step === "string";
  const content: (
    | { type: "text"; text: string }
    | { type: "tool-call"; toolCallId: string; toolName: string; input: string }
  )[] = said
    ? [{ type: "text" as const, text: step }]
    : step.map(({ id, tool, input }) => ({
        type: "tool-call" as const,
        toolCallId: id,
        toolName: tool,
        input: JSON.stringify(input),
      }));
  const unified = said ? ("stop" as const) : ("tool-calls" as const);
  return { content, finishReason: { unified, raw: undefined }, usage: USAGE, warnings: [] };
}

function streamed(step: Step) {
  const { content, finishReason, usage } = answered(step);
  const chunks: unknown[] = content.flatMap((part): unknown[] =>
    part.type === "text"
      ? [
          { type: "text-start" as const, id: "t" },
          { type: "text-delta" as const, id: "t", delta: part.text },
          { type: "text-end" as const, id: "t" },
        ]
      : [part],
  );
  const all = [
    { type: "stream-start" as const, warnings: [] },
    ...chunks,
    { type: "finish" as const, usage, finishReason },
  ];
  return { stream: ai7.simulateReadableStream({ chunks: all }) };
}

export interface Message {
  readonly role: string;
  readonly content: unknown;
}

/** What a request to a chat's server says and gets; the same for both majors. */
export interface Said {
  readonly text: string;
  /** What is added to the conversation. */
  readonly messages: readonly Message[];
  /** What the model is told of its calls, as it is told it. */
  readonly told: readonly { readonly type: string; readonly value?: unknown; readonly reason?: string }[];
  /** The ids under which the user is asked. */
  readonly asked: readonly { readonly approvalId: string; readonly toolCallId: string; readonly reason?: string }[];
  /** What was yielded on the way, and at last. */
  readonly shown: readonly { readonly output: unknown; readonly preliminary: boolean }[];
}

export interface Turn {
  readonly messages: readonly Message[];
  readonly steps: readonly Step[];
  readonly tools: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly stream?: boolean;
}

/** One major of the SDK, with its own fake model. */
export interface Major {
  readonly name: string;
  readonly ai: typeof ai7;
  say(turn: Turn): Promise<Said>;
}

export const user = (content: string): Message => ({ role: "user", content });

export const yes = (approvalId: string): Message => ({
  role: "tool",
  content: [{ type: "tool-approval-response", approvalId, approved: true }],
});

interface Result {
  readonly text: string;
  readonly responseMessages?: readonly Message[];
  readonly response: { readonly messages: readonly Message[] };
}

function major(name: string, ai: typeof ai7, model: (steps: readonly Step[]) => unknown): Major {
  const say = async ({ messages, steps, tools, more, stream = false }: Turn): Promise<Said> => {
    const given = { model: model(steps), tools, messages, stopWhen: ai.stepCountIs(10), ...more } as never;
    const shown: Said["shown"][number][] = [];
    let result: Result;
    if (stream) {
      const streaming = ai.streamText(given);
      const parts = (streaming.stream ?? streaming.fullStream) as AsyncIterable<{ type: string; output?: unknown }>;
      for await (const part of parts) {
        if (part.type === "error") throw (part as { error?: unknown }).error;
        if (part.type !== "tool-result") continue;
        shown.push({ output: part.output, preliminary: (part as { preliminary?: boolean }).preliminary === true });
      }
      const response = (await streaming.response) as Result["response"];
      const responseMessages = await (streaming as unknown as { responseMessages?: Promise<Message[]> })
        .responseMessages;
      result = { text: await streaming.text, response, ...(responseMessages && { responseMessages }) };
    } else result = (await ai.generateText(given)) as unknown as Result;
    const added = result.responseMessages ?? result.response.messages;
    const parts = added.flatMap(({ content }) => (Array.isArray(content) ? (content as Record<string, never>[]) : []));
    return {
      text: result.text,
      messages: added,
      told: parts.flatMap((part) => (part.type === "tool-result" ? [part.output as never] : [])),
      asked: parts.flatMap((part) =>
        part.type === "tool-approval-request" && !part.isAutomatic ? [part as never] : [],
      ),
      shown,
    };
  };
  return { name, ai, say };
}

const scripted = (steps: readonly Step[]) => {
  let next = 0;
  const step = (): Step => steps[next++] ?? "done";
  return { doGenerate: async () => answered(step()), doStream: async () => streamed(step()) };
};

export const scriptedModel = (steps: readonly Step[]): MockLanguageModelV4 =>
  new MockLanguageModelV4(scripted(steps) as never);

export const ai_7: Major = major("ai 7", ai7, scriptedModel);
export const ai_6: Major = major(
  "ai 6",
  ai6 as unknown as typeof ai7,
  (steps) => new MockLanguageModelV3(scripted(steps) as never),
);
