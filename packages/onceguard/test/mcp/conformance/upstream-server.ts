import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
} from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { upstream } from "./upstream-features.ts";

/** A server with tools, resources, prompts and completions under the names that the suite calls, over HTTP or `--stdio`. */
if (process.argv.includes("--stdio")) {
  serveStdio(upstream);
} else {
  const handler = createMcpHandler(upstream);
  const server = serve(
    {
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => hostHeaderValidationResponse(request, localhostAllowedHostnames()) ?? handler.fetch(request),
    },
    (address) => process.send?.((address as AddressInfo).port),
  );
  process.once("disconnect", () => server.close());
}
