/** The storm's reference: the same server and the same call of the desk, and no guard. */
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const [deskUrl] = process.argv.slice(2) as [string];
const app = new Hono();
app.post("/v1/execute", async (context) => {
  const { payload } = (await context.req.json()) as { payload: unknown };
  const answer = await fetch(`${deskUrl}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(payload),
  });
  return context.json({ status: "executed", result: await answer.json() });
});
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => process.send?.(port));
