// The program of `startFlakyWorld`.
import { fsyncSync, openSync, writeSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { WorldEffect, WorldFault } from "./flaky-world.ts";
import { referencesIn } from "./world-reference.ts";

const [ledgerPath, honoursKeys] = process.argv.slice(2) as [string, string];
const ledger = openSync(ledgerPath, "a");
const byKey = new Map<string, WorldEffect>();
const byReference = new Map<string, WorldEffect>();
const faults = new Map<string, WorldFault[]>();
/** Look-ups that will fail. */
const hidden = new Map<string, number>();
const requests = new Map<string, number>();
const held = new Map<string, (() => void)[]>();
const awaited = new Map<string, () => void>();
let last = 0;

function commit(made: Omit<WorldEffect, "number">, references: Iterable<string>): WorldEffect {
  const { key } = made;
  const known = key === null ? undefined : byKey.get(key);
  if (known) return known;
  const effect = { number: ++last, ...made };
  writeSync(ledger, `${JSON.stringify(effect)}\n`);
  fsyncSync(ledger);
  for (const reference of references) byReference.set(reference, effect);
  if (key !== null) byKey.set(key, effect);
  return effect;
}

function hold(reference: string): Promise<void> {
  return new Promise((resolve) => {
    held.set(reference, [...(held.get(reference) ?? []), resolve]);
    awaited.get(reference)?.();
  });
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "GET", url: path = "/", headers } = request;
  const answer = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  if (method === "GET" || method === "HEAD") return answer(...lookedUp(path));
  const body = bodyOf(await text(request), headers["content-type"]);
  const references = referencesIn(path, body);
  for (const reference of references) requests.set(reference, (requests.get(reference) ?? 0) + 1);
  const given = headers["idempotency-key"];
  const key = honoursKeys === "true" && typeof given === "string" ? given : null;
  const done = () => told(commit({ method, path, body, key }, references));
  const planned = [...references].find((reference) => faults.get(reference)?.length) ?? "";
  const fault = faults.get(planned)?.shift();
  switch (fault) {
    case "lose_reply":
      done();
      return void request.socket.destroy();
    case "drop_request":
      return void request.socket.destroy();
    case "gateway_timeout":
      done();
      return answer(504, {});
    case "reject_transient":
      return answer(429, { retryAfterMs: 250 }); // long enough to die in
    case "hold_reject":
      await hold(planned);
      return answer(402, {});
    case "reject":
      return answer(402, {});
    case "hold_request":
      await hold(planned);
      return answer(200, done());
    default: {
      const effect = done();
      response.writeProcessing(); // tells a client that wants to die between commit and reply
      if (fault === "hold_reply") await hold(planned);
      return answer(200, effect);
    }
  }
}

/** By the last step of the path. */
function lookedUp(path: string): readonly [status: number, body: unknown] {
  const [asked = ""] = [...referencesIn(path.replace(/[?#].*$/, ""), null)].slice(-1);
  const failing = hidden.get(asked) ?? 0;
  if (failing > 0) {
    hidden.set(asked, failing - 1);
    return [503, {}];
  }
  const found = byReference.get(asked);
  return found ? [200, told(found)] : [404, {}];
}

/** What was sent, as it was taken, and its number. */
function told({ number, body, key }: WorldEffect): object {
  return { ...(typeof body === "object" ? body : { body }), number, key };
}

function bodyOf(sent: string, type = ""): unknown {
  if (type.startsWith("application/x-www-form-urlencoded")) return Object.fromEntries(new URLSearchParams(sent));
  try {
    return JSON.parse(sent);
  } catch {
    return sent;
  }
}

async function control({ ask, reference, faults: planned, lookUps }: Ask): Promise<unknown> {
  switch (ask) {
    case "plan":
      return void faults.set(reference, planned);
    case "hide":
      return void hidden.set(reference, lookUps);
    case "release": {
      const going = held.get(reference) ?? [];
      held.delete(reference);
      for (const go of going) go();
      return undefined;
    }
    case "holding":
      return held.has(reference) ? undefined : new Promise<void>((resolve) => awaited.set(reference, resolve));
    case "requests":
      return requests.get(reference) ?? 0;
  }
}

type Ask = { id: number; ask: string; reference: string; faults: WorldFault[]; lookUps: number };
process.on("message", async (ask: Ask) => {
  process.send?.({ id: ask.id, value: await control(ask) });
});
process.on("disconnect", () => process.exit());

const server = createServer((request, response) => void handle(request, response));
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
