import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Server } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

/**
 * An MCP server that knows nothing of Onceguard and does what it is told, once per call: an order desk. Its ledger is on the
 * disk before it answers, and judges what really happened. `mode` says how it behaves: `hold` answers when the file `release`
 * is there, `lose` dies when it has done it.
 *
 *   node order-desk.ts LEDGER RELEASE
 */
const [ledger, release] = process.argv.slice(2) as [string, string];

serveStdio(() => {
  const server = new Server({ name: "order-desk", version: "1.0.0" }, { capabilities: { tools: {} } });
  server.setRequestHandler("tools/list", () => ({ tools: [PLACE_ORDER, LIST_ORDERS] }));
  server.setRequestHandler("tools/call", async ({ params }) => {
    if (params.name === "list_orders") return text(lines().join("\n"));
    const { ref, mode } = params.arguments as { ref: string; mode?: string };
    const id = lines().length + 1;
    // biome-ignore lint/style/noNonNullAssertion: every caller says what it sent
    enter({ id, ref, parent: process.ppid, meta: params._meta ?? null, arguments: params.arguments! });
    if (mode === "lose") process.kill(process.pid, "SIGKILL");
    if (mode === "hold") while (!existsSync(release)) await sleep(10);
    return text(`order ${id} placed for ${ref}`);
  });
  return server;
});

const REF = { type: "string", description: "The order's reference" };
const PLACE_ORDER = {
  name: "place_order",
  description: "Places an order with the supplier.",
  inputSchema: {
    type: "object" as const,
    properties: { ref: REF, mode: { type: "string" }, note: { type: "string" } },
    required: ["ref"],
  },
  annotations: { readOnlyHint: false, destructiveHint: false },
};
const LIST_ORDERS = {
  name: "list_orders",
  description: "Lists the orders.",
  inputSchema: { type: "object" as const, properties: {} },
  annotations: { readOnlyHint: true },
};

function lines(): string[] {
  return existsSync(ledger) ? readFileSync(ledger, "utf8").split("\n").filter(Boolean) : [];
}

function enter(entry: object): void {
  const file = openSync(ledger, "a");
  writeSync(file, `${JSON.stringify(entry)}\n`);
  fsyncSync(file);
  closeSync(file);
}

function text(words: string) {
  return { content: [{ type: "text" as const, text: words }] };
}
