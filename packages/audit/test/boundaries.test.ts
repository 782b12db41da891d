import { describe, expect, it } from "vitest";
import { runAudit } from "../src/run-audit.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** The calls of one file that change something outside, with what protects them. */
function boundaries(source: string): string[] {
  return runAudit(temporaryFolder({ "src/a.ts": source })).report.boundaries.map(
    (one) => `${one.name}: ${one.protection}`,
  );
}

describe("what changes something outside", () => {
  it.each([
    [
      "AWS commands that nobody has listed, by their verb",
      'import { CloudFormationClient, CreateStackCommand, DeleteStackCommand, DescribeStacksCommand } from "@aws-sdk/client-cloudformation";\nconst client = new CloudFormationClient({});\nexport async function a() {\n  await client.send(new CreateStackCommand({}));\n  await client.send(new DeleteStackCommand({}));\n  await client.send(new DescribeStacksCommand({}));\n}\n',
      ["aws send(CreateStackCommand): no", "aws send(DeleteStackCommand): natural"],
    ],
    [
      "AWS clients with a method for each operation",
      'import { S3 } from "@aws-sdk/client-s3";\nimport { SES } from "@aws-sdk/client-ses";\nexport async function a() {\n  await new S3({}).getObject({});\n  await new S3({}).putObject({});\n  await new SES({}).sendEmail({});\n}\n',
      ["s3 send(PutObjectCommand): natural", "ses sendEmail: no"],
    ],
    [
      "transactions that go through any wallet",
      'import { DriftClient } from "@drift-labs/sdk";\nconst drift = new DriftClient({});\nexport const a = (tx: Buffer) => drift.txSender.sendTransaction(tx);\n',
      ["chain-send sendTransaction: no"],
    ],
    [
      "clients that are made with a secret",
      'import { Acme } from "acme-crm";\nconst acme = new Acme({ apiKey: process.env.ACME_KEY });\nexport async function a() {\n  await acme.contacts.create({});\n  await acme.contacts.list();\n  await acme.contacts.delete("1");\n  await acme.search.create({});\n}\n',
      ["api-client acme-crm Acme.contacts.create: no", "api-client acme-crm Acme.contacts.delete: natural"],
    ],
    [
      "objects of packages that are no clients",
      'import { Sheet } from "acme-sheet";\nexport async function a() {\n  await new Sheet({ rows: 1 }).create();\n}\n',
      [],
    ],
    [
      "methods that a wrapper takes from its callers",
      'async function call(method: string, path: string, body?: unknown) {\n  return fetch("https://api.example.com" + path, { method: method.toUpperCase(), body: JSON.stringify(body) });\n}\nexport const list = () => call("get", "/orders");\n',
      [],
    ],
    [
      "posts that only ask, and posts that set a state",
      'const post = (url: string) => url;\nexport async function a(id: string) {\n  await fetch("https://slack.com/api/users.profile.get", { method: "POST" });\n  await fetch("https://slack.com/api/oauth.v2.access", { method: "POST" });\n  await fetch("https://api.example.com/orders/search", { method: "POST" });\n  await fetch("https://api.example.com/orders/" + id + "/cancel", { method: "POST" });\n  await fetch("https://api.example.com/orders", { method: "POST" });\n}\nexport { post };\n',
      ["POST https://api.example.com/orders/{}/cancel: natural", "POST https://api.example.com/orders: no"],
    ],
    [
      "GraphQL through a function of the project: it depends on what callers send",
      'async function ask({ query }: { query: string }) {\n  return fetch("https://shop.example.com/graphql.json", { method: "POST", body: JSON.stringify({ query }) });\n}\nexport const read = () => ask({ query: `query { shop { name } }` });\n',
      [],
    ],
    [
      "the same with a mutation among them",
      'async function ask({ query }: { query: string }) {\n  return fetch("https://shop.example.com/graphql.json", { method: "POST", body: JSON.stringify({ query }) });\n}\nexport const read = () => ask({ query: `query { shop { name } }` });\nexport const write = () => ask({ query: `mutation { refundCreate { id } }` });\n',
      ["POST https://shop.example.com/graphql.json: no"],
    ],
    [
      "clients behind a proxy, in a map, or only asserted to be one",
      'import { Queue } from "bullmq";\nimport Stripe from "stripe";\nconst stripe = new Proxy(new Stripe("k"), {});\nconst queues = new Map<string, Queue>();\nconst late = {} as Stripe;\nexport async function a(name: string) {\n  await stripe.charges.create({});\n  await queues.get(name)?.add("x", {});\n  await late.refunds.create({});\n}\n',
      ["stripe charges.create: no", "bullmq add: no", "stripe refunds.create: no"],
    ],
    [
      "what a platform declares for everybody",
      "interface Env {\n  ORDERS: Queue;\n  FILES: R2Bucket;\n}\nexport async function a(env: Env) {\n  await env.ORDERS.send({});\n  await env.FILES.get('a');\n  await env.FILES.put('a', 'b');\n}\n",
      ["cloudflare-queue send: no", "cloudflare-r2 put: natural"],
    ],
    [
      "what a package makes for its own use, and a token that is exchanged for another",
      'import { REST } from "discord.js";\nimport Stripe from "stripe";\nconst stripe = new Stripe("k", { httpClient: Stripe.createFetchHttpClient() });\nconst rest = new REST();\nexport async function a() {\n  await rest.post("/oauth2", { body: new URLSearchParams({ grant_type: "refresh_token" }) });\n  await rest.post("/channels/1/messages", { body: { content: "a" } });\n  await stripe.refunds.create({});\n}\n',
      ["discord post: no", "stripe refunds.create: no"],
    ],
    [
      "messages of Discord that are read, and those that are changed",
      'import { Client } from "discord.js";\nconst client = new Client({});\nclient.on("threadCreate", async (thread) => {\n  await thread.messages.fetch();\n  await thread.messages.crosspost("1");\n  await thread.messages.pin("1");\n});\n',
      ["discord messages.crosspost: no", "discord messages.pin: natural"],
    ],
    [
      "clients that Nest hands to a constructor",
      'import { MailerService } from "@nestjs-modules/mailer";\nimport { PrismaService } from "nestjs-prisma";\nexport class Mails {\n  constructor(private readonly mailer: MailerService, private readonly prisma: PrismaService) {}\n  async send(to: string) {\n    await this.mailer.sendMail({ to });\n    await this.prisma.mail.create({ data: { to } });\n  }\n}\n',
      ["nodemailer sendMail: no", "prisma mail.create: no"],
    ],
    [
      "a nonce that Discord does not enforce",
      'import { REST } from "discord.js";\nconst rest = new REST();\nexport async function a(id: string) {\n  await rest.post("/channels/1/messages", { body: { content: "a", nonce: id } });\n  await rest.post("/channels/1/messages", { body: { content: "a", nonce: id, enforce_nonce: true } });\n}\n',
      ["discord post: no", "discord post: key"],
    ],
    [
      "a preview that is put in its place again",
      'export async function a() {\n  await fetch("https://slack.com/api/chat.unfurl", { method: "POST", body: "{}" });\n  await fetch("https://slack.com/api/chat.postMessage", { method: "POST", body: "{}" });\n}\n',
      ["POST https://slack.com/api/chat.unfurl: natural", "POST https://slack.com/api/chat.postMessage: no"],
    ],
    [
      "routes of GitHub, named or written out",
      'import { Octokit } from "@octokit/rest";\nconst octokit = new Octokit();\nexport async function a() {\n  await octokit.rest.issues.get({});\n  await octokit.rest.issues.create({});\n  await octokit.rest.issues.addLabels({});\n  await octokit.request("GET /repos/{owner}/{repo}", {});\n  await octokit.request("POST /repos/{owner}/{repo}/issues", {});\n}\n',
      [
        "octokit-rest rest.issues.create: no",
        "octokit-rest rest.issues.addLabels: natural",
        "POST /repos/{owner}/{repo}/issues: no",
      ],
    ],
    [
      "an HTTP client of which only the name is known",
      'export async function a(context, id) {\n  await context.http.post("/v1/orders", { id });\n  await context.http.delete("/v1/orders/" + id);\n  await context.http.post("/v1/orders/search", { id });\n  const { data } = await context.api.put("/v1/orders", { id });\n  return data;\n}\n',
      ["POST /v1/orders: no", "DELETE /v1/orders/{}: natural", "PUT /v1/orders: natural"],
    ],
    [
      "a request that is asked of whatever was handed in",
      'export class Network {\n  constructor(private readonly client: <T>(url: string, options: object) => Promise<T>) {}\n  post(url: string, body: string) {\n    return this.client(url, { method: "POST", body, headers: {} });\n  }\n  read(url: string) {\n    return this.client(url, { method: "GET", headers: {} });\n  }\n}\nexport function routes(server, create) {\n  server.route({ method: "POST", url: "/orders", headers: {}, handler: create });\n  return server.route({ method: "POST", path: "/orders", body: {}, schema: {} });\n}\n',
      ["POST {}: no"],
    ],
    [
      "routes, maps and builders of the same shape",
      'import { list } from "./list";\nexport async function a(router, api, cache, query, id) {\n  router.post("/v1/orders", list);\n  api.post("/v1/orders", list);\n  await api.post("/v1/orders", async (request) => request);\n  await cache.put("/v1/orders", id);\n  await query.delete();\n}\n',
      [],
    ],
    [
      "a client that was made of a package which nobody has listed",
      'import Acme from "acme-social";\nconst acme = new Acme({ consumer_key: "k" });\nexport function a(status: string) {\n  return acme.post("statuses/update", { status }).then((one) => one);\n}\nexport function b(acme2, status: string) {\n  acme2.client.post("/statuses", { status }, {}, (err) => err);\n}\n',
      ["POST statuses/update: no"],
    ],
    [
      "node:http and request, with options and with an address",
      'import https from "node:https";\nimport request from "request";\nexport function a(done: () => void) {\n  https.request({ hostname: "api.telegram.org", path: "/botT/sendMessage", method: "POST" }, done);\n  https.request({ hostname: "api.example.com", path: "/a" }, done);\n  request.post("https://api.example.com/orders").form({ id: 1 });\n  request({ method: "POST", url: "https://api.example.com/oauth/token", form: { grant_type: "client_credentials" } }, done);\n}\n',
      ["POST https://api.telegram.org/botT/sendMessage: no", "POST https://api.example.com/orders: no"],
    ],
    [
      "the second AWS SDK, with every command as a method",
      'import AWS from "aws-sdk";\nconst sns = new AWS.SNS();\nconst s3 = new AWS.S3();\nconst table = new AWS.DynamoDB.DocumentClient();\nexport async function a() {\n  await sns.publish({ TopicArn: "t", Message: "m" }).promise();\n  await sns.publish({ PhoneNumber: "1", Message: "m" }).promise();\n  await s3.upload({ Bucket: "b", Key: "k", Body: "" }).promise();\n  await s3.getObject({ Bucket: "b", Key: "k" }).promise();\n  await table.get({}).promise();\n  await new AWS.Lambda().invoke({ FunctionName: "f" }).promise();\n}\n',
      [
        "sns send(PublishCommand): no",
        "sns send(PublishCommand): no",
        "s3 send(PutObjectCommand): natural",
        "lambda send(InvokeCommand): no",
      ],
    ],
    [
      "what a model is asked by hand, and a sign-in",
      'export async function a(http, messages) {\n  await http.post("/v1/messages", { model: "m", messages });\n  await fetch("https://api.example.com/auth/login", { method: "POST", body: "{}" });\n  await http.post("/v1/messages", { to: "a", text: "b" });\n}\n',
      ["POST /v1/messages: no"],
    ],
    [
      "changes that Stripe makes once, whatever they are called",
      'import Stripe from "stripe";\nconst stripe = new Stripe("k");\nexport async function a(id: string) {\n  await stripe.invoices.pay(id);\n  await stripe.subscriptionSchedules.create({ from_subscription: id });\n  await stripe.subscriptionSchedules.create({ customer: id });\n  await stripe.tax.calculations.create({ currency: "eur", line_items: [] });\n  await stripe.rawRequest("POST", "/v1/customers/" + id, {});\n  await stripe.rawRequest("POST", "/v1/charges", {});\n  await stripe.rawRequest("GET", "/v1/charges");\n}\n',
      [
        "stripe invoices.pay: natural",
        "stripe subscriptionSchedules.create: natural",
        "stripe subscriptionSchedules.create: no",
        "stripe rawRequest: natural",
        "stripe rawRequest: no",
      ],
    ],
    [
      "clients that are called so, of packages that nobody has listed",
      'import { Calls, toAmount } from "@acme/voice-sdk";\nimport { AcmeClient, createAcmeClient } from "acme";\nimport { ShapesApi } from "@acme/shapes";\nimport { Sheet } from "acme-sheet";\nimport type { Rest } from "acme-rest-client";\nimport { fromPromise } from "acme-result";\nconst calls = new Calls(connection);\nconst acme = new AcmeClient();\nconst made = createAcmeClient();\nexport async function a(rest: Rest) {\n  const call = await calls.createCall({});\n  await calls.listCalls();\n  await acme.orders.create({});\n  await acme.create();\n  await acme.start();\n  await acme.getSpace("1").entries.update("2", {});\n  await made.channels.hangup("1");\n  await rest.messages.create({});\n  await rest.cache.delete("1");\n  await new ShapesApi().deleteShape("1");\n  await new Sheet().rows.create({});\n  acme.setHeader("a", "b");\n  acme.orders.create({});\n  const sum = toAmount(1).add(toAmount(2));\n  await acme.getBalance("1").send();\n  await acme.tradeFee();\n  await acme.addListener("a", a);\n  return fromPromise(acme.orders.cancel("1"));\n}\n',
      [
        "api-client @acme/voice-sdk Calls.createCall: no",
        "api-client acme AcmeClient.orders.create: no",
        "api-client acme AcmeClient.getSpace.entries.update: natural",
        "api-client acme createAcmeClient.channels.hangup: no",
        "api-client acme-rest-client Rest.messages.create: no",
        "api-client @acme/shapes ShapesApi.deleteShape: natural",
        "api-client acme AcmeClient.orders.cancel: natural",
      ],
    ],
    [
      "steps of a login, tokens and what only shows that somebody types",
      'import { AcmeClient } from "acme";\nconst acme = new AcmeClient();\nexport async function a() {\n  await acme.acceptLoginRequest("1");\n  await acme.createToken();\n  await acme.addPushToken("1");\n  await acme.sendTyping();\n  await acme.blog.posts.create({});\n}\n',
      ["api-client acme AcmeClient.addPushToken: no", "api-client acme AcmeClient.blog.posts.create: no"],
    ],
    [
      "writes of an SDK that the catalogue does not list",
      'import Anthropic from "@anthropic-ai/sdk";\nimport OpenAI from "openai";\nimport twilio from "twilio";\nimport { TwitterApi } from "twitter-api-v2";\nconst client = twilio("a", "b");\nconst anthropic = new Anthropic();\nconst openai = new OpenAI();\nconst x = new TwitterApi("t");\nexport async function a(text: string) {\n  await client.trunking.v1.trunks.create({});\n  await client.trunking.v1.trunks("1").originationUrls.create({});\n  await client.verify.v2.services("1").verificationChecks.create({});\n  await client.trunking.v1.trunks.list();\n  await anthropic.beta.files.delete("1");\n  await anthropic.beta.messages.create({});\n  await openai.audio.transcriptions.create({});\n  await openai.beta.threads.runs.create("1", {});\n  await x.v2.retweet("1", "2");\n  await x.v2.tweetLikedBy("1");\n  x.v2.retweet("1", "2");\n}\n',
      [
        "twilio trunking.v1.trunks.create: no",
        "twilio trunking.v1.trunks.originationUrls.create: no",
        "anthropic-side beta.files.delete: natural",
        "openai-side beta.threads.runs.create: no",
        "twitter v2.retweet: no",
      ],
    ],
    [
      "what else a package does in this process",
      'import { App } from "@slack/bolt";\nimport { EmbedBuilder, Client } from "discord.js";\nimport { Queue } from "bullmq";\nimport Stripe from "stripe";\nimport { createClient } from "redis";\nconst app = new App({});\nconst bot = new Client({});\nconst queue = new Queue("a");\nconst stripe = new Stripe("k");\nconst redis = createClient();\nbot.on("messageCreate", async (message) => {\n  const embed = new EmbedBuilder().setTitle("a");\n  const text = message.content.replace("a", "b");\n  await message.guild.channels.cache.delete("1");\n  await message.startThread({ name: text, embed });\n});\nexport async function a() {\n  await app.start();\n  await queue.resume();\n  await stripe.testHelpers.testClocks.create({});\n  await redis.json.merge("a", "$", {});\n}\n',
      ["discord startThread: no"],
    ],
    [
      "packages that are the client themselves, and a client within a client",
      'import mailchimp from "@mailchimp/mailchimp_marketing";\nimport { App } from "@slack/bolt";\nimport { BigQuery } from "@google-cloud/bigquery";\nimport { Sender, EmailParams } from "mailersend";\nconst app = new App({});\nconst bigquery = new BigQuery();\nexport async function a() {\n  await mailchimp.lists.deleteListMember("1", "2");\n  await mailchimp.lists.getAllLists();\n  await app.client.chat.postMessage({ channel: "1", text: "a" });\n  await bigquery.createDataset("1");\n  await bigquery.createQueryJob({});\n  const params = new EmailParams().setFrom("a").setTo([]).setSubject("b");\n  return params;\n}\nexport const token = (API) => fetch(API.TOKEN, { method: "POST", body: "" });\n',
      [
        "mailchimp-marketing lists.deleteListMember: natural",
        "slack-web chat.postMessage: no",
        "api-client @google-cloud/bigquery BigQuery.createDataset: no",
      ],
    ],
    [
      "what a class has from its parent",
      'import { AcmeClient } from "acme";\nexport class Shop extends AcmeClient {\n  async sell(id: string) {\n    await this.removeMetadata(id);\n    await this.orders.create(id);\n  }\n}\n',
      ["api-client acme AcmeClient.orders.create: no"],
    ],
    [
      "a verb in front of what would only be asked for, and what is taken away again",
      'import { AcmeClient } from "acme";\nconst acme = new AcmeClient();\nexport async function a() {\n  await fetch("https://api.example.com/create-price", { method: "POST", body: "{}" });\n  await fetch("https://api.example.com/best-price", { method: "POST", body: "{}" });\n  await fetch("https://api.example.com/create-access-token", { method: "POST", body: "{}" });\n  await fetch("https://slack.com/api/auth.test", { method: "POST", body: "{}" });\n  await acme.checkoutLinks.create({});\n  await acme.checkoutLinks.delete("1");\n}\n',
      ["POST https://api.example.com/create-price: no", "api-client acme AcmeClient.checkoutLinks.delete: natural"],
    ],
    [
      "a request of an SDK that says that it reads",
      'import client from "@sendgrid/client";\nexport async function a() {\n  await client.request({ method: "GET", url: "/v3/templates" });\n  await client.request({ method: "POST", url: "/v3/templates", body: {} });\n}\n',
      ["sendgrid request: no"],
    ],
    [
      "stubs of a service, made by gRPC",
      'import { promisify } from "node:util";\nimport { credentials, loadPackageDefinition } from "@grpc/grpc-js";\nimport { PayoutServiceClient } from "./proto/payout_grpc_pb";\nimport { helper } from "./helper";\nconst client = new PayoutServiceClient("host", credentials.createInsecure());\nconst proto = loadPackageDefinition({});\nconst ledger = new proto.Ledger("host", credentials.createInsecure());\nexport const submitPayout = promisify(client.submitPayout.bind(client));\nexport const getPayout = promisify(client.getPayout.bind(client));\nexport async function a(request: object) {\n  await getPayout(request);\n  client.cancelPayout(request, (error) => error);\n  ledger.createEntry(request, (error, entry) => entry);\n  await helper.createEntry(request);\n  return submitPayout(request);\n}\n',
      [
        "api-client (stub)/payout_grpc_pb PayoutServiceClient.cancelPayout: natural",
        "api-client @grpc/grpc-js loadPackageDefinition.Ledger.createEntry: no",
        "api-client (stub)/payout_grpc_pb PayoutServiceClient.submitPayout: no",
      ],
    ],
    [
      "an address that begins with what is asked",
      'export async function a($, id) {\n  await $.http.delete("?rest_route=/v2/posts/" + id);\n  await $.http.delete("?");\n}\n',
      ["DELETE ?rest_route=/v2/posts/{}: natural"],
    ],
  ])("%s", (_, source, expected) => {
    expect(boundaries(source)).toEqual(expected);
  });

  it("an object of which only the name is known, called after an SDK that the project depends on", () => {
    const found = (dependencies: Record<string, string>, more = "") =>
      runAudit(
        temporaryFolder({
          "package.json": JSON.stringify({ name: "a", dependencies }),
          "src/a.js": `module.exports = async (context, mailer, order) => {\n  await context.octokit.issues.createComment({ body: order });\n  await context.octokit.issues.get({});\n  await context.stripeClient.refunds.create({ charge: order });\n  await context.striped.refunds.create({});\n  await mailer.sendMail({ to: order });\n  await mailer.sendWelcome(order);\n};\n${more}`,
        }),
      ).report.boundaries.map((one) => one.name);
    expect(found({ "@octokit/rest": "1.0.0", stripe: "1.0.0", nodemailer: "1.0.0" })).toEqual([
      "octokit-rest issues.createComment",
      "stripe refunds.create",
      "nodemailer sendMail",
    ]);
    expect(found({ lodash: "4.0.0" })).toEqual([]);
    // The project has such a method itself: that one makes the effect.
    expect(found({ nodemailer: "1.0.0" }, "class Mails {\n  sendMail() {}\n}\n")).toEqual([]);
  });

  it("a broker by its name, where the project talks to one", () => {
    const found = (dependencies: Record<string, string>) =>
      runAudit(
        temporaryFolder({
          "package.json": JSON.stringify({ name: "a", dependencies }),
          "src/a.js":
            "module.exports = function (topic, bus) {\n  this.mqttClient.publish(topic, 'a');\n  this.mqttClient.publish(topic);\n  bus.publish(topic, 'a');\n};\n",
        }),
      ).report.boundaries.map((one) => one.name);
    expect(found({ mqtt: "5.0.0" })).toEqual(["api-client publish"]);
    expect(found({ nats: "2.0.0" })).toEqual([]);
  });

  it("changes of a bot by their shape, where the project makes one", () => {
    const found = (dependencies: Record<string, string>) =>
      runAudit(
        temporaryFolder({
          "package.json": JSON.stringify({ name: "a", dependencies }),
          "src/a.js":
            "module.exports = class {\n  async run(guild, interaction, list) {\n    await interaction.update({ components: [] });\n    await interaction.deleteReply();\n    await guild.channels.create({ name: 'a' });\n    await interaction.channel.permissionOverwrites.delete(list.id);\n    await interaction.channel.setName('a');\n    await interaction.message.react('a');\n    await list.update({});\n    await list.channels.create({});\n    await interaction.channel.fetch();\n  }\n};\n",
        }),
      ).report.boundaries.map((one) => `${one.name}: ${one.protection}`);
    expect(found({ "discord.js": "14.0.0" })).toEqual([
      "discord update: natural",
      "discord deleteReply: natural",
      "discord create: no",
      "discord delete: natural",
      "discord setName: natural",
      "discord react: no",
    ]);
    expect(found({ ws: "8.0.0" })).toEqual([]);
  });

  it("answers of a bot by their shape, where the project makes one", () => {
    const found = (dependencies: Record<string, string>) =>
      runAudit(
        temporaryFolder({
          "package.json": JSON.stringify({ name: "a", dependencies }),
          "src/a.js":
            "module.exports = class {\n  async run(id, interaction) {\n    await interaction.reply({ content: id });\n    await interaction.followUp({ content: id });\n    await interaction.channel.send({ content: id });\n    await id.socket.send(id);\n  }\n};\n",
        }),
      ).report.boundaries.map((one) => `${one.name}: ${one.protection}`);
    expect(found({ "discord.js": "14.0.0" })).toEqual([
      "discord reply: natural",
      "discord followUp: no",
      "discord send: no",
    ]);
    expect(found({ ws: "8.0.0" })).toEqual([]);
  });

  it("a queue by its shape, where the project has such a queue", () => {
    const found = (dependencies: Record<string, string>) =>
      runAudit(
        temporaryFolder({
          "package.json": JSON.stringify({ name: "a", dependencies }),
          "src/a.js":
            'export async function later(queues, seen, data) {\n  const mailQueue = queues.mail;\n  await mailQueue.add("mail", data, { attempts: 3 });\n  await queues.flowProducer.add({ name: "mail", data });\n  await mailQueue.addBulk([data]);\n  mailQueue.add(data);\n  seen.add("mail", data);\n}\n',
        }),
      ).report.boundaries.map((one) => one.name);
    expect(found({ bullmq: "5.0.0" })).toEqual(["bullmq add", "bullmq add", "bullmq add"]);
    expect(found({ lodash: "4.0.0" })).toEqual([]);
  });
});

