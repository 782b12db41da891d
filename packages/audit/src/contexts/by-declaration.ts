import type { ClassFact, Expr, FileFacts, FunctionFact, TypeFact } from "../facts/model.ts";
import { nameOfCall } from "../guards/lookups.ts";
import { packageName } from "../project/packages.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { optionLiterals } from "../values/options.ts";
import { HOLE, textOf } from "../values/text.ts";
import type { Contexts } from "./context.ts";
import { functionsOf } from "./from-registrations.ts";

/** Decorators, by name: libraries re-export them, and projects declare their own under the same names. */
const DECORATORS: readonly [RegExp, string][] = [
  [/^(?:Retry|Retryable|Backoff|BackOff|WithRetry)$/, "decorator:retry"],
  [/^(?:CreateAction)$/, "tool:agentkit"],
  [/^(?:Tool|McpTool)$/, "tool:mcp"],
  [/^(?:Process|Processor|OnQueueActive)$/, "job:bullmq"],
  [/^(?:RabbitSubscribe|RabbitRPC)$/, "queue:amqp"],
  [/^(?:SqsMessageHandler)$/, "queue:sqs-poll"],
  [/^(?:Cron|Interval)$/, "cron:node"],
  [/^(?:Post|Put|Patch|Delete|All|Mutation)$/, "entry:http-route"],
  [/^(?:MessagePattern|EventPattern|KafkaListener)$/, "queue:kafka"],
];

/** Parameter types that say who calls. */
const EVENT_TYPES: readonly [RegExp, string, string][] = [
  [/^SQSEvent$|^SQSHandler$|^SQSBatchResponse$/, "queue:sqs-lambda", "SQS event"],
  [
    /^(?:SNSEvent|S3Event|DynamoDBStreamEvent|KinesisStreamEvent)$|^(?:SNS|S3|DynamoDBStream|KinesisStream)Handler$/,
    "lambda:async",
    "Lambda event",
  ],
  [/^EventBridge(?:Event|Handler)$|^ScheduledEvent$|^ScheduledHandler$/, "event:eventbridge", "EventBridge event"],
  [/^APIGatewayProxy(?:Event|Handler)/, "entry:http-route", "API Gateway"],
  [/^(?:Stripe|Event)$/, "", ""],
  [/^ChatCompletionMessage(?:Function)?ToolCall$/, "tool:openai-agents", "tool calls of a model"],
];

/** Classes that a host subclasses, with the method it runs. */
const BASES: readonly [RegExp, RegExp, string, string][] = [
  [/^(?:@langchain\/|langchain)/, /^(?:Structured|Base|Dynamic)?Tool$/, "_call", "tool:langchain"],
  [/^cloudflare:workers$/, /^WorkflowEntrypoint$/, "run", "cloudflare:workflow"],
  [/^agents$/, /^(?:Agent|AIChatAgent|McpAgent)$/, "onMessage", "tool:cloudflare-agents"],
  [/^@nestjs\/bullmq$/, /^WorkerHost$/, "process", "job:bullmq"],
];

/** Contexts that a declaration shows: decorators, types of parameters, base classes, objects shaped like tools. */
export function addDeclared(evaluator: Evaluator, contexts: Contexts, file: FileFacts): void {
  for (const fn of file.functions) {
    for (const decorator of fn.decorators) addDecorated(contexts, fn, decorator);
    for (const param of fn.params) if (param.type) addTyped(contexts, fn, param.type);
  }
  for (const binding of file.bindings) {
    if (!binding.type || binding.param) continue;
    for (const source of binding.sources) if (source.k === "function") addTyped(contexts, source.f, binding.type);
  }
  for (const cls of file.classes) addSubclass(evaluator, contexts, cls);
  addToolObjects(evaluator, contexts, file);
  addToolCalls(evaluator, contexts, file);
}

function decoratorName(expr: Expr): string {
  if (expr.k === "call") return decoratorName(expr.c.callee);
  if (expr.k === "ref")
    return expr.b.imported && expr.b.imported.name !== "default" && expr.b.imported.name !== "*"
      ? expr.b.imported.name
      : expr.b.name;
  if (expr.k === "member") return expr.p;
  return expr.k === "global" ? expr.name : "";
}

function addDecorated(contexts: Contexts, fn: FunctionFact, decorator: Expr): void {
  const name = decoratorName(decorator);
  for (const [pattern, family] of DECORATORS)
    if (pattern.test(name))
      contexts.add({
        family,
        fn,
        at: { fn, pos: fn.pos },
        label: family === "entry:http-route" ? `${name.toUpperCase()} ${fn.name}` : `@${name} ${fn.name}`,
        options: decorator.k === "call" ? (decorator.c.args[0] ?? null) : null,
      });
}

function addTyped(contexts: Contexts, fn: FunctionFact, type: TypeFact): void {
  const name = type.path.at(-1) ?? type.name;
  if (!type.root?.imported || name === "") return;
  for (const [pattern, family, label] of EVENT_TYPES)
    if (family !== "" && pattern.test(name)) contexts.add({ family, fn, at: { fn, pos: fn.pos }, label });
}

