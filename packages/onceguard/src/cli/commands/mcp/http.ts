import type { McpServerFactory } from "../../../mcp/server/create-server.ts";
import type { McpOptions } from "./mcp.ts";
export async function serveOverHttp(_f: McpServerFactory, _o: McpOptions, _l: (line: string) => void, _t: Promise<void>): Promise<void> {}
