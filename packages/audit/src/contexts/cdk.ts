import { posix } from "node:path";
import type { CallFact, Expr, FunctionFact } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { textOf } from "../values/text.ts";
import type { Contexts } from "./context.ts";

/** What a construct that is given a function has call it. */
const SOURCES: readonly [RegExp, string][] = [
  [/^SqsEventSource$/, "queue:sqs-lambda"],
  [/^(?:SnsEventSource|S3EventSource(?:V2)?|DynamoEventSource|KinesisEventSource)$/, "lambda:async"],
  [/^(?:LambdaSubscription|LambdaDestination)$/, "lambda:async"],
  [/^LambdaFunction$/, "event:eventbridge"],
  [/^(?:LambdaIntegration|HttpLambdaIntegration)$/, "entry:http-route"],
];
const FUNCTION = /^(?:NodejsFunction|Function)$/;

/**
 * Functions that a CDK app deploys, and what it has call them. A queue is known by the variables in which the app gives its
 * URL to those who send to it.
 */
export function addCdk(evaluator: Evaluator, contexts: Contexts): void {
  const { files } = evaluator.project;
  if (![...files.values()].some((file) => file.requests.some((one) => one.startsWith("aws-cdk-lib")))) return;
  const calls = [...files.values()].flatMap((file) => file.calls);
  const handlers = new Map<CallFact, FunctionFact[]>();
  const variables = new Map<CallFact, string[]>();
  for (const call of calls) {
    if (!FUNCTION.test(constructOf(evaluator, call) ?? "")) continue;
    handlers.set(call, handlersOf(evaluator, call));
    addVariables(evaluator, call, variables);
  }
  const connect = (call: CallFact, source: CallFact, fns: readonly FunctionFact[]) => {
    const name = constructOf(evaluator, source) ?? "";
    const family = SOURCES.find(([pattern]) => pattern.test(name))?.[1];
    if (!family) return;
    for (const fn of fns) {
      contexts.add({ family, fn, at: { fn: call.fn, pos: source.pos }, label: name, call: source });
      for (const queue of madeIn(evaluator, source.args[0]))
        for (const variable of variables.get(queue) ?? [])
          contexts.addresses.push({ address: { kind: "queue", name: `$${variable}` }, fn });
    }
  };
  for (const call of calls) {
    const own = handlers.get(call);
    // `new NodejsFunction(this, "work", { events: [new SqsEventSource(queue)] })`
    if (own) for (const source of eventsOf(evaluator, call)) connect(call, source, own);
    // `work.addEventSource(new SqsEventSource(queue))`
    if (call.callee.k === "member" && call.callee.p === "addEventSource") {
      const fns = madeIn(evaluator, call.callee.o).flatMap((one) => handlers.get(one) ?? []);
      for (const source of madeIn(evaluator, call.args[0])) connect(call, source, fns);
    }
    // `new LambdaSubscription(work)`
    const given = call.isNew ? call.args.flatMap((arg) => madeIn(evaluator, arg)) : [];
    const fns = given.flatMap((one) => handlers.get(one) ?? []);
    if (fns.length > 0) connect(call, call, fns);
  }
}

/** The name of the CDK class that a call makes an object of. */
function constructOf(evaluator: Evaluator, call: CallFact): string | null {
  if (!call.isNew) return null;
  const made = evaluator.of(call.callee).find((one) => one.k === "ext" && one.pkg === "aws-cdk-lib");
  return made?.k === "ext" ? (made.path.at(-1) ?? null) : null;
}

/** The calls that made what an expression stands for. */
function madeIn(evaluator: Evaluator, expr: Expr | undefined): CallFact[] {
  if (!expr) return [];
  return evaluator.of(expr).flatMap((one) => (one.k === "ext" && one.made ? [one.made] : []));
}

function eventsOf(evaluator: Evaluator, call: CallFact): CallFact[] {
  const events = option(evaluator, call, "events");
  return events?.k === "array" ? events.e.flatMap((one) => madeIn(evaluator, one)) : [];
}

function option(evaluator: Evaluator, call: CallFact, name: string): Expr | null {
  const props = call.args[2];
  return props ? (findOption(evaluator, props, [name])?.value ?? null) : null;
}

/** `environment: { ORDERS_URL: queue.queueUrl }`. */
function addVariables(evaluator: Evaluator, call: CallFact, variables: Map<CallFact, string[]>): void {
  const environment = option(evaluator, call, "environment");
  if (environment?.k !== "object") return;
  for (const { key, value } of environment.props) {
    if (value.k !== "member" || !/^(?:queueUrl|queueName|topicArn)$/.test(value.p)) continue;
    for (const queue of madeIn(evaluator, value.o)) variables.set(queue, [...(variables.get(queue) ?? []), key]);
  }
}

/** `{ entry: "src/work.ts", handler: "main" }`, `{ code: Code.fromAsset("src"), handler: "work.main" }`. */
function handlersOf(evaluator: Evaluator, call: CallFact): FunctionFact[] {
  const named = option(evaluator, call, "handler");
  const handler = (named && textOf(evaluator, named)) ?? "handler";
  const entry = option(evaluator, call, "entry");
  if (entry) return exportedFrom(evaluator, pathsOf(evaluator, call, entry), handler);
  const code = option(evaluator, call, "code");
  const folder = code?.k === "call" ? code.c.args[0] : undefined;
  const [file, name] = handler.split(".");
  if (!folder || !file || !name) return [];
  const paths = pathsOf(evaluator, call, folder).map((one) => posix.join(one, file));
  return exportedFrom(evaluator, paths, name);
}

/** The functions of that name in the first of these files that there is. */
function exportedFrom(evaluator: Evaluator, paths: readonly string[], name: string): FunctionFact[] {
  for (const path of paths) {
    const found = evaluator.project.resolver.resolve("package.json", `./${path}`);
    const file = found === null ? undefined : evaluator.project.files.get(found);
    if (file) return evaluator.exported(file, name).flatMap((one) => (one.k === "function" ? [one.f] : []));
  }
  return [];
}

/** `path.join(__dirname, "../src/work.ts")` begins at the file, a bare path at some folder above it. */
function pathsOf(evaluator: Evaluator, call: CallFact, expr: Expr): string[] {
  const parts = (expr.k === "call" ? expr.c.args : [expr]).map((one) => textOf(evaluator, one));
  const texts = parts.filter((one): one is string => one !== null && !one.includes("{}"));
  const relative = posix.join(...texts);
  const folders: string[] = [];
  for (let at = posix.dirname(call.fn.file.path); at !== "."; at = posix.dirname(at)) folders.push(at);
  return [...folders, ""].map((one) => posix.join(one, relative)).filter((one) => !one.startsWith(".."));
}
