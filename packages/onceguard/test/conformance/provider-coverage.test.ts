import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PROVIDERS } from "../../src/core/provider-contracts.ts";

interface Sink {
  readonly id: string;
  readonly idempotency: { readonly native: string; readonly header?: string };
}

const { sinks } = JSON.parse(readFileSync(new URL("../support/sinks.json", import.meta.url), "utf8")) as {
  sinks: readonly Sink[];
};

/** Sinks whose provider has another name here. */
const CALLED: Readonly<Record<string, string>> = {
  viem: "evm",
  ethers: "evm",
  web3js: "evm",
  nodemailer: "smtp",
  "azure-servicebus": "azure-service-bus",
  "slack-web": "slack",
  "slack-webhook": "slack",
  octokit: "github",
  "octokit-rest": "github",
  googleapis: "google-workspace",
  sfn: "step-functions",
  pgboss: "pg-boss",
  "inngest-send": "inngest",
  "temporal-client": "temporal",
  kafkajs: "kafka",
  amqplib: "rabbitmq",
  "mcp-client": "mcp",
  "openai-side": "openai",
  "anthropic-side": "anthropic",
  "py-stripe": "stripe",
  "py-smtplib": "smtp",
  "py-slack": "slack",
  "py-twilio": "twilio",
  "py-alpaca": "alpaca",
  "py-celery": "celery",
};

const CLIENT = "a client for whatever is called, not a provider";
const OWN_DATABASE = "a database of one's own: a unique constraint, or transaction: true";

/** Sinks that no provider stands behind. */
const NO_PROVIDER: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["fetch", "axios", "got", "ky", "ofetch", "superagent", "better-fetch", "graphql", "trpc", "playwright"]
      .concat(["py-requests", "py-httpx", "langchain-tool-invoke", "composio"])
      .map((id) => [id, CLIENT]),
  ),
  ...Object.fromEntries(
    ["prisma", "drizzle", "knex", "typeorm", "mongoose", "kysely", "supabase", "redis"].map((id) => [id, OWN_DATABASE]),
  ),
  "aws-v2": "the same services as the newer SDK's, under the names of those",
  "py-boto3": "the services of the AWS SDK, each under its own name",
  fs: "the local machine",
  child_process: "the local machine",
};

const names = new Set(PROVIDERS.map(({ name }) => name));

test("every sink has a contract, or a reason to have none", () => {
  const wrong = sinks.filter(({ id }) => names.has(CALLED[id] ?? id) === (NO_PROVIDER[id] !== undefined));
  expect(wrong.map(({ id }) => id)).toEqual([]);
});

test("sinks with a key of their own are all there, and none is said to have none", () => {
  const keyed = ["option", "header", "body", "param", "query", "directive", "kwarg"];
  const wrong = sinks
    .filter(({ id, idempotency }) => keyed.includes(idempotency.native) && NO_PROVIDER[id] === undefined)
    .map(({ id }) => CALLED[id] ?? id)
    .filter((name) => !PROVIDERS.some((contract) => contract.name === name && contract.key !== null));
  // Its option exists in the SDK and sends nothing.
  expect(wrong).toEqual(["openai"]);
});

test("nothing in these lists is left over", () => {
  const ids = new Set(sinks.map(({ id }) => id));
  expect([...Object.keys(CALLED), ...Object.keys(NO_PROVIDER)].filter((id) => !ids.has(id))).toEqual([]);
});
