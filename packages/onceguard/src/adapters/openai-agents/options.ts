import type { FunctionTool, RunContext, ToolExecuteArgument, ToolInputParameters, ToolOptions } from "@openai/agents";
import type { Approver } from "../host-approval.ts";
import type { ContextOption } from "../host-context.ts";

/** What the SDK gives a tool along with its input. */
export type Details = NonNullable<Parameters<FunctionTool["invoke"]>[2]>;

/** One call of a tool, as the SDK tells it. */
export interface OpenAIToolCall<Context = unknown> {
  readonly name: string;
  readonly input: unknown;
  readonly callId: string | undefined;
  readonly runContext: RunContext<Context>;
}

/** How the calls of a run meet the guard. */
export interface GuardToolOptions<Context = unknown> {
  /**
   * The scope, tenant, actor and run of a call. The scope is the conversation, which the SDK does not tell its tools: the
   * `conversationId` or `groupId` that you gave to `run`. Without it, call ids name nothing.
   */
  readonly context?: ContextOption<OpenAIToolCall<Context>>;
  /**
   * Who is behind `state.approve(interruption)`: it then counts as this person's approval in the guard. Default: nobody,
   * and only the guard's own approvals count, since a run's state is held by a client.
   */
  readonly approver?: Approver<OpenAIToolCall<Context>>;
}

/** What `tool()` of the SDK takes. Its own timeout becomes the guard's: one that gives up the wait would not stop the effect. */
export type GuardableTool<Parameters extends ToolInputParameters, Context, Result> = Pick<
  // biome-ignore lint/suspicious/noExplicitAny: what these say does not depend on the parameters
  ToolOptions<any, Context>,
  | "strict"
  | "deferLoading"
  | "providerData"
  | "allowedCallers"
  | "isEnabled"
  | "inputGuardrails"
  | "outputGuardrails"
  | "customDataExtractor"
> & {
  readonly name: string;
  readonly description: string;
  readonly parameters: Parameters;
  readonly execute: (
    input: ToolExecuteArgument<Parameters>,
    runContext?: RunContext<Context>,
    details?: Details,
  ) => Promise<Result> | Result;
  readonly needsApproval?: ToolOptions<Parameters, Context>["needsApproval"];
  readonly errorFunction?: ToolOptions<Parameters, Context>["errorFunction"];
  readonly timeoutMs?: number;
};
