import type { ModelAnswer } from "../model-answer.ts";

// The shapes of the AI SDK, 7 and 6, as far as a guard needs them: the file loads without the SDK, and fits both majors.

/** A tool of a `ToolSet`. Without `execute` it runs in the browser or at the model's provider. */
export interface AiTool {
  // biome-ignore lint/suspicious/noExplicitAny: input and options stand in parameter positions, where unknown fits nothing
  readonly execute?: ((input: any, options: any) => any) | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  readonly toModelOutput?: ((given: any) => unknown) | undefined;
  readonly outputSchema?: unknown;
  readonly needsApproval?: unknown;
}

/** A tool set of the AI SDK: tools by their names. */
export type AiTools = Readonly<Record<string, AiTool>>;

/** What the SDK gives `execute` along, and in part what it asks about an approval with. */
export interface AiOptions {
  readonly toolCallId: string;
  readonly messages: readonly AiMessage[];
  readonly abortSignal?: AbortSignal | undefined;
  /** AI SDK 7: the tool's own context. */
  readonly context?: unknown;
  /** AI SDK 7, where it asks about an approval: the same. */
  readonly toolContext?: unknown;
  /** AI SDK 6. */
  readonly experimental_context?: unknown;
}

/** A message of the AI SDK, as far as this adapter looks at it. */
export interface AiMessage {
  readonly role: string;
  readonly content: unknown;
}

type Execute<Tool> = Tool extends { execute?: infer Code } ? NonNullable<Code> : never;

/** What a tool's own code takes. */
export type InputOf<Tool> = Execute<Tool> extends (input: infer Input, ...rest: never) => unknown ? Input : never;

type OptionsOf<Tool> = Execute<Tool> extends (input: never, options: infer Options) => unknown ? Options : never;

/** What it gives: the value that is awaited, or the last one of a stream. */
export type OutputOf<Tool> = Execute<Tool> extends (...given: never) => infer Given ? Settled<Given> : never;

type Settled<Given> = Given extends AsyncIterable<infer Output> ? Output : Awaited<Given>;

/** A tool as it was, except that it may also answer why it was not done. (In AI SDK 6 one tool's type is a union.) */
export type GuardedAiTool<Tool, Whole = Tool> = Tool extends unknown
  ? Omit<Tool, "execute" | "toModelOutput" | "outputSchema"> & {
      execute: (
        input: InputOf<Whole>,
        options: OptionsOf<Whole>,
      ) => AsyncIterable<ModelAnswer<OutputOf<Whole>>> | PromiseLike<ModelAnswer<OutputOf<Whole>>>;
    }
  : never;
