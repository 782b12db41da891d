import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createMcpHandler, inputRequired, inputResponse, McpServer, ProtocolError } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

/**
 * An MCP server that knows nothing of Onceguard: a desk which does what it is told each time it is told, and writes its
 * ledger, fsynced, before it answers. `--http PORT` serves Streamable HTTP, otherwise stdio. `mode` in a call says how it
 * goes on after its effect.
 */
const ledger = process.env.LEDGER as string;

function write(entry: object): number {
  const file = openSync(ledger, "a");
  writeSync(file, `${JSON.stringify(entry)}\n`);
  fsyncSync(file);
  closeSync(file);
  return readFileSync(ledger, "utf8").split("\n").length - 1;
}

const done = (id: number, ref: string) => ({ content: [{ type: "text" as const, text: `paid ${ref} as ${id}` }] });
const EFFECT = { readOnlyHint: false, destructiveHint: false };
let isGrown = process.env.DESK_GROWN === "1";

function desk(): McpServer {
  const server = new McpServer({ name: "desk", version: "1" }, { capabilities: { tools: { listChanged: true } } });

  server.registerTool(
    "pay",
    {
      description: "Pays.",
      inputSchema: z.object({ ref: z.string(), mode: z.string().optional(), note: z.string().optional() }),
      annotations: EFFECT,
    },
    async ({ ref, mode, note }, context) => {
      if (mode === "reject") throw new ProtocolError(-32602, "no such account");
      if (mode === "refuse") return { content: [{ type: "text", text: "card declined" }], isError: true };
      const id = write({ tool: "pay", ref, ...(note && { note }), token: context.mcpReq._meta?.progressToken });
      if (mode === "crash") process.exit(3);
      if (mode === "break") throw new ProtocolError(-32603, "the printer is on fire");
      if (mode === "error") return { content: [{ type: "text", text: "it went wrong" }], isError: true };
      if (mode === "hold") while (!existsSync(`${ledger}.${ref}`)) await sleep(10);
      if (mode === "steps" || mode === "steps_hold") {
        for (const progress of [1, 2, 3]) {
          await context.mcpReq.notify({
            method: "notifications/progress",
            params: { progressToken: context.mcpReq._meta?.progressToken ?? 0, progress, total: 3 },
          });
        }
      }
      if (mode === "steps_hold") while (!existsSync(`${ledger}.${ref}`)) await sleep(10);
      return done(id, ref);
    },
  );

  server.registerTool(
    "pay_typed",
    {
      inputSchema: z.object({ ref: z.string(), mode: z.string().optional() }),
      outputSchema: isGrown ? z.object({ id: z.number(), paid: z.boolean() }) : z.object({ id: z.number() }),
      annotations: EFFECT,
    },
    ({ ref, mode }) => {
      const id = write({ tool: "pay_typed", ref });
      if (mode === "break") throw new ProtocolError(-32603, "the printer is on fire");
      const given = isGrown ? { id, paid: true } : { id };
      return { content: [{ type: "text", text: JSON.stringify(given) }], structuredContent: given };
    },
  );

  server.registerTool(
    "confirm_pay",
    { inputSchema: z.object({ ref: z.string() }), annotations: EFFECT },
    async ({ ref }, context) => {
      const answer = inputResponse(context.mcpReq.inputResponses, "sure");
      if (answer.kind !== "elicit") {
        const requestedSchema = { type: "object" as const, properties: { sure: { type: "boolean" as const } } };
        return inputRequired({
          inputRequests: { sure: inputRequired.elicit({ message: `Pay ${ref}?`, requestedSchema }) },
          requestState: `state of ${ref}`,
        });
      }
      if (answer.content?.sure !== true) return { content: [{ type: "text", text: "not paid" }] };
      return done(write({ tool: "confirm_pay", ref, state: context.mcpReq.requestState() }), ref);
    },
  );

  server.registerTool(
    "remove",
    { inputSchema: z.object({ ref: z.string() }), annotations: { destructiveHint: true } },
    ({ ref }) => done(write({ tool: "remove", ref }), ref),
  );

  server.registerTool(
    "find",
    { inputSchema: z.object({ ref: z.string() }), annotations: { readOnlyHint: true } },
    ({ ref }) => {
      const lines = existsSync(ledger) ? readFileSync(ledger, "utf8").split("\n").filter(Boolean) : [];
      const items = lines.map((line) => JSON.parse(line) as { ref: string }).filter((one) => one.ref === ref);
      return { content: [{ type: "text", text: JSON.stringify({ items }) }] };
    },
  );

  server.registerTool(
    "environment",
    { inputSchema: z.object({ name: z.string() }), annotations: { readOnlyHint: true } },
    ({ name }) => ({ content: [{ type: "text", text: process.env[name] ?? "" }] }),
  );

  server.registerTool("grow", { annotations: { readOnlyHint: true } }, () => {
    isGrown = true;
    server.registerTool("late_pay", { inputSchema: z.object({ ref: z.string() }), annotations: EFFECT }, ({ ref }) =>
      done(write({ tool: "late_pay", ref }), ref),
    );
    server.sendToolListChanged();
    return { content: [{ type: "text", text: "grown" }] };
  });

  return server;
}

const port = process.argv.indexOf("--http");
if (port < 0) {
  serveStdio(desk);
} else {
  const handler = createMcpHandler(desk as never);
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const headers = new Headers(incoming.headers as Record<string, string>);
    if (process.env.TOKEN && headers.get("authorization") !== `Bearer ${process.env.TOKEN}`) {
      response.writeHead(401, { "www-authenticate": 'Bearer realm="desk"' }).end();
      return;
    }
    const left = new AbortController();
    response.on("close", () => left.abort());
    const answer = await handler.fetch(
      new Request(`http://desk${incoming.url}`, {
        method: incoming.method ?? "POST",
        headers,
        signal: left.signal,
        ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
      }),
    );
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (answer.body) for await (const chunk of answer.body) response.write(chunk);
    response.end();
  });
  server.listen(Number(process.argv[port + 1] ?? 0), "127.0.0.1", () =>
    process.send?.((server.address() as { port: number }).port),
  );
}
