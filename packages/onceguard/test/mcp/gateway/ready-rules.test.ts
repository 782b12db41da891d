import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, it } from "vitest";
import { classifyFailure } from "../../../src/core/failure.ts";
import { isJsonObject, type JsonValue } from "../../../src/core/json.ts";
import type { ToolRule } from "../../../src/kinds/gateway-entries.ts";
import { fieldsInTemplate, fieldsInText } from "../../../src/kinds/template.ts";
import { READY_RULES } from "../../../src/mcp/gateway/ready-rules/index.ts";
import { toolAction } from "../../../src/mcp/gateway/tool-action.ts";
import { checkToolRules } from "../../../src/mcp/gateway/tool-rule.ts";
import { resultOfCall } from "../../../src/mcp/gateway/upstream-answer.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { installed, realServer } from "./real-servers.ts";
import { type ListedTool, listOf, type ToolFacts, type ToolList } from "./tool-lists/tool-list.ts";

/** The servers that are here are asked; the lists of the others were taken by tool-lists/take.ts. */
const HERE: Readonly<Record<string, readonly string[]>> = {
  "@modelcontextprotocol/server-filesystem": [tmpdir()],
  "@modelcontextprotocol/server-memory": [],
};

async function listed(name: string): Promise<{ version: string; tools: ToolList }> {
  const { server } = READY_RULES[name] as (typeof READY_RULES)[string];
  const args = HERE[server];
  if (args === undefined) {
    const taken = JSON.parse(readFileSync(new URL(`./tool-lists/${name}.json`, import.meta.url), "utf8"));
    expect(taken.server).toBe(server);
    return taken;
  }
  const [command = "", ...rest] = realServer(server, ...args);
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "legacy" } });
  await client.connect(new StdioClientTransport({ command, args: rest, stderr: "ignore" }));
  const { tools } = await client.listTools();
  await client.close();
  return { version: installed(server).version, tools: listOf(tools as ListedTool[]) };
}

/** The arguments by which a rule goes; those without which a call is refused. */
function fieldsOf(rule: ToolRule): { all: string[]; needed: string[] } {
  const ofProbe = fieldsInTemplate(rule.probe?.arguments ?? null);
  const needed = [
    ...fieldsInText(rule.record ?? ""),
    ...ofProbe.text,
    ...ofProbe.whole,
    ...(rule.keyFields ?? []).map((path) => path.replace(/(?:\[\]|\.).*$/, "")),
  ];
  const { amount, idempotencyArgument, volatile = [], keyFields = [] } = rule;
  const named = [amount, idempotencyArgument].filter((field) => field !== undefined);
  return { all: [...needed, ...keyFields, ...volatile, ...named], needed };
}

const NOWHERE = { execute: async () => ({}), ask: async () => ({ result: {} }) };

describe.each(Object.keys(READY_RULES))("the ready rules %s", (name) => {
  const { tools: rules, version } = READY_RULES[name] as (typeof READY_RULES)[string];

  it("fit the server's tool list, tool by tool", async () => {
    const { tools, version: listedVersion } = await listed(name);
    expect(listedVersion).toBe(version);
    expect(Object.keys(rules).sort()).toEqual(Object.keys(tools).sort());
    for (const [tool, rule] of Object.entries(rules)) {
      const { inputs, required, readOnly } = tools[tool] as ToolFacts;
      const { all, needed } = fieldsOf(rule);
      for (const field of all) expect(inputs, `${tool}: ${field}`).toContain(field);
      for (const field of needed) expect(required, `${tool} has to have ${field}`).toContain(field);
      if (readOnly) expect(rule.riskTier, `${tool} only reads`).toBe("safe");
      if (rule.probe) {
        const asked = tools[rule.probe.tool];
        expect(rules[rule.probe.tool]?.riskTier, `${tool} is asked after by a tool that only reads`).toBe("safe");
        const given: JsonValue = rule.probe.arguments ?? {};
        if (isJsonObject(given)) expect(asked?.inputs, tool).toEqual(expect.arrayContaining(Object.keys(given)));
      }
    }
  });

  it("make an action of each tool, and say of it all that has to be said", () => {
    checkToolRules(rules, name);
    for (const [tool, rule] of Object.entries(rules)) {
      const { riskTier } = rule;
      expect(riskTier, tool).toBeDefined();
      if (riskTier === undefined || riskTier === "safe") continue;
      expect(toolAction(`${name}/${tool}`, rule, riskTier, NOWHERE).riskTier).toBe(riskTier);
      if (rule.approval !== undefined) expect(riskTier, `${tool} asks a person`).toBe("irreversible");
    }
  });
});

