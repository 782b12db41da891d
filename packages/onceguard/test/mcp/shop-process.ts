import { appendFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The outside world of the MCP tests: an order desk that knows nothing of Onceguard and does what it is told, once per
 * request. It writes its ledger before it answers. `mode` in an order says how it behaves: `slow` answers after 1.5 s,
 * `lose` cuts the connection after it has done it, `hold` answers when it is told to.
 */
const [ledger] = process.argv.slice(2) as [string];
const held: ServerResponse[] = [];
const orders: { id: number; ref: string; key: string | null }[] = [];

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://shop");
  const json = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  if (url.pathname === "/release") {
    for (const one of held.splice(0))
      one.writeHead(201, { "content-type": "application/json" }).end('{"released":true}');
    return json(200, {});
  }
  if (request.method === "GET") {
    return json(200, { items: orders.filter(({ ref }) => ref === url.searchParams.get("ref")) });
  }
  let text = "";
  for await (const chunk of request) text += chunk;
  const { ref, mode } = JSON.parse(text) as { ref: string; mode?: string };
  const key = (request.headers["idempotency-key"] as string | undefined) ?? null;
  if (mode === "reject") return json(402, { error: "card declined" });
  if (mode === "elsewhere") return void response.writeHead(302, { location: "/other" }).end();
  const order = { id: orders.length + 1, ref, key };
  orders.push(order);
  appendFileSync(
    ledger,
    `${JSON.stringify({ ...order, path: url.pathname, authorization: request.headers.authorization ?? null })}\n`,
  );
  if (mode === "lose") return void request.socket.destroy();
  if (mode === "hold") return void held.push(response);
  if (mode === "slow") await sleep(1_500);
  json(201, order);
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as { port: number }).port));
