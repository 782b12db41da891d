import { z } from "zod";
import type { PreToolUseHook } from "../../../src/adapters/claude-agent/index.ts";

// As much of Claude Code and its Agent SDK as their documentation fixes, for tests that need neither. The same stories with
// the real program: test/hosts/agent-sdk.hosts.ts.

export interface Result {
  readonly content: { readonly type: "text"; readonly text: string }[];
  readonly structuredContent?: Record<string, unknown>;
  readonly isError?: boolean;
}

interface Definition<Shape extends z.ZodRawShape> {
  name: string;
  description: string;
  inputSchema: Shape;
  handler: (args: z.infer<z.ZodObject<Shape>>, extra: unknown) => Promise<Result>;
}

/** `tool()` of the SDK. */
export function tool<Shape extends z.ZodRawShape>(
  name: string,
  description: string,
  inputSchema: Shape,
  handler: Definition<Shape>["handler"],
): Definition<Shape> {
  return { name, description, inputSchema, handler };
}

export const text = (said: string): Result => ({ content: [{ type: "text", text: said }] });

export interface Use {
  readonly id: string;
  readonly args: unknown;
  readonly hook?: PreToolUseHook;
  /** What the host's user says when asked (`canUseTool`). Default: no. */
  readonly allows?: boolean;
  readonly signal?: AbortSignal;
}

export interface Used {
  /** What the model is told; undefined: the run has ended before the call (`deferred_tool_use`). */
  readonly told: Result | undefined;
  readonly asked: string | undefined;
}

/** One `tool_use` of the model: the hook, the question, the check of its arguments, the handler. */
// biome-ignore lint/suspicious/noExplicitAny: any tool, whatever its arguments
export async function use(server: string, definition: Definition<any>, given: Use): Promise<Used> {
  const { id, args, hook, allows = false, signal = new AbortController().signal } = given;
  const input = { hook_event_name: "PreToolUse", session_id: "s", tool_name: `mcp__${server}__${definition.name}` };
  const answer = await hook?.({ ...input, tool_input: args, tool_use_id: id }, id, { signal });
  const { permissionDecision, permissionDecisionReason: reason } = answer?.hookSpecificOutput ?? {};
  if (permissionDecision === "defer") return { told: undefined, asked: undefined };
  if (permissionDecision === "deny") return { told: failed(reason), asked: undefined };
  const asked = permissionDecision === "ask" ? reason : undefined;
  if (asked !== undefined && !allows) return { told: failed("the user said no"), asked };
  try {
    const checked = await z.object(definition.inputSchema).parseAsync(args);
    return { told: await definition.handler(checked, { signal, _meta: { "claudecode/toolUseId": id } }), asked };
  } catch (error) {
    return { told: failed((error as Error).message), asked };
  }
}

function failed(said = ""): Result {
  return { ...text(said), isError: true };
}