describe("keys", () => {
  const key = (expression: string, before = "") =>
    boundaries(
      `import Stripe from "stripe";\nconst stripe = new Stripe("k");\nexport async function pay(order: { id: string; customer?: string }) {\n  ${before}\n  await stripe.charges.create({ amount: 1 }, { idempotencyKey: ${expression} });\n}\n`,
    ).map((one) => one.replace("stripe charges.create: ", ""));

  it.each([
    [`\`charge/\${order.id}\``, "", "key"],
    ['["charge", order.id].join(":")', "", "key"],
    ["order.id.toLowerCase()", "", "key"],
    [`\`charge/\${order.id}/\${customer}\``, 'const customer = order.customer || "";', "key"],
    [`\`charge/\${customer}\``, 'const customer = order.customer || "nobody";', "key-coarse"],
    ['"charge"', "", "key-coarse"],
    [`\`charge/\${order.id}/\${Date.now()}\``, "", "key-unstable"],
    ["crypto.randomUUID()", "", "key-unstable"],
    ["order.customer ? order.id : undefined", "", "key-optional"],
    // A window of time is the same for attempts that follow one another; a part of a second is not.
    [`\`charge/\${order.id}/\${Math.floor(Date.now() / 60_000)}\``, "", "key"],
    [`\`charge/\${order.id}/\${new Date().toISOString().slice(0, 10)}\``, "", "key"],
    [`\`charge/\${order.id}/\${new Date().toISOString().split("T")[0]}\``, "", "key"],
    [`\`charge/\${order.id}/\${Math.floor(Date.now() / 10)}\``, "", "key-unstable"],
    [`\`charge/\${order.id}/\${new Date().toISOString()}\``, "", "key-unstable"],
  ])("%s", (expression, before, expected) => {
    expect(key(expression, before)).toEqual([expected]);
  });
});

