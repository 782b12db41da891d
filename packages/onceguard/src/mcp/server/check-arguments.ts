import type { Tool } from "@modelcontextprotocol/server";
import { problemWithName } from "../../core/request-id.ts";

interface Property {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/**
 * What is wrong with the arguments, in words that a model can act on; null when nothing is. Only what our own schemas
 * say: the payload is the guard's to check, by the action's schema.
 */
export function problemWithArguments({ inputSchema }: Tool, given: unknown): string | null {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return "The arguments must be an object.";
  const properties = (inputSchema.properties ?? {}) as Readonly<Record<string, Property>>;
  const known = Object.keys(properties);
  for (const [name, value] of Object.entries(given)) {
    // A payload's field beside `payload` is the mistake that models make most.
    if (!Object.hasOwn(properties, name))
      return `There is no argument "${name}"; there are ${known.join(", ") || "none"}.`;
    const problem = value === undefined ? null : problemWith(properties[name] as Property, value);
    if (problem !== null) return `Argument "${name}" must be ${problem}.`;
  }
  const missing = (inputSchema.required ?? []).find((name) => (given as Record<string, unknown>)[name] === undefined);
  return missing === undefined ? null : `Argument "${missing}" is missing.`;
}

function problemWith({ type, enum: options, minimum, maximum }: Property, value: unknown): string | null {
  if (options) return options.includes(value) ? null : `one of ${options.join(", ")}`;
  if (type === "string") {
    return problemWithName(value) === null || isLongText(value) ? null : "a text of 1 to 255 printable characters";
  }
  if (type === "boolean") return typeof value === "boolean" ? null : "true or false";
  if (type !== "integer") return null;
  if (!Number.isSafeInteger(value)) return "a whole number";
  if (minimum !== undefined && (value as number) < minimum) return `at least ${minimum}`;
  return maximum !== undefined && (value as number) > maximum ? `at most ${maximum}` : null;
}

/** Reasons and messages may be longer than a name; what they may hold is checked where they are used. */
function isLongText(value: unknown): boolean {
  return typeof value === "string" && value.length > 0 && value.length <= 4_000 && value.includes(" ");
}
