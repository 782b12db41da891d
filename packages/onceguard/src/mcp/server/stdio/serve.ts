import type { Readable, Writable } from "node:stream";
import type { Transport } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import type { McpServerFactory } from "../create-server.ts";
import { GatedStdioTransport } from "./stdio-transport.ts";

/** An MCP server on stdin and stdout. */
export interface StdioServing {
  /** Resolves when the host has closed its end. What runs then goes on: close the guard to drain it. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** Serves one host over stdin and stdout, in the protocol era in which it opens. */
export function serveOverStdio(
  factory: McpServerFactory,
  options: { readonly input?: Readable; readonly output?: Writable; readonly log?: (line: string) => void } = {},
): StdioServing {
  const transport = new GatedStdioTransport(options.input, options.output);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const handle = serveStdio(factory, {
    transport: noticing(transport, end),
    onerror: (error) => options.log?.(`mcp: ${error.message}`),
  });
  return { ended, close: () => handle.close() };
}

/** The SDK sets `onclose` for itself, so the end is noticed a step before it. */
function noticing(transport: GatedStdioTransport, end: () => void): Transport {
  const close = transport.close.bind(transport);
  transport.close = async () => {
    await close();
    end();
  };
  return transport;
}