describe("a key that one caller makes", () => {
  const severities = (loud: string, quiet: string) =>
    runAudit(
      temporaryFolder({
        "src/mail.ts":
          'import { Resend } from "resend";\nconst resend = new Resend("k");\nexport const send = (to: string, key: string) => resend.emails.send({ to }, { idempotencyKey: key });\n',
        "src/jobs.ts": `import { Worker } from "bullmq";\nimport { send } from "./mail";\nnew Worker("a", async (job) => {\n  await send(job.data.to, ${loud});\n});\n`,
        "src/action.ts": `"use server";\nimport { send } from "./mail";\nexport async function remind(id: string, to: string) {\n  await send(to, ${quiet});\n}\n`,
      }),
    ).report.findings.map((one) => `${one.place.path} ${one.rule} ${one.severity}`);

  it("weighs as much as what repeats that caller, and not the others", () => {
    expect(severities("job.id", "crypto.randomUUID()")).toEqual(["src/action.ts DUP002 medium"]);
    expect(severities("crypto.randomUUID()", "id")).toEqual(["src/jobs.ts DUP002 critical"]);
  });
});

describe("checks before an effect", () => {
  const check = (lines: string, more = "", after = "") =>
    boundaries(
      `${more}import Redis from "ioredis";\nconst redis = new Redis();\nimport { Resend } from "resend";\nimport { PrismaClient } from "./generated/client";\nconst resend = new Resend("k");\nconst prisma = new PrismaClient();\nexport async function remind(id: string) {\n  ${lines}\n  await resend.emails.send({ from: "", to: "", subject: "", text: "" });\n  ${after}\n}\n`,
    )
      .filter((one) => one.startsWith("resend"))
      .map((one) => one.replace("resend emails.send: ", ""));

  it.each([
    ["const user = await prisma.user.findUnique({ where: { id } });\n  if (user) return;", "no"],
    ["const sent = await prisma.sentEmail.findFirst({ where: { id } });\n  if (sent) return;", "state-check"],
    [
      'if ((await claimReminder(id)) === "done") return;',
      "guarded",
      'async function claimReminder(id: string) {\n  const first = await redis.set(id, "1", "NX");\n  return first ? "first" : "done";\n}\n',
    ],
    [
      'if ((await claimReminder(id)) === "done") return;\n  try {',
      "state-check",
      'async function claimReminder(id: string) {\n  const first = await redis.set(id, "1", "NX");\n  return first ? "first" : "done";\n}\n',
      "} catch (error) {\n    await releaseReminder(id);\n    throw error;\n  }",
    ],
    [
      'if ((await nameOfReminder(id)) === "done") return;',
      "no",
      'async function nameOfReminder(id: string) {\n  return id ? "first" : "done";\n}\n',
    ],
    [
      'const claim = await prisma.reminder.updateMany({ where: { id, status: "new" }, data: { status: "running" } });\n  if (claim.count === 0) return;',
      "guarded",
    ],
  ])("%s", (lines, expected, more = "", after = "") => {
    expect(check(lines, more, after)).toEqual([expected]);
  });
});

