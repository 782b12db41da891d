import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Everything that docs/mcp-hosts.md says to copy, started as it stands there, as a host would.

const root = fileURLToPath(new URL("../../../..", import.meta.url));
const page = readFileSync(join(root, "docs/mcp-hosts.md"), "utf8");

interface Entry {
  readonly where: string;
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const entries = sections(page).flatMap(({ title, text }) => [
  ...blocks(text, "json").flatMap((block) => fromJson(title, block)),
  ...blocks(text, "toml").flatMap((block) => fromToml(title, block)),
  ...blocks(text, "sh").flatMap((block) => fromShell(title, block)),
]);

function sections(text: string): { title: string; text: string }[] {
  const [, ...parts] = text.split(/^## /m);
  return parts.map((part) => ({ title: part.slice(0, part.indexOf("\n")), text: part }));
}

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    ([, block]) => block ?? "",
  );
}

function fromJson(where: string, block: string): Entry[] {
  const config = JSON.parse(block) as Record<string, Record<string, Omit<Entry, "where" | "name">>>;
  const servers = config.mcpServers ?? config.servers ?? {};
  return Object.entries(servers).map(([name, { command, args, env }]) => ({
    where,
    name,
    command,
    args,
    env: env ?? {},
  }));
}

/** As much of TOML as stands there: tables of one-line strings and lists of strings, which are JSON's. */
function fromToml(where: string, block: string): Entry[] {
  return [...block.matchAll(/^\[mcp_servers\.(\w+)\]\ncommand = (.+)\nargs = (.+)$/gm)].map(
    ([, name = "", command = "", args = ""]) => ({
      where: `${where} (config.toml)`,
      name,
      command: JSON.parse(command) as string,
      args: JSON.parse(args) as string[],
      env: {},
    }),
  );
}

/** `claude mcp add NAME -- COMMAND`: nothing there needs quotes. */
function fromShell(where: string, block: string): Entry[] {
  return [...block.matchAll(/^(claude|codex) mcp add (\w+) -- (.+)$/gm)].map(([, host, name = "", line = ""]) => {
    const [command = "", ...args] = line.split(" ");
    return { where: `${where} (${host} mcp add)`, name, command, args, env: {} };
  });
}

const HOSTS = ["Claude Desktop", "Claude Code", "Cursor", "Windsurf", "VS Code", "Codex"];

it("there is a block for every host, with the server and the gateway", () => {
  for (const host of HOSTS) {
    const names = entries.filter(({ where }) => where.startsWith(host)).map(({ name }) => name);
    expect(new Set(names), host).toEqual(new Set(["onceguard", "memory"]));
  }
});

/** What is started, whoever starts it: the same command is started once. */
const commands = [...Map.groupBy(entries, ({ command, args, env }) => JSON.stringify([command, args, env])).values()];

describe.each(commands.map((same) => ({ entry: same[0] as Entry, of: same.map(({ where }) => where).join(", ") })))(
  "$entry.name of $of",
  ({ entry }) => {
    let folder: string;
    beforeAll(() => {
      // Where the packages are installed; npx takes what it finds there.
      folder = mkdtempSync(join(tmpdir(), "onceguard-page-"));
      symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
      writeFileSync(join(folder, "package.json"), '{ "private": true }');
      writeFileSync(
        join(folder, "onceguard.config.json"),
        JSON.stringify({
          actions: [
            { name: "note", kind: "command", riskTier: "side_effecting", keyFields: ["text"], command: ["true"] },
          ],
        }),
      );
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it("starts, and lists its tools", async () => {
      const here = (text: string): string => text.replaceAll("/path/to", folder);
      const client = new Client({ name: "page", version: "1" });
      const transport = new StdioClientTransport({
        command: entry.command,
        args: entry.args.map(here),
        env: {
          PATH: process.env.PATH ?? "",
          HOME: folder,
          npm_config_offline: "true", // nothing may be fetched
          ...Object.fromEntries(Object.entries(entry.env).map(([name, value]) => [name, here(value)])),
        },
        cwd: folder,
        stderr: "pipe",
      });
      let stderr = "";
      transport.stderr?.on("data", (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      try {
        await client.connect(transport).catch((error: Error) => {
          throw new Error(`${error.message}\n${stderr}`);
        });
        const { tools } = await client.listTools();
        const wanted = entry.name === "onceguard" ? "safe_execute" : "create_entities";
        expect(tools.map(({ name }) => name)).toContain(wanted);
      } finally {
        await client.close();
      }
    });
  },
);
