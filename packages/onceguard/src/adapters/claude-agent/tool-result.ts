import { effectError } from "../../core/failure.ts";
import { isNotDone } from "../model-answer.ts";

/** A tool's result in MCP, as far as it says whether all went well. */
interface ToolResult {
  readonly content?: unknown;
  readonly isError?: unknown;
}

/** An error result says that something went wrong, and not that nothing was done. */
export function doneOrThrown<Result>(tool: string, result: Result, noEffectOnError: boolean): Result {
  const { isError, content } = (result ?? {}) as ToolResult;
  if (isError !== true) return result;
  const message = `The tool "${tool}" answered with an error: ${textOf(content).slice(0, 500) || "no words"}`;
  throw effectError(
    noEffectOnError
      ? { certainty: "definite", tier: null, code: "tool_error", message }
      : { certainty: "indefinite", tier: "transient", code: "tool_error", message },
  );
}

/** What the model is told. No error, also where nothing was done: it would correct that by another call. */
export function toldAsResult(answer: unknown): unknown {
  if (!isNotDone(answer)) return answer;
  return { content: [{ type: "text", text: JSON.stringify(answer) }], structuredContent: answer };
}

function textOf(content: unknown): string {
  const blocks = Array.isArray(content) ? (content as readonly { type?: unknown; text?: unknown }[]) : [];
  return blocks.map((block) => (block?.type === "text" && typeof block.text === "string" ? block.text : "")).join("");
}
