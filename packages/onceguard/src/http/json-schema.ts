import { problemWithName } from "../core/request-id.ts";

/**
 * The part of JSON Schema (2020-12) that this API is described in. One value both checks a request and stands in the
 * OpenAPI document, so that the two cannot differ.
 */
export interface JsonSchema {
  readonly type?: JsonType | readonly JsonType[];
  readonly description?: string;
  readonly enum?: readonly (string | number | boolean | null)[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  /** `name`: printable and well-formed, as every store, log and header can carry it. */
  readonly format?: "name" | "date-time" | "uri";
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  /** False for what we take; answers may gain fields. */
  readonly additionalProperties?: boolean | JsonSchema;
  /** For answers only: nothing that is taken has it. */
  readonly anyOf?: readonly JsonSchema[];
  readonly $ref?: string;
}

type JsonType = "object" | "array" | "string" | "number" | "integer" | "boolean" | "null";

/** What does not fit, in words for whoever wrote the request; null when everything does. */
export function problemWith(schema: JsonSchema, value: unknown, at = ""): string | null {
  const here = at === "" ? "the body" : `"${at}"`;
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length > 0 && !types.some((type) => isOf(type, value)))
    return `${here} must be ${types.map(typeWords).join(" or ")}`;
  if (schema.enum && !schema.enum.includes(value as never)) return `${here} must be one of ${schema.enum.join(", ")}`;
  if (typeof value === "string") return problemWithText(schema, value, here);
  if (typeof value === "number") return problemWithNumber(schema, value, here);
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!items) return null;
    return first(value.map((one, n) => () => problemWith(items, one, `${at}[${n}]`)));
  }
  if (typeof value === "object" && value !== null)
    return problemWithObject(schema, value as Record<string, unknown>, at);
  return null;
}

function problemWithObject(schema: JsonSchema, value: Record<string, unknown>, at: string): string | null {
  const { properties = {}, required = [], additionalProperties = true } = schema;
  const inside = (name: string): string => (at === "" ? name : `${at}.${name}`);
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!known && additionalProperties === false) {
      return `there is no "${inside(name).slice(0, 100)}"; there are ${Object.keys(properties).join(", ") || "none"}`;
    }
    const other = typeof additionalProperties === "object" ? additionalProperties : undefined;
    const described = known ?? other;
    const problem = described ? problemWith(described, member, inside(name)) : null;
    if (problem !== null) return problem;
  }
  const missing = required.find((name) => value[name] === undefined);
  return missing === undefined ? null : `"${inside(missing)}" is missing`;
}

function problemWithText({ minLength = 0, maxLength, pattern, format }: JsonSchema, value: string, here: string) {
  if (value.length < minLength) return `${here} must not be empty`;
  if (maxLength !== undefined && value.length > maxLength)
    return `${here} must be at most ${maxLength} characters long`;
  if (pattern !== undefined && !new RegExp(pattern, "u").test(value)) return `${here} must match ${pattern}`;
  const problem = format === "name" ? problemWithName(value) : null;
  return problem === null ? null : `${here} is ${problem}`;
}

function problemWithNumber({ minimum, maximum }: JsonSchema, value: number, here: string): string | null {
  if (minimum !== undefined && value < minimum) return `${here} must be at least ${minimum}`;
  return maximum !== undefined && value > maximum ? `${here} must be at most ${maximum}` : null;
}

function first(checks: readonly (() => string | null)[]): string | null {
  for (const check of checks) {
    const problem = check();
    if (problem !== null) return problem;
  }
  return null;
}

function isOf(type: JsonType, value: unknown): boolean {
  switch (type) {
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "integer":
      return Number.isSafeInteger(value);
    default:
      return typeof value === type;
  }
}

function typeWords(type: JsonType): string {
  const words: Readonly<Partial<Record<JsonType, string>>> = {
    object: "an object",
    array: "a list",
    string: "a text",
    integer: "a whole number",
    boolean: "true or false",
  };
  return words[type] ?? (type === "null" ? "null" : `a ${type}`);
}
