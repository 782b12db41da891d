import { createHash } from "node:crypto";
import type { Server } from "node:http";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import express from "express";
import fastify, { type FastifyInstance } from "fastify";
import { Hono } from "hono";
import { idempotency as expressIdempotency } from "../../src/http/idempotency/express.ts";
import { idempotency as fastifyIdempotency } from "../../src/http/idempotency/fastify.ts";
import { idempotency as honoIdempotency } from "../../src/http/idempotency/hono.ts";
import type { IdempotencyOptions } from "../../src/http/idempotency/options.ts";
import { idempotent } from "../../src/http/idempotency/web.ts";
import type { Guard } from "../../src/pipeline/guard.ts";

export const HOSTS = ["plain", "hono", "express", "express behind a parser", "fastify"] as const;
export type Host = (typeof HOSTS)[number];

/** The same shop in every host: what really happened stands in `effects`. */
export interface HostedShop {
  readonly url: string;
  readonly effects: string[];
  release(): void;
  close(): Promise<void>;
}

type Options = Omit<IdempotencyOptions<never>, "guard" | "principal" | "route" | "tenant" | "fingerprint">;

/** What the shop does, whatever asks it. */
interface Deed {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

function shop(): { effects: string[]; release: () => void; order(text: Uint8Array): Promise<Deed> } {
  const effects: string[] = [];
  let held: (() => void)[] = [];
  let limited = true;
  const json = (status: number, value: unknown): Deed => ({
    status,
    type: "application/json",
    body: Buffer.from(JSON.stringify(value)),
  });
  return {
    effects,
    release: () => {
      for (const go of held) go();
      held = [];
    },
    order: async (bytes) => {
      let given: { ref?: string; mode?: string };
      try {
        given = JSON.parse(Buffer.from(bytes).toString("utf8"));
      } catch {
        effects.push(createHash("sha256").update(bytes).digest("hex"));
        return { status: 200, type: "text/plain", body: Buffer.from(effects.at(-1) as string) };
      }
      const { ref = "none", mode } = given;
      if (mode === "limited" && limited) {
        limited = false;
        return json(429, { error: "slow down" });
      }
      if (mode === "declined") return json(402, { error: "declined" });
      effects.push(ref);
      if (mode === "hold") await new Promise<void>((resolve) => held.push(resolve));
      if (mode === "throw") throw new Error("secret: the database is gone");
      if (mode === "broken") return json(500, { error: "broken" });
      if (mode === "empty") return { status: 204, type: "", body: new Uint8Array() };
      if (mode === "binary")
        return { status: 200, type: "application/octet-stream", body: new Uint8Array([0, 255, 254, 0, 1]) };
      if (mode === "large") return { status: 200, type: "text/plain", body: Buffer.alloc(700_000, 0x61) };
      if (mode === "stream") return { status: 200, type: "text/event-stream", body: ticks() };
      return json(201, { number: effects.length, ref });
    },
  };
  async function* ticks(): AsyncGenerator<Uint8Array> {
    for (const n of [1, 2, 3]) {
      yield Buffer.from(`data: ${n}\n\n`);
      await sleep(5);
    }
    effects.push("stream ended");
  }
}

/** The principal is said by a header here; a real server asks its own authentication. */
export async function startHost(host: Host, guard: Guard, options: Options = {}): Promise<HostedShop> {
  const made = shop();
  const common = { guard, ...options };
  const { server, close } = await listening(host, made, common);
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, effects: made.effects, release: made.release, close };
}

