import { fsyncSync, openSync, writeSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/**
 * A shop that has pages and no API, in a process of its own. What stands in its ledger has been ordered.
 *
 *   GET  /cart/:id    a page with two ways to pay: a form, and a script
 *   POST /orders      each call is an order. The first one of cart `lost` is taken, and its connection breaks
 *   GET  /orders      all orders
 */
const ledger = openSync(process.argv[2] as string, "a");
const orders: string[] = [];

const server = createServer((request, response) => void handle(request, response));
server.keepAliveTimeout = 60_000; // a slow machine's click, too, finds the connection of the page before it
server.listen(0, "127.0.0.1", () => process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.once("disconnect", () => process.exit());

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, place = "", id] = (request.url ?? "/").split("/");
  if (place === "cart") return page(response, cartPage(id as string));
  if (request.method !== "POST") return page(response, orders.map((cart) => `<li>${cart}</li>`).join(""));
  const cart = new URLSearchParams(await text(request)).get("cart") ?? "";
  writeSync(ledger, `${cart}\n`);
  fsyncSync(ledger);
  orders.push(cart);
  if (cart === "lost" && orders.filter((one) => one === cart).length === 1) request.socket.destroy();
  else page(response, `<h1>Thank you</h1><p>Order ${orders.length}</p>`);
}

function page(response: ServerResponse, body: string): void {
  response.writeHead(200, { "content-type": "text/html" });
  response.end(`<!doctype html><title>Shop</title><link rel=icon href="data:,">${body}`);
}

function cartPage(cart: string): string {
  return `<h1>Cart</h1>
    <form method=post action=/orders><input type=hidden name=cart value="${cart}"><button>Pay</button></form>
    <button onclick="order()">Pay quickly</button><pre id=said></pre>
    <script>
      async function order() {
        const body = new URLSearchParams({ cart: "${cart}" });
        await fetch("/orders", { method: "POST", body }).catch(() => {});
        said.textContent += "done ";
      }
    </script>`;
}