describe("loops", () => {
  const rules = (body: string) =>
    runAudit(
      temporaryFolder({
        "src/a.ts": `import { Resend } from "resend";\nconst resend = new Resend("k");\nexport async function work(reader: ReadableStreamDefaultReader<string>) {\n${body}\n}\n`,
      }),
    ).report.findings.map((one) => one.rule);

  it("takes one that goes on after a failure for a retry", () => {
    const body =
      '  while (true) {\n    try {\n      return await resend.emails.send({ to: "a" });\n    } catch {\n      await new Promise((done) => setTimeout(done, 1000));\n    }\n  }';
    expect(rules(body)).toContain("DUP001");
  });

  it.each([
    ["goes on after an error that may pass", "if (isTransient(error)) continue;\n      throw error;", true],
    ["throws all errors", "throw error;", false],
    ["goes on for reads only", 'if (method === "GET" && attempt < 3) continue;\n      throw error;', false],
    ["goes on after a refusal only", "if (error.status === 429) continue;\n      throw error;", false],
    ["throws what is no refusal", "if (error.status !== 429) throw error;\n      await sleep(attempt);", false],
    ["throws what is no conflict", "if (error.status !== 409) throw error;\n      await sleep(attempt);", true],
  ])("a catch that %s: %s", (_, body, expected) => {
    const loop = `  for (let attempt = 0; ; attempt++) {\n    try {\n      return await resend.emails.send({ to: "a" });\n    } catch (error) {\n      ${body}\n    }\n  }`;
    expect(rules(loop).includes("DUP001")).toBe(expected);
  });

  it("does not mind a transaction that is sent again with the nonce it had", () => {
    const found = (nonce: string) =>
      runAudit(
        temporaryFolder({
          "src/a.ts": `import { Wallet } from "ethers";\nconst wallet = new Wallet("k");\nexport async function pay(to: string, nonce?: number): Promise<unknown> {\n  nonce ??= await wallet.getNonce();\n  try {\n    return await wallet.sendTransaction({ to, ...rest(nonce) });\n  } catch (error) {\n    return pay(to${nonce});\n  }\n}\n`,
        }),
      ).report.findings.map((one) => one.rule);
    expect(found("")).toEqual(["DUP021"]);
    expect(found(", nonce")).toEqual([]);
  });

  it("does not take a worker that goes from item to item for a retry", () => {
    const body =
      "  let next = 0;\n  while (true) {\n    const at = next++;\n    if (at >= items.length) return;\n    try {\n      await resend.emails.send({ to: items[at] });\n    } catch (error) {\n      errors.push(error);\n    }\n  }";
    expect(rules(body)).toEqual([]);
  });

  it("does not take one that reads a stream for a retry", () => {
    const body =
      "  while (true) {\n    const { done, value } = await reader.read();\n    if (done) break;\n    try {\n      await resend.emails.send({ to: value });\n    } catch {}\n  }";
    expect(rules(body)).toEqual([]);
  });
});
