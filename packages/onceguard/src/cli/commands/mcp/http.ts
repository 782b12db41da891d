import type { McpServerFactory } from "../../../mcp/server/create-server.ts";
import { serveOverHttp } from "../../../mcp/server/http/serve.ts";
import { httpPlace } from "../../http-options.ts";
import { note } from "../../output.ts";
import type { McpOptions } from "./options.ts";

const DEFAULT_PORT = 8_787;

/** Serves until it is told to stop. */
export async function serveHttp(
  factory: McpServerFactory,
  options: McpOptions & { readonly http: string | true },
  log: (line: string) => void,
  told: Promise<unknown>,
): Promise<void> {
  const serving = await serveOverHttp(factory, { ...httpPlace(options.http, DEFAULT_PORT, options), log });
  note(`serving MCP at ${serving.listening}`);
  await told;
  await serving.close();
}
