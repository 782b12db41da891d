/** A server with the middleware, in a process of its own: `node idempotency-process.ts STORE LEDGER`. It holds every answer. */
import { appendFileSync } from "node:fs";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { idempotency } from "../../src/http/idempotency/hono.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";

const [path, ledger, hold] = process.argv.slice(2) as [string, string, string];
const guard = createGuard({ store: sqliteStore({ path }), lease: "1s" });
const app = new Hono();
app.use(idempotency({ guard, principal: () => null }));
app.post("/pay", async (context) => {
  appendFileSync(ledger, "paid\n");
  if (hold === "hold") await new Promise(() => undefined);
  return context.json({ paid: true });
});
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => process.send?.(port));
