import type { CallToolResult, InputRequiredResult, ServerContext, Tool } from "@modelcontextprotocol/server";
import type { HostIdentity } from "./host-identity.ts";
import type { ToolRuntime } from "./options.ts";

/** One call as a tool sees it: checked arguments, who calls, and until when it has to be answered. */
export interface ToolCall<Arguments = Record<string, unknown>> {
  readonly arguments: Arguments;
  readonly runtime: ToolRuntime;
  readonly host: HostIdentity;
  /** Fires when the caller leaves, and when its answer is due: what has been sent goes on without it. */
  readonly leaves: AbortSignal;
  readonly context: ServerContext;
  /** Asks a person at the host, where the host can do that; null where it cannot. */
  readonly askPerson: AskPerson | null;
}

/** A question to the person at the host: the answer, or what to send to the host so that it comes back with one. */
export type AskPerson = (question: Question) => Promise<PersonSays | InputRequiredResult>;

export interface Question {
  readonly requestId: string;
  /** The version of the record that is decided on. */
  readonly version: number;
  readonly message: string;
}

export interface PersonSays {
  readonly says: "yes" | "no" | "nothing";
  readonly version: number;
}

/** A tool: what the model reads, and what it does. */
export interface GuardTool {
  readonly tool: Tool;
  run(call: ToolCall<never>): Promise<CallToolResult | InputRequiredResult>;
}
