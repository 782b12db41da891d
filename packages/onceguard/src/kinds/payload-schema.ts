import type { Schema } from "../core/action.ts";
import type { JsonValue } from "../core/json.ts";
import { readPath } from "../core/request-id.ts";

/** What a described action needs of its payload. */
export interface Needs {
  /** Filled into a text: there, and plain. */
  readonly text: readonly string[];
  /** Filled in whole: there, of whatever type. */
  readonly whole: readonly string[];
  /** Counts against budgets: a number from 0. */
  readonly amounts: readonly string[];
}

interface Issue {
  readonly message: string;
  readonly path: readonly string[];
}

/** An object with the fields that are filled in from it; what names an effect or costs money is not left to chance. */
export function payloadSchema(needs: Needs): Schema<unknown, JsonValue> {
  return {
    "~standard": {
      version: 1,
      vendor: "onceguard",
      validate: (payload: unknown) => {
        const issues = issuesWith(needs, payload as JsonValue);
        return issues.length === 0 ? { value: payload as JsonValue } : { issues };
      },
      // For list_actions; read by what it is, as the JSON Schema part of Standard Schema.
      ...{ jsonSchema: { input: () => jsonSchema(needs) } },
    },
  };
}

function issuesWith({ text, whole, amounts }: Needs, payload: JsonValue): Issue[] {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return [{ message: "an object is needed here", path: [] }];
  }
  const at = (path: string): unknown => readPath(payload, path);
  const issue = (path: string, message: string): Issue => ({ message, path: path.split(".") });
  return [
    ...unique(text)
      .filter((path) => !["string", "number", "boolean"].includes(typeof at(path)) || at(path) === "")
      .map((path) => issue(path, "a text, number or boolean is needed here")),
    ...unique(whole)
      .filter((path) => at(path) === undefined)
      .map((path) => issue(path, "a value is needed here")),
    ...unique(amounts)
      .filter((path) => !(typeof at(path) === "number" && (at(path) as number) >= 0))
      .map((path) => issue(path, "a number from 0 is needed here")),
  ];
}

function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)];
}

/** Only the fields that are needed: others may be there, and are part of the payload's identity. */
function jsonSchema({ text, whole, amounts }: Needs): Record<string, unknown> {
  const root: Node = { properties: {}, required: [] };
  for (const path of whole) place(root, path, {});
  for (const path of text) place(root, path, { type: ["string", "number", "boolean"] });
  for (const path of amounts) place(root, path, { type: "number", minimum: 0 });
  return { type: "object", ...root };
}

interface Node {
  readonly properties: Record<string, Record<string, unknown>>;
  readonly required: string[];
}

function place(root: Node, path: string, schema: Record<string, unknown>): void {
  const steps = path.split(".");
  let node = root;
  for (const [n, step] of steps.entries()) {
    if (!node.required.includes(step)) node.required.push(step);
    if (n === steps.length - 1) node.properties[step] = { ...node.properties[step], ...schema };
    else {
      node.properties[step] ??= { type: "object", properties: {}, required: [] };
      node.properties[step].properties ??= {};
      node.properties[step].required ??= [];
      node = node.properties[step] as unknown as Node;
    }
  }
}
