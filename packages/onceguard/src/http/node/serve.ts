import type { Server } from "node:http";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Duration, durationMs } from "../../core/duration.ts";
import { OnceguardError } from "../../core/errors.ts";
import { LOOPBACK_NAMES } from "../door.ts";
import { type HttpApi, type HttpApiOptions, httpApi } from "../http-api.ts";

/** Where the HTTP API listens, within which limits. */
export interface ServeHttpOptions extends Omit<HttpApiOptions, "open"> {
  /** Default 127.0.0.1. Any address that is not this machine's own needs `keys` or `principal`. */
  readonly host?: string;
  /** Default 8788; 0: any that is free. */
  readonly port?: number;
  /** A request's head has to arrive within this. Default 10 s. */
  readonly headersTimeout?: Duration;
  /** A request has to arrive whole within this. Default 30 s. */
  readonly requestTimeout?: Duration;
  /** Most connections at the same time. Default 2048. */
  readonly maxConnections?: number;
}

/** An HTTP API that listens. */
export interface HttpServing {
  readonly url: string;
  readonly api: HttpApi;
  /**
   * The graceful end: for `notice`, `/readyz` says no and requests are still taken (a balancer needs that time to look
   * elsewhere); then nothing new is taken, and what runs may finish within `grace`. What is not finished by then goes on until the guard is closed, and is then in doubt.
   */
  close(how?: { readonly notice?: Duration; readonly grace?: Duration }): Promise<void>;
}

export const DEFAULT_HTTP_PORT = 8_788;

/**
 * Serves the API on Node. Needs `hono` and `@hono/node-server`.
 *
 * @throws OnceguardError `invalid_option` where others could reach it and nobody has to say who they are
 */
export async function serveHttp(options: ServeHttpOptions): Promise<HttpServing> {
  const { host = "127.0.0.1", port = DEFAULT_HTTP_PORT, maxConnections = 2_048, ...rest } = options;
  const { headersTimeout = "10s", requestTimeout = "30s", ...api } = rest;
  const isOpen = api.keys === undefined && api.principal === undefined;
  if (isOpen && !isLoopback(host)) {
    throw new OnceguardError(
      "invalid_option",
      `${host} can be reached from outside, and nobody has to say who they are. Give keys (onceguard keys add), or listen on 127.0.0.1.`,
      { option: "host" },
    );
  }
  const made = await httpApi({
    ...api,
    ...(isOpen && { open: true }),
    // Without keys it matters by which name it is called: a page whose name resolves to this machine is refused.
    ...(isOpen && { allowedHosts: [...LOOPBACK_NAMES, ...(api.allowedHosts ?? [])] }),
  });
  const { createAdaptorServer } = await import("@hono/node-server");
  const server = createAdaptorServer({
    fetch: (request) => made.fetch(request),
    overrideGlobalObjects: false,
    serverOptions: {
      headersTimeout: durationMs(headersTimeout, "headersTimeout"),
      requestTimeout: durationMs(requestTimeout, "requestTimeout"),
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 65_000,
      maxHeaderSize: 16_384,
    },
  }) as Server;
  server.maxConnections = maxConnections;
  await listen(server, host, port);
  return {
    url: urlOf(server, host),
    api: made,
    close: async ({ notice = 0, grace = "10s" } = {}) => {
      made.drain();
      const noticeMs = durationMs(notice, "notice");
      if (noticeMs > 0) await sleep(noticeMs);
      made.refuse();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      made.close();
      // A connection that is kept alive becomes idle only when its answer is out.
      const idle = setInterval(() => server.closeIdleConnections(), 20);
      await Promise.race([closed, sleep(durationMs(grace, "grace"), undefined, { ref: false })]);
      clearInterval(idle);
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function urlOf(server: Server, host: string): string {
  const at = server.address();
  const port = typeof at === "object" && at !== null ? at.port : 0;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
