export { effectContext } from "../effect-context.ts";
export type { ToolRule } from "../guarded-tool.ts";
export type { ContextOption, HostContext } from "../host-context.ts";
export type { ModelAnswer, NotDone } from "../model-answer.ts";
export { isNotDone } from "../model-answer.ts";
export type { AnthropicToolCall, GuardToolOptions } from "./guard-tool.ts";
export { guardTool } from "./guard-tool.ts";
export type { InputOf, OutputOf, RunnableTool } from "./host-tool.ts";
export { notDoneIn } from "./not-done-in.ts";
