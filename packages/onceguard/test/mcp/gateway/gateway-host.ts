import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, type ClientOptions } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { onTestFinished } from "vitest";
import { type Era, MCP, speaking } from "../host.ts";

export const UPSTREAM = fileURLToPath(new URL("./upstream-process.ts", import.meta.url));

/** What a tool answered, whole. */
export interface ToolAnswer {
  readonly isError: boolean;
  readonly text: string;
  /** Of the last line, where it is JSON: what the guard says. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect in it
  readonly said: any;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect in it
  readonly structured: any;
  readonly status: string | undefined;
  readonly requestId: string | undefined;
}

/** A folder with a ledger, in which gateways are started before the desk. */
export class Desk {
  readonly folder = mkdtempSync(join(tmpdir(), "onceguard-gateway-"));
  readonly ledger = join(this.folder, "ledger.jsonl");

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** What it did for this reference. */
  did(ref: string): readonly Record<string, unknown>[] {
    if (!existsSync(this.ledger)) return [];
    const lines = readFileSync(this.ledger, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line)).filter((entry) => entry.ref === ref);
  }

  release(ref: string): void {
    writeFileSync(`${this.ledger}.${ref}`, "");
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    for (const deadline = Date.now() + 60_000; !condition(); ) {
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  config(config: object): void {
    writeFileSync(join(this.folder, "onceguard.config.json"), JSON.stringify(config));
  }

  /** A host with its server, between them a gateway, or nothing. */
  async open(
    era: Era = "2025-11-25",
    options: {
      readonly args?: readonly string[];
      readonly guarded?: boolean;
      /** The server's address; otherwise it is a process of the gateway's. */
      readonly url?: string;
      readonly env?: Record<string, string>;
      readonly client?: ClientOptions;
      readonly prepare?: (client: Client) => void;
    } = {},
  ): Promise<{ client: Client; transport: StdioClientTransport; stderr: () => string }> {
    const client = new Client({ name: "test-host", version: "1" }, { ...speaking(era), ...options.client });
    options.prepare?.(client);
    const server = [process.execPath, UPSTREAM];
    const gateway = [process.execPath, MCP, "gateway", "--name", "desk", ...(options.args ?? ["--trust"])];
    const from = options.url === undefined ? ["--", ...server] : ["--url", options.url];
    const [command = "", ...args] = options.guarded === false ? server : [...gateway, ...from];
    const transport = new StdioClientTransport({
      command,
      args,
      cwd: this.folder,
      env: { ...(process.env as Record<string, string>), LEDGER: this.ledger, ...options.env },
      stderr: "pipe",
    });
    let stderr = "";
    transport.stderr?.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    await client.connect(transport);
    onTestFinished(() => client.close());
    return { client, transport, stderr: () => stderr };
  }
}

export async function call(
  client: Client,
  name: string,
  given: Record<string, unknown>,
  options: Parameters<Client["callTool"]>[1] = {},
): Promise<ToolAnswer> {
  return toolAnswer(await client.callTool({ name, arguments: given }, options));
}

export function toolAnswer(result: unknown): ToolAnswer {
  const { content, isError, structuredContent, _meta } = result as {
    content: { text?: string }[];
    isError?: boolean;
    structuredContent?: unknown;
    _meta?: Record<string, { status: string; request_id: string }>;
  };
  const texts = content.map((block) => block.text ?? "");
  const about = _meta?.["dev.onceguard/request"];
  return {
    isError: isError === true,
    text: texts.join("\n"),
    said: parsed(texts.at(-1) ?? ""),
    structured: structuredContent,
    status: about?.status,
    requestId: about?.request_id,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
