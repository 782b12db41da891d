import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Stage } from "../run-scenario.ts";
import type { Happening } from "./happening.ts";
import { fillPage, readPage } from "./page-files.ts";
import { openShow } from "./show.ts";

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/**
 * The show as a page on this machine, and on no other:
 *
 *   GET  /, /page.css, /page.js   the page
 *   GET  /happenings              server-sent events: all so far, then each as it happens
 *   POST /press/:button           202 when it is being played, 409 while another one is
 *
 * Other pages in the same browser must not press the buttons: a request under another host name (DNS rebinding) or of
 * another origin is refused.
 *
 * @returns its address, once it listens, and the way to close it.
 */
export async function serveShow(stage: Stage): Promise<{ readonly url: string; close(): void }> {
  const listeners = new Set<ServerResponse>();
  const show = openShow(stage, (happening) => {
    for (const listener of listeners) send(listener, show.happenings.length, happening);
  });
  const { html, css, script } = readPage();
  const page = fillPage(
    html,
    '<link rel="stylesheet" href="/page.css">',
    '<script type="module" src="/page.js"></script>',
  );
  const files: Readonly<Record<string, readonly [type: string, text: string]>> = {
    "/": ["text/html; charset=utf-8", page],
    "/page.css": ["text/css; charset=utf-8", css],
    "/page.js": ["text/javascript; charset=utf-8", script],
  };

  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const file = Object.hasOwn(files, path) ? files[path] : undefined;
    if (!isOurs(request)) answer(response, 403);
    else if (request.method === "POST" && path.startsWith("/press/"))
      answer(response, show.press(path.slice("/press/".length)) ? 202 : 409);
    else if (request.method !== "GET") answer(response, 405);
    else if (path === "/happenings") listen(request, response);
    else if (file) answer(response, 200, ...file);
    else answer(response, 404);
  });

  const listen = (request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { ...HEADERS, "content-type": "text/event-stream" });
    // A browser that comes back goes on where it was; one that is new is told what is past, and need not animate it.
    const after = Number(request.headers["last-event-id"] ?? 0) || 0;
    const past = show.happenings.length;
    response.write(`event: past\ndata: ${past}\n\n`);
    for (const [n, happening] of show.happenings.entries()) if (n >= after) send(response, n + 1, happening);
    listeners.add(response);
    response.once("close", () => listeners.delete(response));
  };

  let own: readonly string[] = [];
  const isOurs = ({ headers }: IncomingMessage): boolean =>
    own.includes(`http://${headers.host}`) && (headers.origin === undefined || own.includes(headers.origin));

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  own = [url, `http://localhost:${port}`];
  return {
    url: `${url}/`,
    close: () => {
      show.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

function send(listener: ServerResponse, id: number, happening: Happening): void {
  listener.write(`id: ${id}\ndata: ${JSON.stringify(happening)}\n\n`);
}

function answer(response: ServerResponse, status: number, type = "text/plain; charset=utf-8", text = ""): void {
  response.writeHead(status, { ...HEADERS, "content-type": type }).end(text);
}
