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
      "routes of GitHub, named or written out",
      'import { Octokit } from "@octokit/rest";\nconst octokit = new Octokit();\nexport async function a() {\n  await octokit.rest.issues.get({});\n  await octokit.rest.issues.create({});\n  await octokit.rest.issues.addLabels({});\n  await octokit.request("GET /repos/{owner}/{repo}", {});\n  await octokit.request("POST /repos/{owner}/{repo}/issues", {});\n}\n',
      [
        "octokit-rest rest.issues.create: no",
        "octokit-rest rest.issues.addLabels: natural",
        "POST /repos/{owner}/{repo}/issues: no",
      ],
    ],
  ])("%s", (_, source, expected) => {
    expect(boundaries(source)).toEqual(expected);
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
  ])("%s", (expression, before, expected) => {
    expect(key(expression, before)).toEqual([expected]);
  });
});

describe("checks before an effect", () => {
  const check = (lines: string) =>
    boundaries(
      `import { Resend } from "resend";\nimport { PrismaClient } from "./generated/client";\nconst resend = new Resend("k");\nconst prisma = new PrismaClient();\nexport async function remind(id: string) {\n  ${lines}\n  await resend.emails.send({ from: "", to: "", subject: "", text: "" });\n}\n`,
    )
      .filter((one) => one.startsWith("resend"))
      .map((one) => one.replace("resend emails.send: ", ""));

  it.each([
    ["const user = await prisma.user.findUnique({ where: { id } });\n  if (user) return;", "no"],
    ["const sent = await prisma.sentEmail.findFirst({ where: { id } });\n  if (sent) return;", "state-check"],
    [
      'const claim = await prisma.reminder.updateMany({ where: { id, status: "new" }, data: { status: "running" } });\n  if (claim.count === 0) return;',
      "guarded",
    ],
  ])("%s", (lines, expected) => {
    expect(check(lines)).toEqual([expected]);
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

  it("does not take one that reads a stream for a retry", () => {
    const body =
      "  while (true) {\n    const { done, value } = await reader.read();\n    if (done) break;\n    try {\n      await resend.emails.send({ to: value });\n    } catch {}\n  }";
    expect(rules(body)).toEqual([]);
  });
});
