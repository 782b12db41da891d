import type { RetryFamily } from "../catalogue/retries.ts";

/**
 * Calls that hand a function to something which runs it again. `take` says where the function is: an argument, all
 * function arguments, or a property of an object argument. "enclosing" means the function that makes the call.
 */
export interface Registration {
  family: string;
  packages: RegExp;
  /** Matched against the path into the package, joined by dots: `Worker.new`, `default.new.process`. */
  path: RegExp;
  take:
    | { arg: number }
    | { functions: true }
    | { object: number | "any"; props: readonly string[] | "all" }
    | { enclosing: true };
  /** Where a name is that others can address it by. */
  name?: { arg: number; prop?: string; kind: "queue" | "event" | "task" | "route" };
  /** Runs the function in place, as a wrapper does; without it the function is only stored. */
  inPlace?: boolean;
  label?: string;
  role?: "function" | "step";
  /** What the configuration says of a family that the catalogue does not know. */
  declared?: RetryFamily;
}

const FN = { functions: true } as const;
const RUN = ["run"] as const;
const TOOL = ["execute", "handler", "func", "invoke", "run"] as const;

export const REGISTRATIONS: readonly Registration[] = [
  // Wrappers
  { family: "lib:p-retry", packages: /^p-retry$/, path: /^(?:default|makeRetriable|\(\))?$/, take: FN, inPlace: true },
  { family: "lib:async-retry", packages: /^async-retry$/, path: /^(?:default)?$/, take: FN, inPlace: true },
  {
    family: "lib:promise-retry",
    packages: /^(?:promise-retry|retry)$/,
    path: /^(?:default|promiseRetry)?$|attempt$/,
    take: FN,
    inPlace: true,
  },
  { family: "lib:exponential-backoff", packages: /^exponential-backoff$/, path: /backOff$/, take: FN, inPlace: true },
  { family: "lib:attempt", packages: /^@lifeomic\/attempt$/, path: /^(?:default\.)?retry$/, take: FN, inPlace: true },
  { family: "lib:ts-retry-promise", packages: /^ts-retry(?:-promise)?$/, path: /retry/i, take: FN, inPlace: true },
  { family: "lib:cockatiel", packages: /^cockatiel$/, path: /\.execute$/, take: FN, inPlace: true },
  { family: "lib:opossum", packages: /^opossum$/, path: /^default\.new$/, take: { arg: 0 }, inPlace: true },
  { family: "lib:effect", packages: /^effect$/, path: /Effect\.retry$/, take: FN, inPlace: true },
  { family: "lib:rxjs", packages: /^rxjs/, path: /^(?:retry|retryWhen)$/, take: FN, inPlace: true },
  {
    family: "lib:p-retry",
    packages:
      /^(?:retry-as-promised|@supercharge\/promise-pool|p-throttle|it-retry|radash|es-toolkit|@sindresorhus\/retry|@octokit\/plugin-retry)$/,
    path: /retry|retryAsPromised/i,
    take: FN,
    inPlace: true,
  },
  // Queues
  {
    family: "job:bullmq",
    packages: /^(?:bullmq|bull)$/,
    path: /Worker\.new$/,
    take: { arg: 1 },
    name: { arg: 0, kind: "queue" },
  },
  { family: "job:bullmq", packages: /^(?:bullmq|bull)$/, path: /\.process$/, take: FN },
  {
    family: "job:pg-boss",
    packages: /^pg-boss$/,
    path: /\.(?:work|subscribe)$/,
    take: FN,
    name: { arg: 0, kind: "queue" },
  },
  {
    family: "job:graphile-worker",
    packages: /^graphile-worker$/,
    path: /^(?:run|runOnce|runTaskList)$/,
    take: { object: "any", props: ["taskList"] },
  },
  { family: "job:bee-queue", packages: /^bee-queue$/, path: /\.process$/, take: FN },
  {
    family: "job:agenda",
    packages: /^(?:@hokify\/)?agenda$/,
    path: /\.define$/,
    take: FN,
    name: { arg: 0, kind: "queue" },
  },
  { family: "queue:qstash", packages: /^@upstash\/qstash$/, path: /verifySignature/, take: FN },
  { family: "queue:qstash", packages: /^@upstash\/qstash$/, path: /Receiver\.new\.verify$/, take: { enclosing: true } },
  {
    family: "queue:sqs-poll",
    packages: /^sqs-consumer$/,
    path: /Consumer\.create$/,
    take: { object: 0, props: ["handleMessage", "handleMessageBatch"] },
    name: { arg: 0, prop: "queueUrl", kind: "queue" },
  },
  {
    family: "queue:kafka",
    packages: /^kafkajs$/,
    path: /\.run$/,
    take: { object: 0, props: ["eachMessage", "eachBatch"] },
  },
  {
    family: "queue:amqp",
    packages: /^(?:amqplib|amqp-connection-manager)$/,
    path: /\.consume$/,
    take: FN,
    name: { arg: 0, kind: "queue" },
  },
  { family: "queue:pubsub", packages: /^@google-cloud\/pubsub$/, path: /\.on$/, take: FN },
  {
    family: "queue:pubsub",
    packages: /^firebase-functions/,
    path: /onMessagePublished$|onPublish$|onDocument|onCreate$|onUpdate$|onWrite$|onTaskDispatched$/,
    take: FN,
    name: { arg: 0, kind: "queue" },
  },
  {
    family: "queue:azure-sb",
    packages: /^@azure\/service-bus$/,
    path: /\.subscribe$/,
    take: { object: 0, props: ["processMessage"] },
  },
  { family: "queue:vercel", packages: /^@vercel\/queue$/, path: /(?:handleCallback|receive)$/, take: FN },
  // Durable engines
  {
    family: "job:trigger.dev",
    packages: /^@trigger\.dev\/sdk/,
    path: /(?:^|\.)(?:task|schemaTask)$/,
    take: { object: 0, props: RUN },
    name: { arg: 0, prop: "id", kind: "task" },
  },
  {
    family: "job:trigger.dev",
    packages: /^@trigger\.dev\/sdk/,
    path: /schedules\.task$/,
    take: { object: 0, props: RUN },
    name: { arg: 0, prop: "id", kind: "task" },
    label: "scheduled task",
  },
  { family: "job:trigger.dev", packages: /^@trigger\.dev\/sdk/, path: /defineJob$/, take: { object: 0, props: RUN } },
  {
    family: "inngest:step",
    packages: /^inngest/,
    path: /\.createFunction$/,
    take: FN,
    name: { arg: 1, prop: "event", kind: "event" },
    label: "Inngest function",
    role: "function",
  },
  {
    family: "inngest:step",
    packages: /^inngest/,
    path: /\.step\.(?:run|sendEvent)$/,
    take: FN,
    inPlace: true,
    label: "Inngest step",
    role: "step",
  },
  {
    family: "temporal:activity",
    packages: /^@temporalio\/worker/,
    path: /Worker\.create$/,
    take: { object: 0, props: ["activities"] },
  },
  {
    family: "dbos:step",
    packages: /^@dbos-inc\/dbos-sdk$/,
    path: /DBOS\.(?:runStep|registerStep|registerWorkflow|step)$/,
    take: FN,
    inPlace: true,
    role: "step",
  },
  {
    family: "restate:run",
    packages: /^@restatedev\/restate-sdk/,
    path: /\.run$/,
    take: FN,
    inPlace: true,
    role: "step",
  },
  {
    family: "restate:run",
    packages: /^@restatedev\/restate-sdk/,
    path: /(?:service|workflow|object)$/,
    take: { object: 0, props: ["handlers"] },
    role: "function",
  },
  { family: "upstash:workflow", packages: /^@upstash\/workflow/, path: /(?:^|\.)serve$/, take: FN, role: "function" },
  {
    family: "upstash:workflow",
    packages: /^@upstash\/workflow/,
    path: /cb\.(?:run|call)$/,
    take: FN,
    inPlace: true,
    role: "step",
  },
  {
    family: "hatchet",
    packages: /^@hatchet-dev\//,
    path: /\.(?:task|durableTask)$/,
    take: { object: 0, props: ["fn"] },
  },
  { family: "medusa:workflow", packages: /^@medusajs\//, path: /createStep$/, take: { arg: 1 } },
  {
    family: "azure:durable",
    packages: /^durable-functions$/,
    path: /app\.activity$/,
    take: { object: 1, props: ["handler"] },
  },
  {
    family: "cloudflare:workflow",
    packages: /^cloudflare:workers$/,
    path: /step\.do$|\.do$/,
    take: FN,
    inPlace: true,
    role: "step",
  },
  // Agent tools
  {
    family: "tool:mcp",
    packages: /^@modelcontextprotocol\/|^mcp-handler$|^mcp-framework$/,
    path: /\.(?:registerTool|tool|registerAppTool)$/,
    take: FN,
  },
  { family: "tool:mcp", packages: /^@modelcontextprotocol\//, path: /\.setRequestHandler$/, take: FN },
  {
    family: "tool:mcp",
    packages: /^(?:fastmcp|muppet|xmcp)$/,
    path: /addTool$|tool$/,
    take: { object: 0, props: TOOL },
  },
  {
    family: "tool:ai-sdk",
    packages: /^(?:ai|@ai-sdk\/.*)$/,
    path: /^(?:default\.)?(?:tool|dynamicTool|createTool)$/,
    take: { object: 0, props: ["execute"] },
  },
  {
    family: "tool:openai-agents",
    packages: /^@openai\/agents/,
    path: /(?:^|\.)tool$/,
    take: { object: 0, props: ["execute"] },
  },
  { family: "tool:langchain", packages: /^(?:@langchain\/|langchain)/, path: /(?:^|\.)tool$/, take: { arg: 0 } },
  {
    family: "tool:langchain",
    packages: /^(?:@langchain\/|langchain)/,
    path: /(?:DynamicStructuredTool|DynamicTool|StructuredTool)\.new$/,
    take: { object: 0, props: ["func"] },
  },
  {
    family: "langgraph:retry-policy",
    packages: /^@langchain\/langgraph/,
    path: /\.addNode$/,
    take: { arg: 1 },
    label: "graph node",
  },
  {
    family: "langgraph:retry-policy",
    packages: /^@langchain\/langgraph/,
    path: /(?:^|\.)(?:task|entrypoint)$/,
    take: FN,
  },
  {
    family: "tool:mastra",
    packages: /^@mastra\/core/,
    path: /(?:createTool|createStep)$/,
    take: { object: 0, props: ["execute"] },
  },
  {
    family: "tool:agentkit",
    packages: /^(?:@coinbase\/agentkit|@inngest\/agent-kit|solana-agent-kit|@goat-sdk\/core)/,
    path: /(?:customActionProvider|createTool)$/,
    take: { object: "any", props: TOOL },
  },
  { family: "tool:anthropic", packages: /^@anthropic-ai\//, path: /(?:betaTool|betaZodTool)$|(?:^|\.)tool$/, take: FN },
  {
    family: "tool:anthropic",
    packages: /^@anthropic-ai\//,
    path: /(?:betaTool|betaZodTool)$/,
    take: { object: 0, props: ["run", "execute"] },
  },
  { family: "tool:genkit", packages: /^genkit|^@genkit-ai\//, path: /defineTool$/, take: FN },
  // Webhooks
  {
    family: "webhook:stripe",
    packages: /^stripe$/,
    path: /webhooks\.constructEvent(?:Async)?$/,
    take: { enclosing: true },
  },
  {
    family: "webhook:svix",
    packages: /^(?:svix|standardwebhooks)$/,
    path: /Webhook\.new\.verify$/,
    take: { enclosing: true },
  },
  {
    family: "webhook:shopify",
    packages: /^@shopify\//,
    path: /authenticate\.webhook$|webhooks\.(?:process|validate)$/,
    take: { enclosing: true },
  },
  {
    family: "webhook:slack",
    packages: /^@slack\/bolt$/,
    path: /\.(?:event|command|action|message|shortcut|view)$/,
    take: FN,
  },
  {
    family: "webhook:github",
    packages: /^(?:@octokit\/webhooks|probot)$/,
    path: /\.on$|\.verifyAndReceive$/,
    take: FN,
  },
  {
    family: "webhook:twilio",
    packages: /^twilio$/,
    path: /validateRequest$|(?:^|\.)webhook$/,
    take: { enclosing: true },
  },
  { family: "webhook:discord", packages: /^discord\.js$/, path: /\.on$/, take: FN },
  {
    family: "webhook:telegram",
    packages: /^(?:telegraf|grammy|node-telegram-bot-api)$/,
    path: /\.(?:on|command|hears|action|onText)$/,
    take: FN,
  },
  // Schedules
  {
    family: "cron:node",
    packages: /^(?:node-cron|croner|node-schedule|toad-scheduler)$/,
    path: /schedule(?:Job)?$|^default\.new$|Cron(?:\.new)?$/,
    take: FN,
  },
  { family: "cron:node", packages: /^cron$/, path: /CronJob\.(?:new|from)$/, take: FN },
  { family: "cron:node", packages: /^cron$/, path: /CronJob\.from$/, take: { object: 0, props: ["onTick"] } },
  { family: "cron:node", packages: /^firebase-functions/, path: /onSchedule$|onRun$/, take: FN },
  // Routes
  { family: "entry:trpc-mutation", packages: /^@trpc\/server/, path: /\.mutation$/, take: FN },
  { family: "entry:http-route", packages: /^@orpc\/server/, path: /\.handler$/, take: FN },
  { family: "entry:http-route", packages: /^firebase-functions/, path: /onRequest$|onCall$/, take: FN },
  {
    family: "entry:http-route",
    packages:
      /^(?:express|fastify|hono|@hono\/.*|koa-router|@koa\/router|polka|restify|itty-router|elysia|@tinyhttp\/app|find-my-way)$/,
    path: /(?:new|\(\)|default|Router|app|fastify|cb)\.(?:get|post|put|patch|delete|del|all|route|openapi|use)$/,
    take: FN,
    name: { arg: 0, kind: "route" },
  },
  {
    family: "entry:http-route",
    packages: /^fastify$/,
    path: /\.route$/,
    take: { object: 0, props: ["handler"] },
    name: { arg: 0, prop: "url", kind: "route" },
  },
  {
    family: "entry:http-route",
    packages: /^(?:h3|nitropack|#imports)$/,
    path: /(?:defineEventHandler|eventHandler)$/,
    take: FN,
  },
  { family: "entry:http-route", packages: /^(?:next-safe-action|zsa)$/, path: /\.(?:action|handler)$/, take: FN },
];
