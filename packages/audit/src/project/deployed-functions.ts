import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { posix } from "node:path";

/** A function that a template deploys, and what the template has call it. */
export interface DeployedFunction {
  /** The template. */
  path: string;
  name: string;
  /** Where its handler may be, best guess first, without the extension: `services/orders/src/create`. */
  files: string[];
  /** The name that the file exports. */
  exported: string;
  events: DeployedEvent[];
  /** How often an asynchronous call is tried again, if the template says so. */
  retries: number | null;
}

export interface DeployedEvent {
  /** As the template calls it: `sqs`, `Schedule`, `httpApi`. */
  type: string;
  /** The queue, the schedule, the method and path. */
  detail: string;
}

export interface DeployedFunctions {
  functions: DeployedFunction[];
  notRead: { path: string; why: string }[];
}

/** Serverless Framework and SAM. */
export const TEMPLATE: RegExp =
  /^(?:serverless|template|sam)(?:[.-][\w.-]+)?\.(?:ya?ml|json)$|\.template\.(?:ya?ml|json)$/;
/** Larger ones are written by machines. */
const MAX_BYTES = 1_000_000;
/** What aliases may unfold to; without a limit a few lines fill the memory. */
const MAX_ALIASES = 100;

type Json = Record<string, unknown>;

/** Reads the functions of all templates. Templates are data: nothing in them is executed, and no other file is opened for them. */
export function readDeployed(configs: readonly { path: string; absolute: string; size: number }[]): DeployedFunctions {
  const found: DeployedFunctions = { functions: [], notRead: [] };
  for (const { path, absolute, size } of configs) {
    if (!TEMPLATE.test(posix.basename(path))) continue;
    try {
      if (size > MAX_BYTES) throw new Error(`${Math.round(size / 1e5) / 10} MB: too large for a template`);
      const { root, errors } = parse(readFileSync(absolute, "utf8"));
      if (errors > 0) found.notRead.push({ path, why: `${errors} syntax error(s): read in part` });
      if (isObject(root)) found.functions.push(...functionsOf(path, root));
    } catch (error) {
      found.notRead.push({ path, why: reasonOf(error) });
    }
  }
  return found;
}

/** The parser is loaded only where there is something to parse. */
function parse(text: string): { root: unknown; errors: number } {
  const { parseDocument } = createRequire(import.meta.url)("yaml") as typeof import("yaml");
  // `!Ref Orders`: the tags of CloudFormation are not known, and their text is all that is needed.
  const document = parseDocument(text, { logLevel: "silent", uniqueKeys: false, merge: true });
  return { root: document.toJS({ maxAliasCount: MAX_ALIASES }), errors: document.errors.length };
}

function functionsOf(path: string, root: Json): DeployedFunction[] {
  const folder = posix.dirname(path);
  if (isObject(root.Resources)) return ofSam(path, folder, root, root.Resources);
  const lists = Array.isArray(root.functions) ? root.functions : [root.functions];
  return lists.filter(isObject).flatMap((list) => ofServerless(path, folder, list));
}

/** `functions: { create: { handler: src/orders.create, events: [{ sqs: ... }] } }` */
function ofServerless(path: string, folder: string, list: Json): DeployedFunction[] {
  return entriesOf(list).flatMap(([name, one]) => {
    const handler = splitHandler(one.handler);
    if (!handler) return [];
    const events = (Array.isArray(one.events) ? one.events : []).flatMap((event): DeployedEvent[] => {
      if (typeof event === "string") return [{ type: event, detail: "" }];
      if (!isObject(event)) return [];
      return Object.entries(event).map(([type, value]) => ({ type, detail: detailOf(value) }));
    });
    const files = [posix.join(folder, handler.file)];
    return [{ path, name, files, exported: handler.name, events, retries: numberOf(one.maximumRetryAttempts) }];
  });
}

/** `Type: AWS::Serverless::Function`, with what the globals say for all of them. */
function ofSam(path: string, folder: string, root: Json, resources: Json): DeployedFunction[] {
  const globals = objectAt(objectAt(root, "Globals"), "Function");
  return entriesOf(resources).flatMap(([name, resource]) => {
    if (resource.Type !== "AWS::Serverless::Function") return [];
    const properties = { ...globals, ...objectAt(resource, "Properties") };
    const handler = splitHandler(properties.Handler);
    if (!handler) return [];
    const code = typeof properties.CodeUri === "string" ? properties.CodeUri : "";
    const entries = objectAt(objectAt(resource, "Metadata"), "BuildProperties").EntryPoints;
    const built = (Array.isArray(entries) ? entries : [])
      .filter((one): one is string => typeof one === "string")
      .map((one) => one.replace(/\.[cm]?[jt]s$/, ""));
    const events = entriesOf(objectAt(properties, "Events")).map(([, event]) => ({
      type: String(event.Type ?? ""),
      detail: detailOf(event.Properties),
    }));
    const invoked = objectAt(properties, "EventInvokeConfig");
    return [
      {
        path,
        name,
        files: [...built, handler.file].map((one) => posix.join(folder, code, one)),
        exported: handler.name,
        events,
        retries: numberOf(invoked.MaximumRetryAttempts),
      },
    ];
  });
}

/** `src/orders.create`: the file, and what it exports. */
function splitHandler(handler: unknown): { file: string; name: string } | null {
  const match = typeof handler === "string" ? /^([\w@./-]+)\.(\w+)$/.exec(handler) : null;
  return match ? { file: match[1] as string, name: match[2] as string } : null;
}

/** What a reader would call the source of an event. */
function detailOf(value: unknown): string {
  if (typeof value === "string") return value.split(/[:/](?=[\w-]+$)/).at(-1) ?? value;
  if (Array.isArray(value)) return detailOf(value[0]);
  if (!isObject(value)) return "";
  const one = (names: string[]) => names.map((name) => value[name]).find((found) => typeof found === "string");
  const path = one(["path", "Path"]);
  if (typeof path === "string") return `${String(one(["method", "Method"]) ?? "")} ${path}`.trim();
  const named = one([
    "arn",
    "queueName",
    "topicName",
    "Queue",
    "Topic",
    "Stream",
    "rate",
    "Schedule",
    "ScheduleExpression",
  ]);
  return typeof named === "string" ? detailOf(named) : "";
}

function entriesOf(value: Json): [string, Json][] {
  return Object.entries(value).filter((entry): entry is [string, Json] => isObject(entry[1]));
}

function objectAt(value: Json, key: string): Json {
  const found = value[key];
  return isObject(found) ? found : {};
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function isObject(value: unknown): value is Json {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return "nested too deeply to read";
  return error instanceof Error ? (error.message.split("\n")[0] ?? "unreadable") : String(error);
}
