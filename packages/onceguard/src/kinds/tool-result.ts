import { isJsonObject, type JsonValue } from "../core/json.ts";

/** What a path is looked for in: a tool's structured result, else the JSON in its text; undefined when it has neither. */
export function dataOfResult(result: {
  readonly structuredContent?: unknown;
  readonly content?: unknown;
}): JsonValue | undefined {
  const { structuredContent } = result;
  if (isJsonObject(structuredContent as JsonValue | undefined)) return structuredContent as JsonValue;
  try {
    return JSON.parse(textOfResult(result)) as JsonValue;
  } catch {
    return undefined;
  }
}

export function textOfResult({ content }: { readonly content?: unknown }): string {
  const blocks = Array.isArray(content) ? (content as readonly { type?: unknown; text?: unknown }[]) : [];
  return blocks.map((block) => (block?.type === "text" && typeof block.text === "string" ? block.text : "")).join("");
}
