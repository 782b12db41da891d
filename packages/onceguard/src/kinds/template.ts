import { isJsonObject, type JsonValue } from "../core/json.ts";
import { readPath } from "../core/request-id.ts";

const PATH = "[A-Za-z_]\\w*(?:\\.\\w+)*";
const INSIDE = new RegExp(`\\{(${PATH})\\}`, "g");
const WHOLE = new RegExp(`^\\{(${PATH})(\\?)?\\}$`);

/** What is filled in besides the payload's fields; a field of the same name is not reachable. */
export interface Given {
  readonly idempotencyKey: string;
  readonly requestId: string;
}

const GIVEN: ReadonlySet<string> = new Set(["idempotencyKey", "requestId"]);

/** The payload's fields that a text needs. */
export function fieldsInText(text: string): string[] {
  return [...text.matchAll(INSIDE)].map((match) => match[1] as string).filter((path) => !GIVEN.has(path));
}

/** The payload's fields that a template needs: as part of a text, and as whole values of whatever type. */
export function fieldsInTemplate(template: JsonValue): { text: string[]; whole: string[] } {
  if (typeof template === "string") {
    const whole = WHOLE.exec(template);
    if (!whole) return { text: fieldsInText(template), whole: [] };
    const path = whole[1] as string;
    return { text: [], whole: whole[2] || GIVEN.has(path) ? [] : [path] };
  }
  const inner = Array.isArray(template) ? template : isJsonObject(template) ? Object.values(template) : [];
  const found = (inner as readonly JsonValue[]).map(fieldsInTemplate);
  return { text: found.flatMap(({ text }) => text), whole: found.flatMap(({ whole }) => whole) };
}

export function mentionsKey(template: JsonValue): boolean {
  return JSON.stringify(template).includes("{idempotencyKey}");
}

/** A text with its fields filled in, each through `encode`. What a value holds is never looked at for fields again. */
export function filledText(
  text: string,
  payload: JsonValue,
  given: Given,
  encode: (value: string) => string = (value) => value,
): string {
  return text.replace(INSIDE, (_, path: string) => encode(String(valueAt(path, payload, given))));
}

/** A JSON template with its fields filled in. */
export function filled(template: JsonValue, payload: JsonValue, given: Given): JsonValue {
  return value(template, payload, given) ?? null;
}

function value(template: JsonValue, payload: JsonValue, given: Given): JsonValue | undefined {
  if (typeof template === "string") {
    const whole = WHOLE.exec(template)?.[1];
    return whole === undefined ? filledText(template, payload, given) : valueAt(whole, payload, given);
  }
  if (Array.isArray(template))
    return (template as readonly JsonValue[]).map((one) => value(one, payload, given) ?? null);
  if (!isJsonObject(template)) return template;
  const members = Object.entries(template).map(([key, one]) => [key, value(one, payload, given)] as const);
  return Object.fromEntries(
    members.filter((member): member is readonly [string, JsonValue] => member[1] !== undefined),
  );
}

function valueAt(path: string, payload: JsonValue, given: Given): JsonValue | undefined {
  return GIVEN.has(path) ? given[path as keyof Given] : readPath(payload, path);
}