describe("what went wrong, in the servers' own words", () => {
  const POST = "POST https://api.github.com/repos/o/r/";
  const refused: readonly [string, string, string][] = [
    ["github", "create_issue", "missing required parameter: owner"],
    ["github", "create_issue", `failed to create issue: ${POST}issues: 410 Issues are disabled for this repo []`],
    [
      "github",
      "create_pull_request",
      "failed to create pull request: Validation Failed\nA pull request already exists",
    ],
    [
      "github",
      "merge_pull_request",
      `failed to merge pull request: PUT ${POST.slice(5)}pulls/1/merge: 405 Not mergeable []`,
    ],
    [
      "github",
      "delete_repository",
      `failed to delete repository: o/r: DELETE ${POST.slice(5)}: 403 Must have admin rights []`,
    ],
    [
      "mailgun",
      "post-v3-domain-messages",
      "Bad request for POST /v3/{domain_name}/messages: 'to' parameter is invalid",
    ],
    [
      "resend",
      "send-email",
      'Email failed to send: {"statusCode":422,"message":"Invalid `to`","name":"validation_error"}',
    ],
    ["resend", "send-email", "Input validation error: Invalid arguments for tool send-email"],
    ["slack", "slack_post_message", '{"ok":false,"error":"channel_not_found"}'],
    ["slack", "slack_post_message", '{"error":"Missing required arguments: channel_id and text"}'],
  ];
  const uncertain: readonly [string, string, string][] = [
    ["github", "create_issue", `failed to create issue: ${POST}issues: 502 Server Error []`],
    ["github", "create_issue", `failed to create issue: Post "https://api.github.com/repos/o/r/issues": EOF`],
    ["github", "create_pull_request", `failed to request reviewers: ${POST}pulls/1/requested_reviewers: 422 `],
    ["github", "push_files", `failed to update reference: PATCH ${POST.slice(5)}git/refs/heads/main: 422 `],
    ["mailgun", "post-v3-domain-messages", "Mailgun API error (HTTP 500) for POST /v3/{domain_name}/messages: oops"],
    ["mailgun", "post-v3-domain-messages", "Error: socket hang up"],
    ["resend", "send-email", 'Email failed to send: {"message":"Unable to fetch data","name":"application_error"}'],
    [
      "resend",
      "send-email",
      'Email failed to send: {"statusCode":409,"message":"","name":"invalid_idempotent_request"}',
    ],
    ["resend", "send-email", 'Email failed to send: {"statusCode":409,"name":"concurrent_idempotent_requests"}'],
    [
      "resend",
      "send-email",
      `Email failed to send: ${JSON.stringify({ message: '"name":"not_found"', name: "application_error" })}`,
    ],
    ["slack", "slack_post_message", '{"ok":false,"error":"internal_error"}'],
    ["slack", "slack_post_message", '{"error":"fetch failed"}'],
    ["stripe", "create_refund", '"Failed to create refund"'],
  ];

  function readOf([set, tool, text]: readonly [string, string, string], isError: boolean): unknown {
    const rule = READY_RULES[set]?.tools[tool] as ToolRule;
    try {
      return resultOfCall({ result: { content: [{ type: "text", text }], isError } }, tool, {
        ...rule,
        isTrusted: false,
      });
    } catch (error) {
      return classifyFailure(error).certainty;
    }
  }

  // These two say in a plain result that something went wrong.
  const isError = (set: string): boolean => set !== "slack" && set !== "stripe";

  it.each(refused)("%s %s: %s: was not done", (...said) => {
    expect(readOf(said, isError(said[0]))).toBe("definite");
  });

  it.each(uncertain)("%s %s: %s: nobody knows", (...said) => {
    expect(readOf(said, isError(said[0]))).toBe("indefinite");
  });

  it("what went well is a result, whatever it quotes", () => {
    for (const text of ['{"ok":true,"message":{"text":"{\\"ok\\":false}"}}', '{"id":"re_1","status":"succeeded"}']) {
      for (const [set, tool] of [
        ["slack", "slack_post_message"],
        ["stripe", "create_refund"],
      ] as const) {
        expect(readOf([set, tool, text], false)).toMatchObject({ content: [{ text }] });
      }
    }
  });
});

it("a merge whose answer was lost is settled by reading the pull request", async () => {
  const rule = READY_RULES.github?.tools.merge_pull_request as ToolRule;
  let merges = 0;
  const asked: unknown[] = [];
  const merge = toolAction("github/merge_pull_request", rule, "irreversible", {
    execute: async () => {
      merges++;
      throw new Error("socket hang up");
    },
    ask: async (tool, given) => {
      asked.push([tool, given]);
      return { result: { content: [{ type: "text", text: '{"number":7,"state":"closed","merged":true}' }] } };
    },
  });
  const guard = createGuard({ store: memoryStore(), policy: () => ({ verdict: "allow" }) });
  const given = { owner: "o", repo: "r", pullNumber: 7 };
  for (const title of ["Merge it", "Merge it now"]) {
    const { status } = await guard.wrap(merge)({ ...given, commit_title: title });
    expect(["executed", "replayed"]).toContain(status);
  }
  expect(merges).toBe(1);
  expect(asked).toEqual([["pull_request_read", { method: "get", owner: "o", repo: "r", pullNumber: 7 }]]);
  await guard.close();
});
