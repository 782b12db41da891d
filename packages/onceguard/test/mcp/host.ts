import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, type ClientOptions } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { onTestFinished } from "vitest";

export const MCP = fileURLToPath(new URL("./mcp-process.ts", import.meta.url));

/** The protocol eras that are tested: before and since the revision without a handshake. */
export const ERAS = ["2025-06-18", "2025-11-25", "2026-07-28"] as const;
export type Era = (typeof ERAS)[number];

/** A folder with a config, in which `onceguard mcp` is started. */
export function configFolder(config: unknown): string {
  const folder = sharedFolder(config);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The same for several tests; whoever asks for it removes it. */
export function sharedFolder(config: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-mcp-"));
  writeFileSync(join(folder, "onceguard.config.json"), JSON.stringify(config));
  return folder;
}

/** What a tool answered, as a host sees it. */
export interface Answer {
  readonly isError: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect in it
  readonly data: any;
  readonly text: string;
}

/** The options by which a real client speaks one era and no other. */
export function speaking(era: Era): ClientOptions {
  return era === "2026-07-28"
    ? { versionNegotiation: { mode: { pin: era } } }
    : { versionNegotiation: { mode: "legacy" }, supportedProtocolVersions: [era] };
}

/** The real client of the MCP SDK, at the other end of a real `onceguard mcp`. */
export async function openHost(
  folder: string,
  era: Era,
  options: {
    readonly args?: readonly string[];
    readonly client?: ClientOptions;
    readonly prepare?: (client: Client) => void;
  } = {},
): Promise<{ client: Client; transport: StdioClientTransport; stderr: () => string }> {
  const client = new Client({ name: "test-host", version: "1" }, { ...speaking(era), ...options.client });
  options.prepare?.(client);
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [MCP, "mcp", ...(options.args ?? [])],
    cwd: folder,
    stderr: "pipe",
  });
  let stderr = "";
  transport.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  await client.connect(transport);
  return { client, transport, stderr: () => stderr };
}

/** The same, closed when the test is over. */
export async function startHost(...given: Parameters<typeof openHost>): ReturnType<typeof openHost> {
  const host = await openHost(...given);
  onTestFinished(() => host.client.close());
  return host;
}

export async function callTool(
  client: Client,
  name: string,
  given: Record<string, unknown>,
  meta?: Record<string, unknown>,
): Promise<Answer> {
  const result = await client.callTool({ name, arguments: given, ...(meta && { _meta: meta }) });
  const text = (result.content as { type: string; text?: string }[]).map((block) => block.text ?? "").join("\n");
  return { isError: result.isError === true, data: result.structuredContent, text };
}
