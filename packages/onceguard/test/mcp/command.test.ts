import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { shopConfig } from "./config.ts";
import { callTool, configFolder, ERAS, MCP, speaking } from "./host.ts";
import { openShop, type Shop } from "./shop.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

function start(
  folder: string,
  args: readonly string[],
): { child: ChildProcess; stderr: () => string; stdout: () => string } {
  const { ORDER_TOKEN: _unset, ...env } = process.env;
  const child = spawn(process.execPath, [MCP, "mcp", ...args], { cwd: folder, env, stdio: ["pipe", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return { child, stderr: () => stderr, stdout: () => stdout };
}

async function refused(args: readonly string[], config: unknown = shopConfig(shop)): Promise<[number, string]> {
  const { child, stderr } = start(configFolder(config), args);
  const [code] = (await once(child, "exit")) as [number];
  return [code, stderr()];
}

describe("onceguard mcp, the command", () => {
  it.each(ERAS)("serves HTTP with tokens, and drains at SIGTERM (protocol %s)", async (era) => {
    const folder = configFolder(shopConfig(shop));
    const sha256 = createHash("sha256").update("s3cret").digest("hex");
    writeFileSync(join(folder, "tokens.json"), JSON.stringify([{ sha256, tenant: "acme", name: "agent-7" }]));
    const { child, stderr } = start(folder, ["--http", "127.0.0.1:0", "--tokens", "tokens.json"]);
    const url = () => /serving MCP at (\S+)/.exec(stderr())?.[1];
    await expect.poll(url, { timeout: 60_000 }).toBeDefined();
    const connect = async (token: string): Promise<Client> => {
      const client = new Client({ name: "test-host", version: "1" }, speaking(era));
      const requestInit = { headers: { authorization: `Bearer ${token}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(url() as string), { requestInit }));
      return client;
    };
    await expect(connect("guessed")).rejects.toThrow();
    const client = await connect("s3cret");
    const ref = `C-${era}`;
    const given = { action: "order", payload: { ref, mode: "slow" } };
    const lost = callTool(client, "safe_execute", given).catch(() => null);
    await shop.until(() => shop.orders(ref).length === 1, "the order");
    child.kill("SIGTERM");
    expect((await once(child, "exit"))[0]).toBe(0);
    await client.close(); // before 2026-07-28 a client whose stream ends waits for it to come back
    await lost;
    expect(stderr()).not.toContain("s3cret");
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("logs calls on stderr, without arguments and results; stdout is the protocol's", async () => {
    const { child, stderr, stdout } = start(configFolder(shopConfig(shop)), []);
    const initialize = {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "x", version: "1" },
    };
    child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: initialize })}\n`);
    const params = { name: "safe_execute", arguments: { action: "order", payload: { ref: "private-ref" } } };
    child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params })}\n`);
    await expect.poll(() => stdout().split("\n").length, { timeout: 60_000 }).toBe(3);
    for (const line of stdout().trim().split("\n")) expect(JSON.parse(line).jsonrpc).toBe("2.0");
    expect(stderr()).toContain('"status":"executed"');
    expect(stderr()).not.toContain("private-ref");
    child.stdin?.end();
    expect((await once(child, "exit"))[0]).toBe(0);
  });

  it("does not open itself to the network without saying to whom", async () => {
    const [code, stderr] = await refused(["--http", "0.0.0.0:0"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("say who may call")]);
    expect((await refused(["--http", "--issuer", "https://login.example"]))[0]).toBe(2);
    expect((await refused(["--approvals", "never"]))[0]).toBe(2);
    expect((await refused(["--answer-within", "2m"]))[1]).toContain("at most 50 s");
  });

  it("says what is wrong with an action before it serves anything", async () => {
    const order = { kind: "http", name: "order", riskTier: "side_effecting", keyFields: ["ref"] };
    const secret = ["$", "{ORDER_TOKEN}"].join("");
    const wrong = (more: object) => refused([], { store: "sqlite:r.db", actions: [{ ...order, ...more }] });
    expect((await wrong({ url: "https://{host}/x" }))[1]).toContain("no payload may say where it goes");
    expect((await wrong({ url: "https://x.example/", headers: { a: secret } }))[1]).toContain("which is not set");
    expect((await wrong({ kind: "mcp", server: "nobody", tool: "t" }))[1]).toContain('no server "nobody"');
    expect((await wrong({ kind: "smtp" }))[1]).toContain('kind "smtp"');
  });
});
