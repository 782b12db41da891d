import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { onTestFinished } from "vitest";
import { type Era, MCP, speaking } from "../host.ts";
import { type Desk, UPSTREAM } from "./gateway-host.ts";

/** The desk over HTTP in a process of its own. */
export async function openDesk(desk: Desk, env: Record<string, string> = {}): Promise<string> {
  const child = fork(UPSTREAM, ["--http", "0"], {
    env: { ...process.env, LEDGER: desk.ledger, ...env },
    execArgv: [],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [port] = (await once(child, "message")) as [number];
  return `http://127.0.0.1:${port}/mcp`;
}

export async function openGateway(
  desk: Desk,
  /** Its address; null: a process of the gateway's own. */
  upstream: string | null,
  args: readonly string[] = ["--trust"],
): Promise<{ url: string; child: ChildProcess; stderr: () => string }> {
  const from = upstream === null ? ["--", process.execPath, UPSTREAM] : ["--url", upstream];
  const child = spawn(process.execPath, [MCP, "gateway", "--name", "desk", "--http", "0", ...args, ...from], {
    cwd: desk.folder,
    env: { ...process.env, STATIC: "s3cret", LEDGER: desk.ledger },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  await desk.until(() => / at http:\S+/.test(stderr), "the gateway to listen");
  return { url: / at (http:\S+)/.exec(stderr)?.[1] as string, child, stderr: () => stderr };
}

export async function openHost(
  url: string,
  era: Era,
  options: {
    headers?: Record<string, string>;
    prepare?: (client: Client) => void;
    elicits?: boolean;
    capabilities?: object;
  } = {},
): Promise<Client> {
  const client = new Client(
    { name: "test-host", version: "1" },
    {
      ...speaking(era),
      ...(options.elicits && { capabilities: { elicitation: {} } }),
      ...(options.capabilities && { capabilities: options.capabilities }),
    },
  );
  options.prepare?.(client);
  const requestInit = { headers: options.headers ?? {} };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  onTestFinished(() => client.close());
  return client;
}
