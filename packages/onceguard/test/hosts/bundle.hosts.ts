import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, it, onTestFinished } from "vitest";
import { hostModule, WORKSPACE } from "./installed.ts";

const PACKER = hostModule("@anthropic-ai/mcpb/dist/cli/cli.js");
if (!existsSync(PACKER)) console.log(`mcpb: SKIPPED, ${PACKER} is not there (not fetched)`);

describe.skipIf(!existsSync(PACKER))("the bundle", () => {
  it("unpacked anywhere, its server starts from what is in it", async () => {
    const build = join(WORKSPACE, "packages/onceguard/mcpb/build.mjs");
    const file = execFileSync(process.execPath, [build], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    const folder = mkdtempSync(join(tmpdir(), "onceguard-hosts-")); // with no node_modules above it
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const unpacked = join(folder, "unpacked");
    execFileSync(process.execPath, [PACKER, "unpack", file, unpacked], { stdio: "ignore" });
    const config = join(folder, "onceguard.config.json");
    writeFileSync(
      config,
      JSON.stringify({
        actions: [
          { name: "note", kind: "command", riskTier: "side_effecting", keyFields: ["text"], command: ["true"] },
        ],
      }),
    );
    const { server } = JSON.parse(readFileSync(join(unpacked, "manifest.json"), "utf8"));
    const { command, args } = server.mcp_config as { command: string; args: string[] };
    expect(existsSync(join(unpacked, server.entry_point))).toBe(true);
    const filled = (text: string): string =>
      text.replaceAll("$" + "{__dirname}", unpacked).replaceAll("$" + "{user_config.config}", config);
    const client = new Client({ name: "bundle", version: "1" });
    await client.connect(new StdioClientTransport({ command, args: args.map(filled), cwd: folder, stderr: "ignore" }));
    onTestFinished(() => client.close());
    const given = { name: "safe_execute", arguments: { action: "note", payload: { text: "hello" } } };
    for (const status of ["executed", "replayed"]) {
      expect((await client.callTool(given)).structuredContent).toMatchObject({ status });
    }
  });
});
