import type { Guard } from "../../pipeline/guard.ts";
import type { ToolRule } from "../guarded-tool.ts";
import { requireRule } from "../host-context.ts";
import { guardTool } from "./guard-tool.ts";
import type { AnySchema, GuardedMastraTool, GuardToolOptions, Infer } from "./options.ts";

/** What `createTool` takes, by the names that an agent has for it. */
export type AnyTools = Readonly<Record<string, AnyTool>>;

interface AnyTool {
  readonly id: string;
  readonly description: string;
  readonly inputSchema?: AnySchema;
  // biome-ignore lint/suspicious/noExplicitAny: any tool, whatever its schemas
  readonly execute: (input: any, context: any) => Promise<any>;
}

type InputOf<Tool extends AnyTool> = Infer<Tool["inputSchema"]>;
type ResultOf<Tool extends AnyTool> = Awaited<ReturnType<Tool["execute"]>>;

/** What is said of each tool, by its name: a rule, or that it may run any number of times. */
export type ToolRules<Tools extends AnyTools> = {
  readonly [Name in keyof Tools]: ToolRule<InputOf<Tools[Name]>, ResultOf<Tools[Name]>> | "safe";
};

/**
 * `guardTool` for all tools of an agent: hand each of what it returns to Mastra's `createTool`.
 *
 * @throws OnceguardError `invalid_option` (a tool without a rule) | `invalid_action`
 */
export function guardTools<const Tools extends AnyTools>(
  guard: Guard,
  tools: Tools,
  rules: ToolRules<Tools>,
  options: GuardToolOptions = {},
): { [Name in keyof Tools]: GuardedMastraTool<Tools[Name]["id"], Tools[Name]["inputSchema"], ResultOf<Tools[Name]>> } {
  const guarded = Object.entries(tools).map(([name, tool]) => {
    const rule = requireRule(name, (rules as Readonly<Record<string, object | "safe">>)[name]);
    return [name, guardTool(guard, tool as never, rule as never, options)];
  });
  return Object.fromEntries(guarded);
}