function addSubclass(evaluator: Evaluator, contexts: Contexts, cls: ClassFact): void {
  for (const parent of evaluator.classes.parents(cls)) {
    if (parent.k !== "ext") continue;
    for (const [pkg, base, method, family] of BASES) {
      const fn = cls.methods[method];
      if (fn && pkg.test(parent.pkg) && base.test(parent.path.at(-1) ?? ""))
        contexts.add({
          family,
          fn,
          at: { fn, pos: fn.pos },
          label: cls.name,
          role: family === "cloudflare:workflow" ? "function" : null,
        });
    }
  }
}

const HANDLERS = ["execute", "handler", "invoke", "func", "run"];
const SCHEMAS = ["parameters", "inputSchema", "schema", "input_schema", "paramsSchema"];

/** `{name, description, schema, handler}`: a tool, wherever it will be handed to. */
function addToolObjects(evaluator: Evaluator, contexts: Contexts, file: FileFacts): void {
  for (const { expr, fn } of file.handlers) {
    const keys = new Set(expr.props.map((one) => one.key));
    addJobTable(evaluator, contexts, expr, fn);
    if (!keys.has("description") || !SCHEMAS.some((one) => keys.has(one))) continue;
    const handler = expr.props.find((one) => HANDLERS.includes(one.key));
    if (!handler) continue;
    const family = hostOf(file, keys);
    if (family === null) continue;
    const name = optionLiterals(evaluator, expr, "name")[0];
    for (const one of functionsOf(evaluator, handler.value))
      contexts.add({
        family,
        fn: one,
        at: { fn, pos: handler.pos },
        label: typeof name === "string" ? `tool ${name}` : "",
        options: expr,
      });
  }
}

/**
 * `context.accountTool("create_order", { description, inputSchema }, handler)`: a registration that a project has made for
 * itself, of the shape that all hosts share.
 */
function addToolCalls(evaluator: Evaluator, contexts: Contexts, file: FileFacts): void {
  for (const call of file.calls) {
    const first = call.args[0];
    if (call.args.length < 2 || !first || call.isNew || !/tool$/i.test(nameOfCall(call))) continue;
    const described = call.args.some(
      (one) => one.k === "object" && one.props.some((prop) => prop.key === "description" || SCHEMAS.includes(prop.key)),
    );
    const handlers = call.args.flatMap((one) => (one.k === "function" ? [one.f] : []));
    const name = textOf(evaluator, first);
    if (!described || handlers.length === 0 || name === null) continue;
    const family = hostOf(file, new Set()) ?? hostOfProject(evaluator);
    if (family === null) continue;
    for (const fn of handlers)
      if (!contexts.ofFunction(fn).some((one) => one.family.startsWith("tool:"))) {
        contexts.registrations.add(call);
        contexts.add({
          family,
          fn,
          at: { fn: call.fn, pos: call.pos },
          label: name === HOLE ? "" : `tool ${name}`,
          call,
          options: call.args.find((one) => one.k === "object") ?? null,
        });
      }
  }
}

/** The host that the packages of a project are made for, if it is only one. */
function hostOfProject({ project }: Evaluator): string | null {
  const depends = (name: RegExp) => project.packages.some((one) => [...one.dependencies].some((on) => name.test(on)));
  return depends(/^@modelcontextprotocol\//) ? "tool:mcp" : null;
}

/** `{ catalog: { x: { retry } }, jobs: { x: async () => ... } }`: a worker that a project has made for itself. */
function addJobTable(
  evaluator: Evaluator,
  contexts: Contexts,
  expr: Extract<Expr, { k: "object" }>,
  fn: FunctionFact,
): void {
  const jobs = expr.props.find((one) => one.key === "jobs" || one.key === "handlers");
  if (jobs?.value.k !== "object" || !expr.props.some((one) => one.key === "catalog" || one.key === "retry")) return;
  for (const prop of jobs.value.props)
    for (const one of functionsOf(evaluator, prop.value))
      contexts.add({ family: "job:redis-worker", fn: one, at: { fn, pos: prop.pos }, label: prop.key, options: expr });
}

/** Which host a bare tool object is for, as far as the imports of its file tell. */
function hostOf(file: FileFacts, keys: ReadonlySet<string>): string | null {
  const packages = file.requests.map(packageName);
  const has = (pattern: RegExp) => packages.some((one) => pattern.test(one));
  if (has(/^@modelcontextprotocol$|^@modelcontextprotocol\//)) return "tool:mcp";
  if (has(/^(?:@langchain\/|langchain)/)) return "tool:langchain";
  if (has(/^@openai\/agents/)) return "tool:openai-agents";
  if (has(/^@mastra\//)) return "tool:mastra";
  if (has(/^ai$/)) return "tool:ai-sdk";
  if (keys.has("similes") || keys.has("examples") || has(/agent-?kit|@elizaos|goat-sdk/)) return "tool:agentkit";
  return null;
}
