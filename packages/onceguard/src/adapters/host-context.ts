import type { CallContext } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { ToolRule } from "./guarded-tool.ts";

/** What a program says of a host's calls, besides what the host itself tells: whose they are, and who acts. */
export interface HostContext extends Omit<CallContext, "host" | "signal" | "tx"> {
  /**
   * The host's own id of the conversation (chat, thread, session), the same for as long as it lasts and in every process.
   * With it the host's call ids name a call; without it only a business key does.
   */
  readonly scope?: string;
}

/** The same for all calls, or by code for each. */
export type ContextOption<Call> = HostContext | ((call: Call) => HostContext);

/** What the host tells of one call. */
export interface HostIds {
  /** Where the host's call ids are unique by themselves: what stands for a scope that is not given. */
  readonly scope?: string | undefined;
  readonly callId: string | undefined;
  /** The host's. It detaches its caller, and never stops an effect that was sent. */
  readonly signal?: AbortSignal | null | undefined;
}

export function callContext<Call>(option: ContextOption<Call> | undefined, call: Call, ids: HostIds): CallContext {
  const { scope = ids.scope, ...said } = (typeof option === "function" ? option(call) : option) ?? {};
  const { callId, signal } = ids;
  return {
    ...said,
    ...(scope !== undefined && { host: { scope, ...(callId !== undefined && { callId }) } }),
    ...(signal && { signal }),
  };
}

/**
 * Sees to it that something names the intent of a call. Its content alone does not: the same mail in two conversations is
 * two, and what cannot be undone needs a business key (or a request id).
 *
 * @throws OnceguardError `missing_identity`
 */
export function requireIdentity<Input, Result>(
  tool: string,
  { riskTier = "irreversible", key, keyFields }: ToolRule<Input, Result>,
  { requestId, contentScope, host }: Pick<CallContext, "requestId" | "contentScope" | "host">,
): void {
  if (riskTier === "safe" || (key ?? keyFields ?? requestId) !== undefined) return;
  if (riskTier === "side_effecting" && (contentScope ?? host) !== undefined) return;
  throw new OnceguardError(
    "missing_identity",
    riskTier === "side_effecting"
      ? `Nothing names what a call of "${tool}" is meant to do. Give its rule keyFields, or say the scope of its calls: the id of the conversation.`
      : `Nothing names what a call of "${tool}" is meant to do, and what is irreversible needs a business key. Give its rule keyFields.`,
    { action: tool, riskTier },
  );
}

/**
 * A tool that nobody has thought about must not run unguarded.
 *
 * @throws OnceguardError `invalid_option` for a tool that has neither a rule nor the word "safe"
 */
export function requireRule<Rule extends object>(tool: string, rule: Rule | "safe" | undefined): Rule | "safe" {
  if (rule === "safe" || (typeof rule === "object" && rule !== null)) return rule;
  throw new OnceguardError(
    "invalid_option",
    `The tool "${tool}" has no rule. Give it one, such as { keyFields: [...] }, or the word "safe" if it may run any number of times.`,
    { option: "rules", tool },
  );
}
