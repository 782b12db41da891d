import { describe, expect, it } from "vitest";
import { runAudit } from "../src/run-audit.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** The retry families that reach each boundary, by file. */
function families(files: Record<string, string>): Record<string, string[]> {
  const { report } = runAudit(temporaryFolder(files));
  const found: Record<string, string[]> = {};
  for (const one of report.boundaries) {
    const all = [...(found[one.place.path] ?? []), ...one.paths.map((path) => path.family)];
    found[one.place.path] = [...new Set(all)].sort();
  }
  return found;
}

const MAIL =
  'import { Resend } from "resend";\nconst resend = new Resend("k");\nexport const send = (to: string) => resend.emails.send({ from: "a@example.com", to, subject: "", text: "" });\n';

describe("ways from a retry to an effect", () => {
  it("leads over a URL to its route, and over a task to its run", () => {
    const found = families({
      "lib/mail.ts": MAIL,
      "app/api/mails/[id]/route.ts":
        'import { send } from "../../../../lib/mail";\nexport async function POST() {\n  await send("a");\n}\n',
      "tasks.ts":
        'import { task } from "@trigger.dev/sdk/v3";\nexport const remind = task({ id: "remind", run: async (payload: { id: string }) => {\n  await fetch(process.env.URL + "/api/mails/" + payload.id, { method: "POST" });\n} });\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["entry:http-route", "job:trigger.dev"]);
  });

  it("leads from a tool to the host that was given it, and to whatever runs that host again", () => {
    const worker = (body: string) => `new Worker("orders", async (job) => { ${body} });\n`;
    const found = families({
      "tools.ts": `import { tool } from "ai";\nimport { send } from "./mail";
export const notify = tool({ description: "d", inputSchema: {} as any, execute: async ({ to }) => send(to) });\n`,
      "mail.ts": MAIL,
      "worker.ts": `import { Worker } from "bullmq";\nimport { generateText } from "ai";\nimport { notify } from "./tools";
async function agent(prompt: string) {\n  const tools = { notify };\n  return generateText({ model: m, prompt, tools });\n}
${worker("await agent(job.data.prompt);")}`,
      "agents.ts": `import { Agent, run, tool } from "@openai/agents";\nimport { Worker } from "bullmq";\nimport { Resend } from "resend";
const resend = new Resend("k");
const write = tool({ name: "write", description: "d", parameters: {} as any, execute: async (i: any) => resend.emails.send(i) });
export const agent = new Agent({ name: "a", tools: [write] });
export const other = new Agent({ name: "b", tools: [] });
${worker("await run(agent, job.data.text);")}`,
      "nobody.ts": `import { tool } from "ai";\nimport { Resend } from "resend";\nconst resend = new Resend("k");
export const lonely = tool({ description: "d", inputSchema: {} as any, execute: async (i: any) => resend.emails.send(i) });\n`,
    });
    expect(found["mail.ts"]).toEqual(["job:bullmq", "tool:ai-sdk"]);
    expect(found["agents.ts"]).toEqual(["job:bullmq", "tool:openai-agents"]);
    expect(found["nobody.ts"]).toEqual(["tool:ai-sdk"]);
  });

  it("leads from the schedule of vercel.json to the route it calls, which it calls with GET", () => {
    const route = (method: string) =>
      `import { send } from "../../../lib/mail";\nexport async function ${method}() {\n  await send("a");\n}\n`;
    const found = (path: string, file: string, method: string) =>
      families({
        "vercel.json": JSON.stringify({ crons: [{ path, schedule: "0 5 * * *" }] }),
        "lib/mail.ts": MAIL,
        [file]: route(method),
      })["lib/mail.ts"];
    const cron = ["cron:vercel"];
    expect(found("/api/remind", "app/api/remind/route.ts", "GET")).toEqual(cron);
    expect(found("/api/remind?kind=daily", "app/api/remind/route.ts", "GET")).toEqual(cron);
    expect(found("/api/remind/", "app/api/remind/route.ts", "GET")).toEqual(cron);
    expect(found("/api/daily", "app/api/[job]/route.ts", "GET")).toEqual(cron);
    expect(found("/api/other", "app/api/remind/route.ts", "GET")).toEqual(["entry:http-route"]);
    expect(found("/api/remind", "app/api/remind/route.ts", "POST")).toEqual(["entry:http-route"]);
  });

  it("knows receivers by a helper that verifies, and handlers that are passed to one", () => {
    const verify =
      'import { Receiver } from "@upstash/qstash";\nconst receiver = new Receiver({});\nexport async function verify(body: string) {\n  await receiver.verify({ body, signature: "" });\n}\n';
    const found = families({
      "lib/mail.ts": MAIL,
      "lib/verify.ts": verify,
      "app/api/jobs/route.ts":
        'import { send } from "../../../lib/mail";\nimport { verify } from "../../../lib/verify";\nexport async function POST(request: Request) {\n  await verify(await request.text());\n  await send("a");\n}\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["queue:qstash"]);
  });

  it("goes through methods that are named `call`, and tables of jobs", () => {
    const found = families({
      "lib/mail.ts": MAIL,
      "lib/service.ts":
        'import { send } from "./mail";\nexport class Alert {\n  async call(to: string) {\n    await send(to);\n  }\n}\n',
      "worker.ts":
        'import { Alert } from "./lib/service";\nexport const worker = new Worker({ catalog: { alert: { retry: { maxAttempts: 3 } } }, jobs: { alert: async ({ payload }) => {\n  await new Alert().call(payload.to);\n} } });\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["job:redis-worker"]);
  });

  it("does not follow a request that a caller has made a read of", () => {
    const client =
      'async function call(method: string, path: string) {\n  const issue = async () => fetch("https://api.example.com" + path, { method });\n  return issue();\n}\nexport const list = () => call("GET", "/orders");\nexport const order = () => call("POST", "/orders");\nexport const send = (options: { method: string }) => fetch("https://api.example.com/a", options);\n';
    const worker = (body: string) =>
      `import { Worker } from "bullmq";\nimport { list, order, send } from "./client";\nnew Worker("a", async () => {\n  await ${body};\n});\n`;
    const found = (body: string) => families({ "client.ts": client, "worker.ts": worker(body) })["client.ts"] ?? [];
    expect(found("list()")).toEqual([]);
    expect(found("order()")).toEqual(["job:bullmq"]);
    expect(found('send({ method: "POST" })')).toEqual(["job:bullmq"]);
    expect(found('send({ method: "GET" })')).toEqual([]);
  });

  it("names the queue of a worker, but not one of the many that a factory makes", () => {
    const { report } = runAudit(
      temporaryFolder({
        "mail.ts": MAIL,
        "make.ts":
          'import { Worker } from "bullmq";\nexport const make = (name: string, work: () => Promise<void>) => new Worker(name, work);\n',
        "workers.ts":
          'import { make } from "./make";\nimport { send } from "./mail";\nmake("users", async () => {});\nmake("mails", async () => {\n  await send("a");\n});\n',
      }),
    );
    expect(report.boundaries.flatMap((one) => one.paths.map((path) => path.label))).toEqual(["job:bullmq"]);
  });

  it("does not take a catch for a retry of what nobody waits for", () => {
    const found = (wait: string) =>
      families({
        "mail.ts": MAIL,
        "again.ts": `import { send } from "./mail";\nconst run = async () => {\n  await send("a");\n};\nexport async function again(work: () => Promise<void>) {\n  try {\n    ${wait}work();\n  } catch (error) {\n    await again(work);\n  }\n}\nagain(() => run());\n`,
      })["mail.ts"];
    expect(found("await ")).toEqual(["loop:recursive"]);
    expect(found("")).toEqual([]);
  });

  it("does not take what tries again only after a refusal for a retry", () => {
    const helper =
      "export async function withRetry(fn: () => Promise<unknown>, options = {}) {\n  for (let attempt = 0; attempt < 3; attempt++) {\n    try {\n      return await fn();\n    } catch (error) {\n      await sleep(attempt);\n    }\n  }\n}\n";
    const found = (options: string) =>
      families({
        "retry.ts": helper,
        "mail.ts": `import { Resend } from "resend";\nimport { withRetry } from "./retry";\nconst resend = new Resend("k");\nexport const send = (to: string) => withRetry(() => resend.emails.send({ from: "", to, subject: "", text: "" })${options});\n`,
      })["mail.ts"];
    expect(found("")).toEqual(["loop:handwritten"]);
    expect(found(", { retryOnlyOnStatus: [429] }")).toEqual([]);
    expect(found(", { retryOnlyOnStatus: [429, 503] }")).toEqual(["loop:handwritten"]);
  });

  it("does not take what a builder of routes runs for one address to be meant by another", () => {
    const found = families({
      "mail.ts": MAIL,
      "build.ts":
        "export const build = (options: { handler: (request: Request) => Promise<Response> }) => async (request: Request) => options.handler(request);\n",
      "app/api/mails/route.ts":
        'import { build } from "../../../build";\nimport { send } from "../../../mail";\nexport const POST = build({ handler: async () => { await send("a"); return new Response(); } });\n',
      "app/api/other/route.ts":
        'import { build } from "../../../build";\nexport const POST = build({ handler: async () => new Response() });\n',
      "worker.ts":
        'import { Worker } from "bullmq";\nnew Worker("a", async () => {\n  await fetch(process.env.URL + "/api/other", { method: "POST" });\n});\n',
    });
    expect(found["mail.ts"]).not.toContain("job:bullmq");
  });

  it("knows work that a runner finds by its folder or by its base class, unless something calls it", () => {
    const found = families({
      "mail.ts": MAIL,
      "src/crons/remind.ts":
        'import { send } from "../../mail";\nexport default async function remind() {\n  await send("a");\n}\n',
      "base.ts": "export abstract class BaseTask {\n  abstract perform(data: unknown): Promise<void>;\n}\n",
      "src/mails.ts":
        'import { send } from "../mail";\nimport { BaseTask } from "../base";\nexport class MailTask extends BaseTask {\n  async perform() {\n    await send("a");\n  }\n}\n',
      "src/subscribers/order_placed/mail.ts":
        'import { send } from "../../../mail";\nexport default async function (event: unknown) {\n  await send(String(event));\n}\n',
    });
    expect(found["mail.ts"]).toEqual(["cron:by-convention", "event:by-convention", "job:by-convention"]);
    const called = families({
      "mail.ts": MAIL,
      "src/jobs/format.ts": 'import { send } from "../../mail";\nexport const run = async () => send("a");\n',
      "src/app.ts": 'import { run } from "./jobs/format";\nawait run();\n',
      "src/library.ts":
        'import { Task } from "some-package";\nimport { send } from "../mail";\nexport class Mail extends Task {\n  async run() {\n    await send("a");\n  }\n}\n',
    });
    expect(called["mail.ts"]).toEqual([]);
  });

  it("knows a count of tries by its name, and entries, countries and registries are none", () => {
    const around = (loop: string) =>
      families({
        "mail.ts": MAIL,
        "app.ts": `import { send } from "./mail";\nexport async function all(entries: string[], maxTries: number) {\n  let tries = 0;\n  ${loop} {\n    const sent = await send("a");\n    if (sent) return;\n  }\n}\n`,
      })["mail.ts"];
    for (const loop of ["while (tries++ < 3)", "for (let i = 0; i < maxTries; i++)", "for (const delay of MAX_TRIES)"])
      expect([loop, around(loop)]).toEqual([loop, ["loop:handwritten"]]);
    for (const loop of [
      "for (let i = 0; i < entries.length; i++)",
      "for (const one of aclEntries)",
      "for (const one of COUNTRIES)",
    ])
      expect([loop, around(loop)]).toEqual([loop, []]);
  });

  it("does not follow a helper to its other callers", () => {
    const found = families({
      "lib/retry.ts":
        "export async function retry<T>(work: () => Promise<T>): Promise<T> {\n  for (let attempt = 0; attempt < 3; attempt++) {\n    try {\n      return await work();\n    } catch {}\n  }\n  throw new Error();\n}\n",
      "lib/mail.ts": MAIL,
      "a.ts":
        'import { Worker } from "bullmq";\nimport { retry } from "./lib/retry";\nnew Worker("a", async () => retry(async () => 1));\n',
      "b.ts":
        'import { retry } from "./lib/retry";\nimport { send } from "./lib/mail";\nexport const b = () => retry(() => send("b"));\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["loop:handwritten"]);
  });

  it("does not take the options of one caller for those of another", () => {
    const worker = (queue: string, execute: string) =>
      `import { Worker } from "bullmq";\nimport { send } from "./mail";\nimport { admit } from "./admit";\nnew Worker("${queue}", async () => {\n  await admit({ name: "${queue}", execute: ${execute} });\n});\n`;
    const admit =
      "export interface Spec {\n  name: string;\n  execute: () => Promise<unknown>;\n}\nexport const admit = async (spec: Spec) => spec.execute();\n";
    const mail = `${MAIL}export const note = async () => 1;\n`;
    const route =
      'import { admit } from "./admit";\nimport { send } from "./mail";\nexport const handler = async (event: import("aws-lambda").SQSEvent) => {\n  for (let attempt = 0; attempt < 3; attempt++)\n    try {\n      return await admit({ name: "c", execute: async () => 1 });\n    } catch {}\n};\nexport { send };\n';
    const found = families({
      "admit.ts": admit,
      "mail.ts": mail,
      "a.ts": worker("a", "async () => send('a')"),
      "other.ts": route,
    });
    expect(found["mail.ts"]).toEqual(["job:bullmq"]);
  });

  it("does not take the calls of one subclass for those of its sibling", () => {
    const found = families({
      "lib/mail.ts": MAIL,
      "runner.ts":
        'import { send } from "./lib/mail";\nexport abstract class Runner {\n  abstract finish(): Promise<void>;\n  async run() {\n    await this.finish();\n  }\n}\nexport class Loud extends Runner {\n  async finish() {\n    await send("a");\n  }\n}\nexport class Quiet extends Runner {\n  async finish() {}\n}\n',
      "quiet.ts":
        'import { Worker } from "bullmq";\nimport { Quiet } from "./runner";\nnew Worker("quiet", async () => {\n  await new Quiet().run();\n});\n',
    });
    expect(found["lib/mail.ts"]).toEqual([]);
    const loud = families({
      "lib/mail.ts": MAIL,
      "runner.ts":
        'import { send } from "./lib/mail";\nexport abstract class Runner {\n  abstract finish(): Promise<void>;\n  async run() {\n    await this.finish();\n  }\n}\nexport class Loud extends Runner {\n  async finish() {\n    await send("a");\n  }\n}\nexport class Louder extends Loud {}\n',
      "loud.ts":
        'import { Worker } from "bullmq";\nimport { Louder, type Runner } from "./runner";\nnew Worker("loud", async () => {\n  await new Louder().run();\n});\nexport const cron = (runner: Runner) => runner.run();\n',
    });
    expect(loud["lib/mail.ts"]).toEqual(["job:bullmq"]);
  });

  it.each([
    [
      "a table of resolvers",
      'import { send } from "./lib/mail";\nconst mutations = { order: async (_: unknown, { to }: { to: string }) => send(to) };\nexport const resolvers = { Query: {}, Mutation: { ...mutations } };\n',
      "graphql/resolvers.ts",
    ],
    [
      "the fields of graphql-js, in a file about mutations",
      'import { GraphQLString } from "graphql";\nimport { send } from "./lib/mail";\nexport default { order: { type: GraphQLString, resolve: async (_: unknown, { to }: { to: string }) => send(to) } };\n',
      "graphql/mutations.ts",
    ],
    [
      "a decorator",
      'import { Mutation, Resolver } from "@nestjs/graphql";\nimport { send } from "./lib/mail";\n@Resolver()\nexport class Orders {\n  @Mutation(() => String)\n  async order(to: string) {\n    await send(to);\n  }\n}\n',
      "graphql/orders.resolver.ts",
    ],
    [
      "a procedure of oRPC",
      'import { os } from "@orpc/server";\nimport { send } from "./lib/mail";\nexport const order = os.route({}).handler(async ({ input }) => send(input.to));\n',
      "rpc/orders.ts",
    ],
  ])("enters through %s", (_, source, path) => {
    const found = families({ "lib/mail.ts": MAIL, [path]: source.replaceAll('"./lib/mail"', '"../lib/mail"') });
    expect(found["lib/mail.ts"]).toEqual(["entry:http-route"]);
  });

  it("takes a module for itself behind what compilers write around `require`, and leaves out what was built of a source", () => {
    const built = `"use strict";
var __importStar = (this && this.__importStar) || function (mod) {
  if (mod && mod.__esModule) return mod;
  var result = {};
  for (var k in mod) result[k] = mod[k];
  return result;
};
const admin = __importStar(require("firebase-admin"));
const functions = __importStar(require("firebase-functions"));
exports.hook = functions.https.onRequest(async (request, response) => {
  await admin.messaging().send({});
  response.status(200).send("done");
});
`;
    const reported = (files: Record<string, string>) =>
      runAudit(temporaryFolder(files)).report.boundaries.map(
        (one) => `${one.place.path}:${one.place.line} ${one.name}`,
      );
    expect(reported({ "functions/lib/index.js": built })).toEqual([
      "functions/lib/index.js:11 firebase-messaging messaging().send",
    ]);
    const source =
      'import * as admin from "firebase-admin";\nexport const notify = () => admin.messaging().send({});\n';
    expect(reported({ "functions/lib/index.js": built, "functions/src/index.ts": source })).toEqual([
      "functions/src/index.ts:2 firebase-messaging messaging().send",
    ]);
  });

  it("knows from a CDK app what calls a function, and which queue it takes from", () => {
    const handler = 'import { send } from "./mail";\nexport const main = async (event) => send(event.to);\n';
    const root = temporaryFolder({
      "infra/lib/stack.ts": `import { join } from "node:path";
import { Stack } from "aws-cdk-lib";
import * as lambda from "aws-cdk-lib/aws-lambda";
import { SqsEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import { NodejsFunction } from "aws-cdk-lib/aws-lambda-nodejs";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { Topic } from "aws-cdk-lib/aws-sns";
import { LambdaSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
export class Orders extends Stack {
  constructor() {
    super();
    const orders = new Queue(this, "Orders");
    const work = new NodejsFunction(this, "Work", { entry: join(__dirname, "../../src/work.js"), handler: "main" });
    work.addEventSource(new SqsEventSource(orders, { batchSize: 1 }));
    const told = new lambda.Function(this, "Told", { code: lambda.Code.fromAsset("src"), handler: "told.main" });
    new Topic(this, "News").addSubscription(new LambdaSubscription(told));
    new NodejsFunction(this, "Idle", { entry: "src/idle.js", handler: "main" });
    new NodejsFunction(this, "Shop", { entry: "src/shop.js", environment: { ORDERS_URL: orders.queueUrl } });
  }
}
`,
      "src/mail.js": MAIL.replaceAll(": string", ""),
      "src/work.js": handler,
      "src/told.js": 'import { note } from "./note";\nexport const main = async () => note();\n',
      "src/note.js":
        'import { Resend } from "resend";\nconst resend = new Resend("k");\nexport const note = () => resend.emails.send({});\n',
      "src/idle.js":
        'import { Resend } from "resend";\nconst resend = new Resend("k");\nexport const main = () => resend.emails.send({});\n',
      "src/shop.js":
        'import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";\nconst sqs = new SQSClient({});\nexport const handler = () => sqs.send(new SendMessageCommand({ QueueUrl: process.env.ORDERS_URL, MessageBody: "" }));\n',
    });
    const { analysis, report } = runAudit(root);
    const found = Object.fromEntries(
      report.boundaries.map((one) => [one.place.path, one.paths.map((path) => path.family)]),
    );
    expect(found).toEqual({
      "src/idle.js": [],
      "src/mail.js": ["queue:sqs-lambda"],
      "src/note.js": ["lambda:async"],
      "src/shop.js": [],
    });
    const edges = (analysis?.boundaries ?? []).flatMap(({ boundary }) => analysis?.graph.outOf(boundary.call) ?? []);
    expect(edges.filter((one) => one.via === "process").map((one) => `${one.callee.file.path} ${one.label}`)).toEqual([
      "src/work.js queue $ORDERS_URL",
    ]);
  });

  it("does not take the host of somebody else for a route of its own", () => {
    const found = families({
      "lib/mail.ts": MAIL,
      "app/orders/route.ts":
        'import { send } from "../../lib/mail";\nexport async function POST() {\n  await send("a");\n}\n',
      "job.ts":
        'import { Worker } from "bullmq";\nnew Worker("a", async () => {\n  await fetch("https://supplier.example.com/orders", { method: "POST" });\n});\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["entry:http-route"]);
  });

  it.each([
    [
      "SQS, by the URL of the queue",
      'import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";\nconst sqs = new SQSClient({});\nexport const enqueue = () => sqs.send(new SendMessageCommand({ QueueUrl: "https://sqs.eu-west-1.amazonaws.com/1/orders", MessageBody: "" }));\n',
      'import { Consumer } from "sqs-consumer";\nexport const consumer = Consumer.create({ queueUrl: "https://sqs.eu-west-1.amazonaws.com/1/orders", handleMessage: work });\nasync function work() {}\n',
    ],
    [
      "SQS, by the variable that holds the URL, polled by hand",
      'import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";\nconst sqs = new SQSClient({});\nexport const enqueue = () => sqs.send(new SendMessageCommand({ QueueUrl: process.env.ORDERS_URL, MessageBody: "" }));\n',
      'import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";\nconst sqs = new SQSClient({});\nexport async function work() {\n  await sqs.send(new ReceiveMessageCommand({ QueueUrl: process.env.ORDERS_URL }));\n}\n',
    ],
    [
      "SQS, to the only Lambda function that takes its events",
      'import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";\nconst sqs = new SQSClient({});\nexport const enqueue = (url: string) => sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: "" }));\n',
      'import type { SQSEvent } from "aws-lambda";\nexport async function work(event: SQSEvent) {}\n',
    ],
    [
      "Pub/Sub, from the topic to its subscription",
      'import { PubSub } from "@google-cloud/pubsub";\nconst pubsub = new PubSub();\nexport const enqueue = () => pubsub.topic("orders").publishMessage({ json: {} });\nexport const connect = () => pubsub.topic("orders").createSubscription("orders-mail");\n',
      'import { PubSub } from "@google-cloud/pubsub";\nconst pubsub = new PubSub();\npubsub.subscription("orders-mail").on("message", async function work() {});\n',
    ],
    [
      "BullMQ, by the name of the queue",
      'import { Queue } from "bullmq";\nconst queue = new Queue("orders");\nexport const enqueue = () => queue.add("order", {});\n',
      'import { Worker } from "bullmq";\nexport const worker = new Worker("orders", async function work() {});\n',
    ],
  ])("connects a queue with its worker: %s", (_, producer, consumer) => {
    const root = temporaryFolder({ "src/producer.ts": producer, "src/consumer.ts": consumer });
    const { analysis } = runAudit(root);
    const edges = (analysis?.boundaries ?? []).flatMap(({ boundary }) => analysis?.graph.outOf(boundary.call) ?? []);
    expect(edges.filter((one) => one.via === "process").map((one) => one.callee.name)).toEqual(["work"]);
  });

  it("knows the shape of a tool that is registered through a function of the project", () => {
    const found = families({
      "package.json": '{"name":"x","dependencies":{"@modelcontextprotocol/sdk":"1"}}',
      "lib/mail.ts": MAIL,
      "tools.ts":
        'import { send } from "./lib/mail";\nexport function register(context: { accountTool: Function }) {\n  context.accountTool("send_mail", { description: "Sends", inputSchema: {} }, async ({ to }) => {\n    await send(to);\n  });\n}\n',
    });
    expect(found["lib/mail.ts"]).toEqual(["tool:mcp"]);
  });

  it("takes a getter for what it returns, a static field for a field, and a dynamic import for an import", () => {
    const found = families({
      "lib/clients.ts":
        'import { Queue } from "bullmq";\nimport Stripe from "stripe";\nexport class Clients {\n  static queue = new Queue("orders");\n  get payments() {\n    return new Stripe("k");\n  }\n  static async enqueue() {\n    await this.queue.add("order", {});\n  }\n}\n',
      "lib/tasks.ts":
        'export async function start() {\n  const { tasks } = await import("@trigger.dev/sdk");\n  await tasks.trigger("remind", {});\n}\n',
      "pay.ts":
        'import { Clients } from "./lib/clients";\nexport const pay = () => new Clients().payments.charges.create({ amount: 1 });\n',
    });
    expect(Object.keys(found).sort()).toEqual(["lib/clients.ts", "lib/tasks.ts", "pay.ts"]);
  });
});
