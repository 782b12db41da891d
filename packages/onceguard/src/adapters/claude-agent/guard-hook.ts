import { OnceguardError } from "../../core/errors.ts";
import type { Proposed } from "../../pipeline/intake.ts";
import { type Gate, gateOf } from "./gate.ts";

/** Options of `guardHook`. */
export interface GuardHookOptions {
  /**
   * What becomes of a call that a person has to approve. `ask`: Claude Code asks its user (`canUseTool`), and what the yes
   * is worth, the `approver` of `guardTool` says. `defer`: the run ends (`deferred_tool_use`) and can be resumed once a
   * person has approved. `deny`: the model is told. Default `ask`.
   */
  readonly review?: "ask" | "defer" | "deny";
}

/** What the SDK calls before a tool is used. */
export type PreToolUseHook = (
  input: PreToolUse,
  toolUseId: string | undefined,
  options: unknown,
) => Promise<HookAnswer>;

// biome-ignore lint/suspicious/noExplicitAny: the SDK calls a hook with the input of whatever event it is put under
type PreToolUse = any;

/** Empty: nothing to say, and Claude Code's own permissions decide. */
export type HookAnswer = {
  hookSpecificOutput?: {
    hookEventName: "PreToolUse";
    permissionDecision: "ask" | "defer" | "deny";
    permissionDecisionReason: string;
  };
};

/**
 * A `PreToolUse` hook that asks the guard's rules and policy about calls of guarded tools before they are made.
 *
 * @param servers what `guardTool` gave, by the names that the servers have in `mcpServers`
 * @throws OnceguardError `invalid_option` for a tool that has not been through `guardTool`
 */
export function guardHook(
  servers: Readonly<Record<string, readonly object[]>>,
  { review = "ask" }: GuardHookOptions = {},
): PreToolUseHook {
  const gates = new Map(
    Object.entries(servers).flatMap(([server, tools]) =>
      tools.map((tool) => [nameOf(server, (tool as { name: string }).name), knownGate(server, tool)] as const),
    ),
  );
  return async (input, toolUseId) => {
    const gate = gates.get(input?.tool_name);
    if (!gate || input.hook_event_name !== "PreToolUse") return {};
    const id: string | undefined = input.tool_use_id ?? toolUseId;
    let proposed: Proposed | null;
    try {
      proposed = await gate.propose(input.tool_input, id);
    } catch {
      return {}; // the call itself says what is wrong, and sends nothing
    }
    if (proposed === null) return {};
    const { verdict, reasons, receipt } = proposed;
    if (verdict === "deny" || verdict === "halted") return decided("deny", reasons);
    const hold = receipt?.state === "held" ? receipt.hold : null;
    if (hold?.waitsFor !== "approval" || hold.approval !== null) return {};
    if (review === "ask" && id !== undefined) gate.asks(id);
    return decided(review, [...hold.reasons, `request ${proposed.requestId}`]);
  };
}

/** @throws OnceguardError `invalid_option` */
function knownGate(server: string, tool: object): Gate | null {
  const gate = gateOf(tool);
  if (gate !== undefined) return gate;
  const { name } = tool as { readonly name?: unknown };
  throw new OnceguardError(
    "invalid_option",
    `The tool "${name}" of "${server}" has not been through guardTool. Give the hook what guardTool returns, also for a safe tool.`,
    { option: "servers", tool: name },
  );
}

/** As Claude Code calls a tool of an MCP server. */
function nameOf(server: string, tool: string): string {
  const [first, last] = [server, tool].map((name) => name.replaceAll(/[^\w-]/g, "_"));
  return `mcp__${first}__${last}`;
}

function decided(permissionDecision: "ask" | "defer" | "deny", reasons: readonly string[]): HookAnswer {
  const permissionDecisionReason = reasons.join("; ");
  return { hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision, permissionDecisionReason } };
}
