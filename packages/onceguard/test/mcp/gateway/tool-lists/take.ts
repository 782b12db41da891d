/**
 * Takes the tool list of a server, for the tests of its ready rules:
 *
 *   node take.ts SERVER VERSION -- COMMAND...          start it (with any credentials that its start asks for)
 *   node take.ts SERVER VERSION --url http://...       or ask one that runs
 *   node take.ts SERVER VERSION --definitions FOLDER   or read a folder of tool definitions, one JSON file each
 *
 * Prints it as JSON (`npx biome check --write` gives it its form). SERVER and VERSION are written down as given; no tool is called.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { type ListedTool, listOf } from "./tool-list.ts";

const { values, positionals } = parseArgs({
  options: { url: { type: "string" }, definitions: { type: "string" } },
  allowPositionals: true,
});
const [server = "", version = "", command, ...args] = positionals;

async function asked(): Promise<ListedTool[]> {
  const client = new Client({ name: "tool-list", version: "1" }, { versionNegotiation: { mode: "legacy" } });
  const env = process.env as Record<string, string>;
  await client.connect(
    values.url === undefined
      ? new StdioClientTransport({ command: command ?? "", args, env, stderr: "ignore" })
      : new StreamableHTTPClientTransport(new URL(values.url)),
  );
  const tools: ListedTool[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    tools.push(...(page.tools as ListedTool[]));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  await client.close();
  return tools;
}

function read(folder: string): ListedTool[] {
  return readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as ListedTool);
}

const tools = values.definitions === undefined ? await asked() : read(values.definitions);
process.stdout.write(`${JSON.stringify({ server, version, tools: listOf(tools) }, null, 1)}\n`);
