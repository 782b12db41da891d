import { problemWithName } from "../../core/request-id.ts";
import { traceIdOf } from "../../core/trace-parent.ts";

/** What a host says of a call besides its arguments, in `_meta`. */
export interface HostIdentity {
  /** For the lower rung of the identity ladder. */
  readonly host: { readonly scope: string; readonly callId?: string } | null;
  /** The host's conversation, which stands for the agent's run where the caller names none. */
  readonly runId: string | null;
  /** SEP-3182: the caller's own key for this intent. */
  readonly idempotencyKey: string | null;
  /** Of the host's trace, from `traceparent` (OpenTelemetry's conventions for MCP). */
  readonly traceId: string | null;
}

/** Where the transports of this server put `params.idempotencyKey` (SEP-3182), which the SDK does not hand on. */
export const IDEMPOTENCY_KEY_META = "dev.onceguard/idempotency-key";

type Meta = Readonly<Record<string, unknown>>;

/**
 * Observed of real hosts (November 2026). Only ids that belong to one tool call are call ids: VS Code's `requestId` is a
 * turn of the conversation, in which a tool may be called several times on purpose.
 */
export function hostIdentity(meta: Meta | undefined): HostIdentity {
  const text = (key: string): string | null => name(meta?.[key]);
  const told = { idempotencyKey: text(IDEMPOTENCY_KEY_META), traceId: traceIdOf(meta?.traceparent) };
  const claude = text("claudecode/toolUseId");
  if (claude !== null) return { host: { scope: "claude-code", callId: claude }, runId: null, ...told };
  const thread = text("threadId") ?? text("sessionId");
  const codex = text("callId");
  if (thread !== null && codex !== null) {
    return { host: { scope: `codex:${thread}`, callId: codex }, runId: thread, ...told };
  }
  const conversation = text("vscode.conversationId");
  if (conversation !== null) {
    return { host: { scope: `vscode:${conversation}` }, runId: conversation, ...told };
  }
  return { host: null, runId: null, ...told };
}

/** A `_meta` value is anything; only what can be a name counts. Some room is left for a prefix. */
function name(value: unknown): string | null {
  return problemWithName(value) === null && (value as string).length <= 200 ? (value as string) : null;
}
