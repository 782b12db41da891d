import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, it, onTestFinished } from "vitest";

const BIN = fileURLToPath(new URL("../bin/onceguard-mcp.js", import.meta.url));
const MEMORY = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-memory/dist/index.js");

it.each([
  ["the server", [], "safe_execute"],
  ["the gateway", ["gateway", "--rules", "memory", "--", process.execPath, MEMORY], "create_entities"],
])("starts %s", async (_, args, tool) => {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-mcp-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const client = new Client({ name: "test", version: "1" });
  const env = { ...(process.env as Record<string, string>), MEMORY_FILE_PATH: join(folder, "memory.jsonl") };
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [BIN, ...args], cwd: folder, env, stderr: "ignore" }),
  );
  onTestFinished(() => client.close());
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain(tool);
});
