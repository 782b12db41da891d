import type { ToolRule } from "../guarded-tool.ts";
import type { Approver } from "../host-approval.ts";
import type { ContextOption } from "../host-context.ts";
import type { AiMessage, GuardedAiTool, InputOf, OutputOf } from "./host-tool.ts";

/** For each tool its rule, or the word "safe": it may run any number of times, and is left as it is. */
export type ToolRules<Tools> = {
  readonly [Name in keyof Tools]: ToolRule<InputOf<Tools[Name]>, OutputOf<Tools[Name]>> | "safe";
};

/** The tools as they were; those with a rule may also answer why they were not done. */
export type GuardedTools<Tools, Rules> = {
  [Name in keyof Tools]: Name extends keyof Rules
    ? Rules[Name] extends "safe"
      ? Tools[Name]
      : GuardedAiTool<Tools[Name]>
    : GuardedAiTool<Tools[Name]>;
};

/** One call of a tool, as the SDK tells it. */
export interface AiToolCall {
  readonly toolName: string;
  readonly toolCallId: string;
  readonly input: unknown;
  readonly messages: readonly AiMessage[];
  /** The tool's own context (`toolsContext`); in AI SDK 6 `experimental_context`. */
  // biome-ignore lint/suspicious/noExplicitAny: it is what the tool's own contextSchema says
  readonly context: any;
}

/** A call that waits for a person, and to which the host's user has said yes. */
export interface AiApproval extends AiToolCall {
  readonly approvalId: string;
  readonly requestId: string;
  /** Why a person is asked, in the words of rules and policy. */
  readonly reasons: readonly string[];
}

/** Options of `guardTools`. */
export interface GuardToolsOptions {
  /** Whose calls these are: above all `scope`, the id of the chat. The SDK has none of its own. */
  readonly context?: ContextOption<AiToolCall>;
  /**
   * In whose name the host's user consents: a yes in the chat then counts as `guard.approve`. The browser keeps that yes,
   * so name who is signed in, by what the server knows. Default: it counts for nothing, and a person approves in the
   * guard's own places.
   */
  readonly approver?: Approver<AiApproval>;
}
