import { once } from "node:events";
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** One line of the shop's ledger: an order that was taken. */
export interface Order {
  readonly number: number;
  readonly cart: string;
  readonly cents: number;
}

/** What becomes of the next order of a cart, instead of being taken and answered with a redirect to its page. */
export type Fault =
  /** Taken, and the connection is cut. */
  | "lose_reply"
  /** Taken, and answered when told to. */
  | "hold_reply"
  /** Taken, and answered with a page, as shops do that do not redirect: a reload sends it again. */
  | "answer_page"
  /** Answered 307, to where it is taken. */
  | "move"
  /** Not taken, and told so. */
  | "decline"
  /** Not taken, and told so in a page with a status of 200. */
  | "decline_softly";

/** A shop with pages and no API, which knows nothing of Onceguard. What is in its ledger, on the disk, has happened. */
export interface Shop {
  readonly url: string;
  plan(cart: string, ...faults: Fault[]): void;
  /** Resolves when an order of this cart is taken, and its answer held. */
  holding(cart: string): Promise<void>;
  release(): void;
  orders(cart: string): readonly Order[];
  stop(): Promise<void>;
}

export async function openShop(): Promise<Shop> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-shop-"));
  const path = join(folder, "orders.jsonl");
  const ledger = openSync(path, "a");
  const faults = new Map<string, Fault[]>();
  const held: { readonly cart: string; readonly release: () => void }[] = [];
  const waiting = new Map<string, () => void>();
  let last = 0;

  const orders = (): Order[] =>
    readFileSync(path, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Order);

  function take(cart: string, cents: number): Order {
    const order = { number: ++last, cart, cents };
    writeSync(ledger, `${JSON.stringify(order)}\n`);
    fsyncSync(ledger);
    return order;
  }

  async function order(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await text(request));
    const cart = form.get("cart") ?? "";
    const fault = request.url === "/orders" ? faults.get(cart)?.shift() : undefined;
    if (fault === "decline") return void response.writeHead(402).end("declined");
    if (fault === "decline_softly") return page(response, "<h1>Your card was declined</h1>");
    if (fault === "move") return void response.writeHead(307, { location: "/orders/new" }).end();
    const { number } = take(cart, Number(form.get("cents")));
    if (fault === "lose_reply") return void request.socket.destroy();
    if (fault === "hold_reply") {
      await new Promise<void>((release) => {
        held.push({ cart, release });
        waiting.get(cart)?.();
      });
    }
    if (fault === "answer_page") return page(response, `<h1>Order ${number}</h1>`);
    response.writeHead(303, { location: `/orders/${number}` }).end();
  }

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://shop");
    if (request.method === "POST" && pathname === "/track") return response.writeHead(204).end();
    if (request.method === "POST") return order(request, response);
    if (pathname === "/worker.js") return response.writeHead(200, { "content-type": "text/javascript" }).end(WORKER);
    const [, place, id] = pathname.split("/");
    if (place === "cart") return page(response, cartPage(id as string, Number(searchParams.get("cents") ?? 4200)));
    if (id !== undefined) return page(response, `<h1>Order ${id}</h1>`);
    page(
      response,
      orders()
        .map(({ number, cart }) => `<li data-cart="${cart}">${number}</li>`)
        .join(""),
    );
  });
  server.keepAliveTimeout = 60_000; // a slow machine's click, too, finds the connection of the page before it
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    plan: (cart, ...planned) => void faults.set(cart, planned),
    holding: (cart) =>
      held.some((one) => one.cart === cart) ? Promise.resolve() : new Promise((is) => waiting.set(cart, is)),
    release: () => {
      for (const { release } of held.splice(0)) release();
    },
    orders: (cart) => orders().filter((one) => one.cart === cart),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      closeSync(ledger);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function page(response: ServerResponse, body: string): void {
  // The session is in a cookie that no log may show.
  const headers = { "content-type": "text/html", "set-cookie": "session=secret-session; path=/" };
  response.writeHead(200, headers).end(`<!doctype html><title>Shop</title><link rel=icon href="data:,">${body}`);
}

/** Three ways to order: a form, a script, and a form that opens a window; and what a page has besides. */
function cartPage(cart: string, cents: number): string {
  const fields = `<input type=hidden name=cart value="${cart}"><input type=hidden name=cents value="${cents}">`;
  return `<h1>Cart ${cart}</h1><p>Total <output id=total>${cents}</output></p>
    <form method=post action=/orders>${fields}<button>Pay</button></form>
    <form method=post action=/orders target=_blank>${fields}<button>Pay in a window</button></form>
    <form method=post action=/orders enctype="multipart/form-data">${fields}<input type=file name=receipt><button>Pay with file</button></form>
    <button onclick="order()">Pay by script</button>
    <button onclick="setTimeout(order, 400)">Pay late</button>
    <button onclick="fetch('/track', { method: 'POST' })">Nothing</button>
    <button disabled>Sold out</button><pre id=said></pre>
    <script>
      const body = new URLSearchParams({ cart: ${JSON.stringify(cart)}, cents: ${cents} });
      async function order() {
        try { const answer = await fetch("/orders", { method: "POST", body }); said.textContent += answer.status + " "; }
        catch { said.textContent += "error "; }
      }
    </script>`;
}

/** Sends on what its pages send. */
const WORKER = `
  self.addEventListener("install", () => self.skipWaiting());
  self.addEventListener("activate", (event) => event.waitUntil(clients.claim()));
  self.addEventListener("fetch", (event) => event.request.method === "POST" && event.respondWith(fetch(event.request)));`;
