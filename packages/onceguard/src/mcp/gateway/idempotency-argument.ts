import { problemWithName } from "../../core/request-id.ts";
import { isObject, type JsonObject, objectAt } from "./json-rpc.ts";

/** The argument by which a model or a host can name the intended effect itself. */
export const KEY_ARGUMENT = "idempotency_key";

const DESCRIPTION =
  "Names the intended effect, such as `invoice-2026-0042`. The same intent must always get the same key, also after an error or a timeout: then it is not done again, and you hear what became of the first call. Another intent needs another key. Never a random value, a time or a counter of attempts.";

/** Whether the tool has an argument of that name for itself: then it is the tool's, and none is added. */
export function hasOwnKey(inputSchema: JsonObject | undefined): boolean {
  return objectAt(inputSchema, "properties")?.[KEY_ARGUMENT] !== undefined;
}

/** A listed tool with the argument added; `needed` where the guard cannot do without. */
export function withKeyArgument(tool: JsonObject, needed: boolean): JsonObject {
  const schema = isObject(tool.inputSchema) ? tool.inputSchema : { type: "object" };
  const properties = {
    ...objectAt(schema, "properties"),
    [KEY_ARGUMENT]: { type: "string", description: DESCRIPTION },
  };
  const required = Array.isArray(schema.required) ? schema.required : [];
  return {
    ...tool,
    inputSchema: { ...schema, properties, ...(needed && { required: [...required, KEY_ARGUMENT] }) },
  };
}

/** A call's arguments without what is for the guard, and the caller's key for this intent, if it gave one. */
export interface Keyed {
  readonly given: JsonObject;
  readonly key: string | null;
  /** SEP-3182: the key stood beside the tool's name, so that its errors are expected in the proposal's form. */
  readonly isFromProtocol: boolean;
  /** What is wrong with the key. */
  readonly problem: string | null;
}

export function takeKey(params: JsonObject, hasOwn: boolean): Keyed {
  const all = isObject(params.arguments) ? params.arguments : {};
  const { [KEY_ARGUMENT]: argument, ...rest } = all;
  const isFromProtocol = params.idempotencyKey !== undefined;
  const key = isFromProtocol ? params.idempotencyKey : hasOwn ? undefined : argument;
  const given = hasOwn ? all : rest;
  if (key === undefined) return { given, key: null, isFromProtocol, problem: null };
  return { given, key: key as string, isFromProtocol, problem: problemWithName(key) };
}
