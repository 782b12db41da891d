import { UsageError } from "./exit.ts";

/** It is an optional dependency: who does not serve MCP need not have it. */
export async function requireMcpSdk(command: string): Promise<void> {
  try {
    await import("@modelcontextprotocol/server");
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new UsageError(`${command} needs the MCP SDK: npm install @modelcontextprotocol/server`);
  }
}
