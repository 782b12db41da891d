import type { Expr, FunctionFact } from "../facts/model.ts";
import type { DeployedEvent, DeployedFunction } from "../project/deployed-functions.ts";
import type { Evaluator } from "../values/evaluator.ts";
import type { Contexts } from "./context.ts";

/** What an event of a template does with a function, by the name of the event in Serverless Framework and SAM. */
const EVENTS: readonly [RegExp, string][] = [
  [/^sqs$/i, "queue:sqs-lambda"],
  [/^(?:msk|kafka|SelfManagedKafka)$/i, "queue:kafka"],
  [/^(?:rabbitmq|activemq|mq)$/i, "queue:amqp"],
  [/^(?:eventBridge|EventBridgeRule|cloudwatchEvent)$/i, "event:eventbridge"],
  // A schedule, a topic and a bucket call asynchronously: an error is tried again.
  [
    /^(?:schedule|ScheduleV2|sns|s3|stream|DynamoDB|Kinesis|iot|IoTRule|cloudwatchLogs?|cognitoUserPool)$/i,
    "lambda:async",
  ],
  [/^(?:http|httpApi|api|websocket|alb)$/i, "entry:http-route"],
];

/** Functions that a template deploys: what calls them stands in the template and nowhere in the code. */
export function addDeployed(evaluator: Evaluator, contexts: Contexts): void {
  for (const one of evaluator.project.deployed) {
    const fns = handlersOf(evaluator, one);
    for (const event of one.events) {
      const family = EVENTS.find(([type]) => type.test(event.type))?.[1];
      if (family) for (const fn of fns) connect(contexts, one, event, family, fn);
    }
  }
}

function connect(
  contexts: Contexts,
  { name, retries }: DeployedFunction,
  { type, detail }: DeployedEvent,
  family: string,
  fn: FunctionFact,
): void {
  const [method = "", path] = detail.split(" ");
  contexts.add({
    family,
    fn,
    at: { fn, pos: fn.pos },
    label: family === "entry:http-route" ? detail || name : `${name}: ${type} ${detail}`.trim(),
    attempts: family === "lambda:async" ? retries : null,
    safeByProtocol: family === "entry:http-route" && /^get$/i.test(method),
  });
  if (family === "entry:http-route" && path) contexts.addresses.push({ address: { kind: "route", path }, fn });
}

/** The exported function of the first of the files that there is. */
function handlersOf(evaluator: Evaluator, { files, exported }: DeployedFunction): FunctionFact[] {
  const { resolver, files: known } = evaluator.project;
  for (const path of files) {
    const found = resolver.resolve("package.json", `./${path}`);
    const file = found === null ? undefined : known.get(found);
    if (!file) continue;
    const fns = evaluator.exported(file, exported).flatMap((one) => (one.k === "function" ? [one.f] : []));
    // `export const handler = middy(work).use(...)`: what is wrapped does the work.
    return fns.length > 0 ? fns : wrapped(evaluator, file.exports.find((one) => one.name === exported)?.value ?? null);
  }
  return [];
}

const MAX_WRAPPERS = 6;

function wrapped(evaluator: Evaluator, value: Expr | null, depth = 0): FunctionFact[] {
  if (value === null || depth > MAX_WRAPPERS) return [];
  if (value.k === "ref" && !value.b.imported && value.b.sources[0])
    return wrapped(evaluator, value.b.sources[0], depth + 1);
  if (value.k !== "call") return [];
  const { callee, args } = value.c;
  const given = args.flatMap((one) => evaluator.of(one).flatMap((found) => (found.k === "function" ? [found.f] : [])));
  if (given.length > 0) return given;
  const inner = args.flatMap((one) => wrapped(evaluator, one, depth + 1));
  return inner.length > 0 || callee.k !== "member" ? inner : wrapped(evaluator, callee.o, depth + 1);
}
