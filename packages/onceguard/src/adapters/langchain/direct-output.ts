import { load } from "@langchain/core/load";
import { ToolMessage } from "@langchain/core/messages";
import { Command, isCommand } from "@langchain/langgraph";

// A tool may answer with a message or a command of its own, and receipts hold JSON.

const DIRECT = "onceguard/direct-output";

interface Direct {
  /** The call that the messages in it answer. */
  readonly callId: string | null;
  readonly command: object | null;
  readonly message: unknown;
}

/** What a tool gave, as a receipt can keep it. */
export function storable(output: unknown, callId: string | undefined): unknown {
  const isMessage = ToolMessage.isInstance(output);
  if (!isMessage && !isCommand(output)) return output;
  const { graph, update, goto, resume } = (isMessage ? {} : output) as Partial<Command>;
  const direct: Direct = {
    callId: callId ?? null,
    command: isMessage ? null : { graph, update, goto, resume },
    message: isMessage ? output : null,
  };
  return { [DIRECT]: direct };
}

/** The same again. Its messages answer the call that asks now, which a replay's is not the one that it was made for. */
export async function restored(stored: unknown, callId: string | undefined): Promise<unknown> {
  const direct = (stored as { [DIRECT]?: Direct } | null)?.[DIRECT];
  if (direct === undefined) return stored;
  const text = JSON.stringify(direct.command ?? direct.message, (name, value: unknown) =>
    name === "tool_call_id" && value === direct.callId ? callId : value,
  );
  const output = await load<object>(text);
  return direct.command === null ? output : new Command(output);
}
