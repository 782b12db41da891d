import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import type { Client } from "@modelcontextprotocol/client";
import { expect, it, onTestFinished } from "vitest";
import { call, Desk } from "./gateway-host.ts";
import { openGateway, openHost } from "./http-host.ts";

/** The reference server over Streamable HTTP with sessions, as servers were before 2026-07-28. */
async function openEverything(desk: Desk): Promise<string> {
  const port = await freePort();
  const program = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js");
  const child = spawn(process.execPath, [program, "streamableHttp"], {
    env: { ...process.env, PORT: String(port) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await desk.until(() => said.includes("listening"), "the server to listen");
  return `http://127.0.0.1:${port}/mcp`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const guarded = { riskTier: "side_effecting" };

it("in a session the server can ask the host in the middle of a guarded call", async () => {
  const desk = new Desk();
  desk.config({ gateway: { tools: { "*": guarded } } });
  const { url } = await openGateway(desk, await openEverything(desk), []);
  let asked = 0;
  const client = await openHost(url, "2025-11-25", {
    capabilities: { sampling: {}, elicitation: {} },
    prepare: (made: Client) => {
      made.setRequestHandler("sampling/createMessage", () => {
        asked++;
        return { role: "assistant", model: "test", content: { type: "text", text: `sampled ${asked}` } };
      });
    },
  });
  const given = { prompt: "hello", maxTokens: 10 };
  const first = await call(client, "trigger-sampling-request", given);
  expect(first).toMatchObject({ status: "executed", text: expect.stringContaining("sampled 1") });
  const second = await call(client, "trigger-sampling-request", given);
  expect(second).toMatchObject({ status: "replayed", text: expect.stringContaining("sampled 1") });
  expect(asked).toBe(1);
});

it("in a session the host's person can be asked for approval, by a request in the middle of the call", async () => {
  const desk = new Desk();
  desk.config({ gateway: { tools: { echo: { ...guarded, approval: "it speaks" }, "*": { riskTier: "safe" } } } });
  const { url } = await openGateway(desk, await openEverything(desk), []);
  const asked: string[] = [];
  const client = await openHost(url, "2025-11-25", {
    capabilities: { elicitation: {} },
    prepare: (made: Client) => {
      made.setRequestHandler("elicitation/create", ({ params }) => {
        asked.push(params.message);
        return { action: "accept", content: { approve: asked.length === 1 } };
      });
    },
  });
  expect(await call(client, "echo", { message: "hi" })).toMatchObject({ status: "executed", text: "Echo: hi" });
  expect(await call(client, "echo", { message: "no" })).toMatchObject({ status: "denied", isError: true });
  expect(asked).toHaveLength(2);
  expect(asked[0]).toContain("it speaks");
});
