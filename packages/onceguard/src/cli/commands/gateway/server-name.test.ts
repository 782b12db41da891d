import { expect, it } from "vitest";
import { serverName } from "./server-name.ts";

it.each([
  [["npx", "-y", "@modelcontextprotocol/server-memory"], "memory"],
  [["npx", "-y", "@modelcontextprotocol/server-memory@2026.8.31"], "memory"],
  [["node", "/x/node_modules/@modelcontextprotocol/server-memory/dist/index.js"], "memory"],
  [["node", "build/index.js"], "index"],
  [["/usr/local/bin/github-mcp-server", "stdio"], "github"],
  [["uvx", "mcp-server-git"], "git"],
  [["cmd", "/c", "npx", "weather-mcp"], "weather"],
  [["python3.12", "-m", "weather"], "weather"],
])("%j is named %s", (command, name) => {
  expect(serverName(command)).toBe(name);
});

it("a remote server is named by its host", () => {
  expect(serverName("https://mcp.stripe.com/")).toBe("stripe.com");
});