async function listening(
  host: Host,
  { order }: ReturnType<typeof shop>,
  common: Options & { guard: Guard },
): Promise<{ server: Server; close: () => Promise<void> }> {
  switch (host) {
    case "plain": {
      const handler = idempotent({ ...common, principal: (request) => request.headers.get("x-user") })(
        async (request) =>
          request.method === "GET"
            ? Response.json({ orders: 0 })
            : webResponse(await order(new Uint8Array(await request.arrayBuffer()))),
      );
      const failing = async (request: Request): Promise<Response> => {
        try {
          return await handler(request);
        } catch {
          return Response.json({ error: "internal" }, { status: 500 });
        }
      };
      return served(createAdaptorServer({ fetch: failing, overrideGlobalObjects: false }) as Server);
    }
    case "hono": {
      const app = new Hono();
      app.use("/*", honoIdempotency({ ...common, principal: (context) => context.req.header("x-user") ?? null }));
      app.get("/orders", (context) => context.json({ orders: 0 }));
      app.post("/*", async (context) => webResponse(await order(new Uint8Array(await context.req.arrayBuffer()))));
      app.onError((_error, context) => context.json({ error: "internal" }, 500));
      return served(createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server);
    }
    case "express":
    case "express behind a parser": {
      const app = express();
      const guarded = expressIdempotency({
        ...common,
        principal: (request) => (request.headers["x-user"] as string | undefined) ?? null,
      });
      const parsers = [express.json(), express.raw({ type: "*/*" })];
      // What others do at the last moment before the head goes out, as sessions and timers do.
      const late: express.RequestHandler = (_request, response, next) => {
        const writeHead = response.writeHead.bind(response) as (...given: unknown[]) => express.Response;
        response.writeHead = ((...given: unknown[]) => {
          if (!response.hasHeader("x-late")) response.setHeader("x-late", "1");
          return writeHead(...given);
        }) as typeof response.writeHead;
        next();
      };
      const order_ = host === "express" ? [guarded, ...parsers] : [...parsers, guarded];
      app.use(...(order_ as [never]), late);
      app.get("/orders", (_request, response) => void response.json({ orders: 0 }));
      app.post("/*all", async (request, response) => {
        const { body } = request as { body: unknown };
        const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body ?? {}));
        const deed = await order(bytes);
        response.status(deed.status).set("location", "/orders/1").cookie("session", "secret");
        if (deed.type !== "") response.type(deed.type);
        if (deed.body instanceof Uint8Array) {
          if (deed.status === 204) response.end();
          else response.send(Buffer.from(deed.body));
        } else Readable.from(deed.body).pipe(response);
      });
      app.use(((_error: unknown, _request: unknown, response: express.Response, _next: unknown) => {
        response.status(500).json({ error: "internal" });
      }) as express.ErrorRequestHandler);
      const server = await new Promise<Server>((resolve) => {
        const started = app.listen(0, "127.0.0.1", () => resolve(started));
      });
      return { server, close: () => closed(server) };
    }
    case "fastify": {
      const app: FastifyInstance = fastify({ forceCloseConnections: true });
      app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
      await app.register(
        fastifyIdempotency({
          ...common,
          principal: (request) => (request.headers["x-user"] as string | undefined) ?? null,
        }),
      );
      app.get("/orders", async () => ({ orders: 0 }));
      app.post("/*", async (request, reply) => {
        const { body } = request;
        const deed = await order(Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body ?? {})));
        reply.code(deed.status).header("location", "/orders/1").header("set-cookie", "session=secret");
        if (deed.type !== "") reply.type(deed.type);
        if (deed.status === 204) return reply.send();
        return reply.send(deed.body instanceof Uint8Array ? Buffer.from(deed.body) : Readable.from(deed.body));
      });
      app.setErrorHandler((_error, _request, reply) => reply.code(500).send({ error: "internal" }));
      await app.listen({ port: 0, host: "127.0.0.1" });
      return { server: app.server, close: () => app.close() };
    }
  }
}

function webResponse({ status, type, body }: Deed): Response {
  const headers = {
    location: "/orders/1",
    "set-cookie": "session=secret",
    ...(type !== "" && { "content-type": type }),
  };
  if (status === 204) return new Response(null, { status, headers });
  if (body instanceof Uint8Array) return new Response(body as Uint8Array<ArrayBuffer>, { status, headers });
  return new Response(ReadableStream.from(body) as never, { status, headers });
}

async function served(server: Server): Promise<{ server: Server; close: () => Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, close: () => closed(server) };
}

async function closed(server: Server): Promise<void> {
  const done = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await done;
}
