import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, it, onTestFinished } from "vitest";
import { callTool, configFolder, startHost } from "../mcp/host.ts";

// What registries and installers read must say the same as the package that they install.

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));
// biome-ignore lint/suspicious/noExplicitAny: files of which tests read what they expect
const json = (path: string): any => JSON.parse(readFileSync(join(packageRoot, path), "utf8"));
const { name, version, mcpName, engines, bin } = json("../onceguard-mcp/package.json");
const server = json("../../server.json");
const manifest = json("mcpb/manifest.json");

it("server.json is what the MCP registry takes, and names this package", () => {
  expect(server.$schema).toBe("https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json");
  expect(server.name).toMatch(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/);
  expect(server.name).toBe(mcpName); // the registry compares it with the published package
  expect(server.description.length).toBeLessThanOrEqual(100);
  expect(server.version).toBe(version);
  expect(server.packages).toHaveLength(1);
  const [packaged] = server.packages;
  expect(packaged).toMatchObject({ registryType: "npm", identifier: name, version, transport: { type: "stdio" } });
});

it("the bundle's manifest names this package, its tools and its Node", async () => {
  expect(manifest).toMatchObject({ name: "onceguard", version, description: server.description });
  expect(manifest.compatibility.runtimes.node.replace(".0", "")).toBe(engines.node);
  const { client } = await startHost(configFolder({ actions: [] }), "2025-11-25");
  const { tools } = await client.listTools();
  expect(manifest.tools.map((tool: { name: string }) => tool.name)).toEqual(tools.map((tool) => tool.name));
});

it("the arguments in server.json start the package's program", async () => {
  const folder = configFolder({ actions: [] });
  const args: string[] = server.packages[0].packageArguments.flatMap((argument: { name: string }) => [
    argument.name,
    join(folder, "onceguard.config.json"),
  ]);
  const program = join(packageRoot, "../onceguard-mcp", Object.values<string>(bin)[0] as string);
  const client = new Client({ name: "registry", version: "1" });
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [program, ...args], cwd: folder, stderr: "ignore" }),
  );
  onTestFinished(() => client.close());
  expect((await callTool(client, "list_actions", {})).data.actions).toEqual([]);
});
