/** The outside world of the storm: an order desk that does what it is told, once per request, and counts. */
import { createServer } from "node:http";

const counts = new Map<string, number>();

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://desk");
  const json = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  if (url.pathname === "/counts") {
    const prefix = url.searchParams.get("prefix") ?? "";
    return json(200, Object.fromEntries([...counts].filter(([ref]) => ref.startsWith(prefix))));
  }
  if (request.method === "GET") {
    const ref = url.searchParams.get("ref") ?? "";
    return json(200, { items: counts.has(ref) ? [{ ref }] : [] });
  }
  let text = "";
  for await (const chunk of request) text += chunk;
  const { ref } = JSON.parse(text) as { ref: string };
  counts.set(ref, (counts.get(ref) ?? 0) + 1);
  json(201, { ref });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as { port: number }).port));
