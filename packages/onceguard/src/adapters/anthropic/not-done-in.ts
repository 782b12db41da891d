import { isNotDone, type NotDone } from "../model-answer.ts";

interface Message {
  readonly content: unknown;
}

/**
 * The answers of the guard among the tool results of a turn (`await runner.generateToolResponse()`): to stop the runner at
 * one that a person has to look at, or to show it.
 */
export function notDoneIn(message: Message | null | undefined): readonly NotDone[] {
  const blocks = Array.isArray(message?.content) ? (message.content as { type?: unknown; content?: unknown }[]) : [];
  return blocks.flatMap(({ type, content }) => {
    const answer = type === "tool_result" && typeof content === "string" ? parsed(content) : null;
    return isNotDone(answer) ? [answer] : [];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
