import type { Proposed } from "../../pipeline/intake.ts";
import { userApproval } from "./approval-parts.ts";
import type { AiOptions, AiTool, AiTools } from "./host-tool.ts";

/** What the SDK does before a call: nothing, asks its user, or refuses. */
export type ApprovalStatus =
  | undefined
  | { readonly type: "user-approval"; readonly reason?: string }
  | { readonly type: "denied"; readonly reason: string };

/** Says of one call what the SDK's `toolApproval` asks. */
export type Verdict = (input: unknown, options: AiOptions) => Promise<ApprovalStatus>;

/** Found by the tool itself, wherever a program has spread it to. */
const verdicts = new WeakMap<object, Verdict>();

export function keepVerdict(tool: object, verdict: Verdict): void {
  verdicts.set(tool, verdict);
}

/**
 * For `toolApproval` of `generateText`, `streamText` and agents: what rules and policy say, in the SDK's words. A denial is
 * told at once; for what needs a person the run stops, and the chat asks its user. What a yes there is worth, the
 * `approver` of `guardTools` says.
 */
export function toolApproval<Tools extends AiTools>(tools: Tools): { readonly [Name in keyof Tools]?: Verdict } {
  const found = Object.entries(tools).flatMap(([name, tool]) => {
    const verdict = verdicts.get(tool);
    return verdict === undefined ? [] : [[name, verdict]];
  });
  return Object.fromEntries(found) as { readonly [Name in keyof Tools]?: Verdict };
}

/** The guard's verdict, or else the tool's own wish to ask: the SDK hears `toolApproval` instead of the tool. */
export function besidesOwn(tool: AiTool, verdict: Verdict): Verdict {
  const { needsApproval } = tool;
  return async (input, options) => {
    const judged = await verdict(input, options);
    if (judged !== undefined || !needsApproval) return judged;
    const context = options.context ?? options.toolContext;
    const wishes =
      typeof needsApproval !== "function" || (await needsApproval.call(tool, input, { ...options, context }));
    return wishes ? { type: "user-approval" } : undefined;
  };
}

/** @param propose Null: nobody is to be asked about this tool. */
export function judging(propose: (input: unknown, options: AiOptions) => Promise<Proposed | null>): Verdict {
  return async (input, options) => {
    let proposed: Proposed | null;
    try {
      proposed = await propose(input, options);
    } catch {
      return undefined; // the call itself says what is wrong, and sends nothing
    }
    if (proposed === null) return undefined;
    const { verdict, reasons, receipt } = proposed;
    if (verdict === "deny") return { type: "denied", reason: reasons.join("; ") };
    const hold = receipt?.state === "held" ? receipt.hold : null;
    const isOpen = hold?.waitsFor === "approval" && hold.approval === null;
    // What was asked about stays so: the SDK asks again before it carries out what its user has approved.
    const wasAsked = userApproval(options.messages, options.toolCallId) !== null;
    return isOpen || wasAsked ? { type: "user-approval", reason: (hold?.reasons ?? reasons).join("; ") } : undefined;
  };
}
