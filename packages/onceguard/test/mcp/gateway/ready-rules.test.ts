import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, it } from "vitest";
import { isJsonObject, type JsonValue } from "../../../src/core/json.ts";
import type { ToolRule } from "../../../src/kinds/gateway-entries.ts";
import { fieldsInTemplate, fieldsInText } from "../../../src/kinds/template.ts";
import { READY_RULES } from "../../../src/mcp/gateway/ready-rules/index.ts";
import { toolAction } from "../../../src/mcp/gateway/tool-action.ts";
import { checkToolRules } from "../../../src/mcp/gateway/tool-rule.ts";
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
      // With a record and a derived identity, a second intent on that record would be skipped for a day.
      if (rule.record !== undefined) expect(rule.dedupWindow, `${tool} says how often per record`).toBeDefined();
      if (rule.approval !== undefined) expect(riskTier, `${tool} asks a person`).toBe("irreversible");
    }
  });
});
