/** `Idempotency-Key` for Fastify: `onceguard/fastify`. The guide is docs/idempotency-key.md. */
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { collect, type HeaderList } from "./collect.ts";
import { createGate, type Entered, type Gate, type GateAnswer, type Run } from "./gate.ts";
import type { IdempotencyOptions } from "./options.ts";

export type { IdempotencyOptions, Settled } from "./options.ts";
export { settledBy } from "./options.ts";

/**
 * A plugin for the instance it is registered on, after whatever finds out who calls. A handler that takes over `reply.raw`
 * answers behind its back, and is in doubt when its time is over.
 *
 * @throws OnceguardError `invalid_option`
 */
export function idempotency(options: IdempotencyOptions<FastifyRequest>): (instance: FastifyInstance) => Promise<void> {
  const gate = createGate(options);
  const plugin = async (instance: FastifyInstance): Promise<void> => register(gate, instance);
  // Not into a context of its own: it is for the routes of the instance it is registered on.
  return Object.assign(plugin, { [Symbol.for("skip-override")]: true });
}

function register(gate: Gate<FastifyRequest>, instance: FastifyInstance): void {
  const bodies = new WeakMap<FastifyRequest, Uint8Array>();
  const runs = new WeakMap<FastifyRequest, Run>();

  // The bytes, before a parser has made something of them.
  instance.addHook("preParsing", async (request, reply, payload) => {
    if (!gate.guards(request.method, keyOf(request))) return payload;
    const body = await read(payload, gate.rules.maxBodyBytes, Number(request.headers["content-length"] ?? 0));
    if (body === null) {
      const entered = await enter(gate, request, null);
      if (entered.kind === "answer") await answer(reply.header("connection", "close"), entered.answer);
      return payload;
    }
    bodies.set(request, body);
    return Object.assign(Readable.from([body]), { receivedEncodedLength: body.length });
  });

  instance.addHook("preHandler", async (request, reply) => {
    if (!gate.guards(request.method, keyOf(request))) return undefined;
    const entered = await enter(gate, request, bodies.get(request) ?? new Uint8Array());
    if (entered.kind === "run") runs.set(request, entered.run);
    return entered.kind === "answer" ? answer(reply, entered.answer) : undefined;
  });

  instance.addHook("onSend", async (request, reply, payload) => {
    const run = runs.get(request);
    if (!run) return payload;
    runs.delete(request);
    const answer = { status: reply.statusCode, headers: headersOf(reply), body: chunksOf(payload) };
    const collected = await collect(run, gate.rules, answer);
    if (collected.kind === "through") return Readable.from(collected.body);
    if (payload === null || payload === undefined || typeof payload === "string" || Buffer.isBuffer(payload))
      return payload;
    return Buffer.from(collected.body);
  });
}

function enter(gate: Gate<FastifyRequest>, request: FastifyRequest, body: Uint8Array | null): Promise<Entered> {
  return gate.enter(request, {
    method: request.method,
    path: request.url,
    key: keyOf(request),
    contentType: request.headers["content-type"] ?? "",
    body,
  });
}

function answer(reply: FastifyReply, { status, headers, body }: GateAnswer): FastifyReply {
  reply.code(status);
  for (const [name, value] of headers) reply.header(name, value);
  return reply.send(body.length === 0 ? undefined : Buffer.from(body));
}

/** @throws when the body does not arrive whole */
async function read(payload: AsyncIterable<unknown>, maxBytes: number, said: number): Promise<Uint8Array | null> {
  if (said > maxBytes) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of payload) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Uint8Array);
    size += bytes.length;
    if (size > maxBytes) return null;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, size);
}

async function* chunksOf(payload: unknown): AsyncGenerator<Uint8Array> {
  if (payload === null || payload === undefined) return;
  if (typeof payload === "string") yield Buffer.from(payload);
  else if (payload instanceof Uint8Array) yield payload;
  else {
    for await (const chunk of payload as AsyncIterable<unknown>) {
      yield typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Uint8Array);
    }
  }
}

function keyOf(request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  return Array.isArray(key) ? key.join(", ") : key;
}

function headersOf(reply: FastifyReply): HeaderList {
  return Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one === undefined ? [] : [[name, String(one)] as const])),
  );
}
