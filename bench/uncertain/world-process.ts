// The program of `startWorld`: the outside world. It knows nothing of any contender.
import { fsyncSync, openSync, writeSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { Effect } from "./contender.ts";
import { OFFERS } from "./offers.ts";
import type { Asked, Happening, LedgerLine, Plan, Step } from "./world.ts";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const KEY_LIFETIME_MS = OFFERS.payment.key ? OFFERS.payment.key.lifetimeMs : 0;
const ledger = openSync(process.argv[2] as string, "a");
const plans = new Map<string, { steps: Step[]; readonly plan: Plan }>();
const lines = new Map<string, LedgerLine>();
const keys = new Map<string, { readonly answer: Answer; readonly sent: string; readonly until: number }>();
const held = new Map<string, (how: "go" | "drop") => void>();
const overlapping = new Map<string, () => void>();
const holdNext = new Set<string>();
/** By door: the intent for which the next connection is caught. */
const catching = new Map<number, string>();
const caught = new Map<string, Socket>();
let number = 0;

const tell = (happening: Happening): void => void process.send?.(happening);

function hold(intent: string, point: "read" | "committed"): Promise<"go" | "drop"> {
  return new Promise((release) => {
    held.set(intent, release);
    tell({ happened: point, intent });
  });
}

/** Until another request for the same intent has come in; where none comes, for half a second. */
function overlap(intent: string): Promise<void> {
  const first = overlapping.get(intent);
  if (first) return Promise.resolve(first());
  return new Promise((resolve) => {
    overlapping.set(intent, resolve);
    setTimeout(resolve, 500);
  });
}

/** It happens. What is in the ledger cannot be taken back. */
function commit(effect: Effect, intent: string, key: string | null): Answer {
  const line: LedgerLine = { number: ++number, at: Date.now(), effect, intent, key };
  writeSync(ledger, `${JSON.stringify(line)}\n`);
  fsyncSync(ledger);
  lines.set(intent, line);
  return { status: 200, body: { id: `${effect}-${number}` } };
}

/** Under a key that is remembered, the first answer again. */
function underKey(key: string | null, intent: string, sent: string, act: () => Answer): Answer {
  if (key === null) return act();
  const known = keys.get(key);
  if (known && known.until > Date.now()) {
    return known.sent === sent ? known.answer : { status: 400, body: { error: "idempotency_error" } };
  }
  const answer = act();
  const planned = plans.get(intent)?.plan.keyLifetimeMs;
  keys.set(key, { answer, sent, until: Date.now() + (planned ?? KEY_LIFETIME_MS) });
  if (planned !== undefined) setTimeout(() => tell({ happened: "key_expired", intent }), planned + 20);
  return answer;
}

async function act(request: IncomingMessage, response: ServerResponse, effect: Effect): Promise<void> {
  const sent = await text(request);
  const { intent } = JSON.parse(sent) as { intent: string };
  const given = request.headers["idempotency-key"];
  const key = OFFERS[effect].key && typeof given === "string" ? given : null;
  const step = holdNext.delete(intent) ? "hold_read" : (plans.get(intent)?.steps.shift() ?? "answer");
  const give = ({ status, body }: Answer): void => {
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify(body), () => tell({ happened: "answered", intent }));
  };
  const done = (): Answer => underKey(key, intent, sent, () => commit(effect, intent, key));
  switch (step) {
    case "answer":
      return give(done());
    case "hold_read":
      return (await hold(intent, "read")) === "drop" ? void request.socket.destroy() : give(done());
    case "hold_committed": {
      const answer = done();
      return (await hold(intent, "committed")) === "drop" ? void request.socket.destroy() : give(answer);
    }
    case "overlap":
      await overlap(intent);
      return give(done());
    case "reset_after":
      done();
      return void request.socket.resetAndDestroy();
    case "silent_after":
      return void done();
    case "500_after":
      return give(
        underKey(key, intent, sent, () => {
          commit(effect, intent, key);
          return { status: 500, body: {} };
        }),
      );
    case "500_instead":
      return give(underKey(key, intent, sent, () => ({ status: 500, body: {} })));
    case "503_before":
      return give({ status: 503, body: {} });
    case "429_before":
      return give({ status: 429, body: {} });
    case "400_before":
      return give({ status: 400, body: { error: "refused" } });
  }
}

async function lookUp(request: IncomingMessage, response: ServerResponse, effect: Effect, intent: string) {
  if (holdNext.delete(intent) && (await hold(intent, "read")) === "drop") return void request.socket.destroy();
  const lookup = OFFERS[effect].lookup;
  const lagMs = plans.get(intent)?.plan.lookupLagMs ?? (lookup ? lookup.lagMs : Number.POSITIVE_INFINITY);
  const line = lines.get(intent);
  const isSeen = line !== undefined && line.at + lagMs <= Date.now();
  response.writeHead(isSeen ? 200 : lookup ? 404 : 405, { connection: "close" });
  response.end(JSON.stringify(isSeen ? { id: `${effect}-${line.number}` } : {}));
}

const http = createHttpServer((request, response) => {
  const [, effect, intent = ""] = (request.url ?? "").split("/") as [string, Effect, string?];
  void (request.method === "POST" ? act(request, response, effect) : lookUp(request, response, effect, intent));
});

/** A front door of its own for each track, so that a connection can be taken without reading a byte of it. */
function openDoor(): void {
  const door = createServer((socket) => {
    const { port } = door.address() as AddressInfo;
    const intent = catching.get(port);
    socket.on("error", () => undefined);
    if (intent === undefined) return void http.emit("connection", socket);
    catching.delete(port);
    caught.set(intent, socket.pause());
    tell({ happened: "accepted", intent });
  });
  door.listen(0, "127.0.0.1", () => process.send?.({ door: (door.address() as AddressInfo).port }));
}

process.on("message", (asked: Asked) => {
  switch (asked.ask) {
    case "door":
      return openDoor();
    case "plan":
      return void plans.set(asked.intent, { steps: [...(asked.plan.steps ?? [])], plan: asked.plan });
    case "catch_next":
      return void catching.set(asked.door, asked.intent);
    case "hold_next":
      return void holdNext.add(asked.intent);
    case "release":
      caught.get(asked.intent)?.destroy();
      caught.delete(asked.intent);
      for (const [door, intent] of catching) if (intent === asked.intent) catching.delete(door);
      holdNext.delete(asked.intent);
      plans.get(asked.intent)?.steps.splice(0);
      held.get(asked.intent)?.(asked.how);
      held.delete(asked.intent);
  }
});
process.on("disconnect", () => process.exit());
process.send?.({ ready: true });
