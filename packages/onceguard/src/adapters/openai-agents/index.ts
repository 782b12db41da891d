export { effectContext } from "../effect-context.ts";
export type { ToolRule } from "../guarded-tool.ts";
export type { Approver } from "../host-approval.ts";
export type { ContextOption, HostContext } from "../host-context.ts";
export { isNotDone, type ModelAnswer, type NotDone } from "../model-answer.ts";
export { guardTool } from "./guard-tool.ts";
export { guardTools, type ToolRules } from "./guard-tools.ts";
export type { GuardableTool, GuardToolOptions, OpenAIToolCall } from "./options.ts";
