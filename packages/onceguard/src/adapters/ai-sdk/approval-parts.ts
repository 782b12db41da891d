import type { AiMessage } from "./host-tool.ts";

interface Part {
  readonly type?: unknown;
  readonly toolCallId?: unknown;
  readonly approvalId?: unknown;
  readonly approved?: unknown;
  readonly isAutomatic?: unknown;
}

/** What the host's user said to a call, as the conversation has it. */
export interface UserApproval {
  readonly approvalId: string;
  readonly approved: boolean;
}

/** The user's answer about a call; null when they were not asked, or have not answered. The client keeps it: no proof. */
export function userApproval(messages: readonly AiMessage[], toolCallId: string): UserApproval | null {
  const parts = messages.flatMap(({ content }) => (Array.isArray(content) ? (content as Part[]) : []));
  const asked = new Set(
    parts
      .filter((part) => part.type === "tool-approval-request" && part.toolCallId === toolCallId && !part.isAutomatic)
      .map((part) => part.approvalId),
  );
  const said = parts.find((part) => part.type === "tool-approval-response" && asked.has(part.approvalId));
  return said === undefined ? null : { approvalId: String(said.approvalId), approved: said.approved === true };
}
