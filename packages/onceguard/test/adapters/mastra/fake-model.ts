/** One call of a tool. */
export interface ToolCall {
  readonly toolName: string;
  readonly input: unknown;
  readonly toolCallId: string;
}

type Turn = readonly ToolCall[];

const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };

/** A model of version 2 of the specification, as a plain object: makes these calls, turn by turn, and then says "done". */
export function fakeModel(...script: readonly Turn[]) {
  const turns = [...script];
  const told: unknown[] = [];
  const next = (prompt: readonly { role: string; content: unknown }[]) => {
    const results = prompt.flatMap(({ role, content }) => (role === "tool" ? (content as Part[]) : []));
    told.splice(0, told.length, ...results.map(({ output }) => output?.value));
    const calls = turns.shift() ?? [];
    return calls.length === 0
      ? { content: [{ type: "text" as const, text: "done" }], finishReason: "stop" as const }
      : {
          content: calls.map((call) => ({ type: "tool-call" as const, ...call, input: JSON.stringify(call.input) })),
          finishReason: "tool-calls" as const,
        };
  };
  const model = {
    specificationVersion: "v2" as const,
    provider: "fake",
    modelId: "fake",
    supportedUrls: {},
    // biome-ignore lint/suspicious/noExplicitAny: the specification's own types come with Mastra's private copies
    doGenerate: async ({ prompt }: any) => ({ ...next(prompt), usage, warnings: [] }),
    // biome-ignore lint/suspicious/noExplicitAny: the same
    doStream: async ({ prompt }: any) => {
      const { content, finishReason } = next(prompt);
      const parts: object[] = content.flatMap((part): object[] =>
        part.type === "text"
          ? [
              { type: "text-start", id: "t" },
              { type: "text-delta", id: "t", delta: part.text },
              { type: "text-end", id: "t" },
            ]
          : [part],
      );
      return {
        stream: new ReadableStream({
          start: (controller) => {
            controller.enqueue({ type: "stream-start", warnings: [] });
            for (const part of parts) controller.enqueue(part);
            controller.enqueue({ type: "finish", finishReason, usage });
            controller.close();
          },
        }),
      };
    },
  };
  // biome-ignore lint/suspicious/noExplicitAny: see above
  return { model: model as any, told };
}

interface Part {
  readonly output?: { readonly value?: unknown };
}
