// The program of `startFlakyWorld`. POST /effects {reference, amount}, GET /effects/<reference>.
import { fsyncSync, openSync, writeSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { Effect, Fault } from "./flaky-world.ts";

const ledger = openSync(process.argv[2] as string, "a");
const effects: Effect[] = [];
const byKey = new Map<string, Effect>();
const byReference = new Map<string, Effect>();
const faults = new Map<string, Fault[]>();
/** Look-ups that will fail. */
const hidden = new Map<string, number>();
const requests = new Map<string, number>();
const held = new Map<string, () => void>();
const awaited = new Map<string, () => void>();

function commit(reference: string, amount: number, key: string | null): Effect {
  const known = key === null ? undefined : byKey.get(key);
  if (known) return known;
  const effect = { number: effects.length + 1, reference, amount, key };
  writeSync(ledger, `${JSON.stringify(effect)}\n`);
  fsyncSync(ledger);
  effects.push(effect);
  byReference.set(reference, effect);
  if (key !== null) byKey.set(key, effect);
  return effect;
}

function hold(reference: string): Promise<void> {
  return new Promise((resolve) => {
    held.set(reference, resolve);
    awaited.get(reference)?.();
  });
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  if (request.method === "GET") {
    const asked = decodeURIComponent(request.url?.split("/")[2] ?? "");
    const failing = hidden.get(asked) ?? 0;
    if (failing > 0) {
      hidden.set(asked, failing - 1);
      return answer(503, {});
    }
    const found = byReference.get(asked);
    return found ? answer(200, found) : answer(404, {});
  }
  const { reference, amount } = (await json(request)) as { reference: string; amount: number };
  requests.set(reference, (requests.get(reference) ?? 0) + 1);
  const key = request.headers["idempotency-key"];
  const done = (): Effect => commit(reference, amount, typeof key === "string" ? key : null);
  const fault = faults.get(reference)?.shift();
  switch (fault) {
    case "lose_reply":
      done();
      return void request.socket.destroy();
    case "drop_request":
      return void request.socket.destroy();
    case "reject_transient":
      return answer(429, { retryAfterMs: 250 }); // long enough to die in
    case "hold_reject":
      await hold(reference);
      return answer(402, {});
    case "reject":
      return answer(402, {});
    case "hold_request":
      await hold(reference);
      return answer(200, done());
    default: {
      const effect = done();
      response.writeProcessing(); // tells a client that wants to die between commit and reply
      if (fault === "hold_reply") await hold(reference);
      return answer(200, effect);
    }
  }
}

async function control({ ask, reference, faults: planned, lookUps }: Ask): Promise<unknown> {
  switch (ask) {
    case "plan":
      return void faults.set(reference, planned);
    case "hide":
      return void hidden.set(reference, lookUps);
    case "release":
      held.get(reference)?.();
      return void held.delete(reference);
    case "holding":
      return held.has(reference) ? undefined : new Promise<void>((resolve) => awaited.set(reference, resolve));
    case "requests":
      return requests.get(reference) ?? 0;
  }
}

type Ask = { id: number; ask: string; reference: string; faults: Fault[]; lookUps: number };
process.on("message", async (ask: Ask) => {
  process.send?.({ id: ask.id, value: await control(ask) });
});
process.on("disconnect", () => process.exit());

const server = createServer((request, response) => void handle(request, response));
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
