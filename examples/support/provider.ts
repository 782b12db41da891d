import { fsyncSync, openSync, writeSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Cue, Entry, Line, Terms } from "./world.ts";

/**
 * The outside world: a bank, a supplier, an exchange, in a process of its own. What stands in its ledger has happened,
 * whatever the caller was told.
 *
 *   POST /:book               each call is a new entry, unless the terms say otherwise
 *   GET  /:book?field=value   looks entries up
 *   PUT  /cues                what goes wrong from now on (only the example calls this)
 *   PUT  /index               lookups see everything up to here (only with `lag`)
 */
const [ledgerPath = "", termsText = "{}"] = process.argv.slice(2);
const ledger = openSync(ledgerPath, "a");
const terms = JSON.parse(termsText) as Terms;

const lines: Line[] = [];
const byKey = new Map<string, Entry>();
const fences = new Map<string, number>();
let cues: Cue[] = [];
let indexed = 0;

const server = createServer((request, response) => {
  // A connection per request: a lost answer is then that request's, and nobody else's.
  response.shouldKeepAlive = false;
  handle(request, response).catch((error: unknown) => answer(response, 400, { error: String(error) }));
});
server.listen(0, "127.0.0.1", () => process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.once("disconnect", () => process.exit()); // it ends with the example, however that ends

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://provider");
  const [, book = ""] = pathname.split("/");
  const body = await bodyOf(request);
  if (request.method === "POST") return write(book, body as Entry, request, response);
  if (request.method === "PUT") {
    if (book === "cues") cues = body as Cue[];
    else indexed = lines.length;
    return answer(response, 204);
  }
  const visible = terms.lag ? lines.slice(0, indexed) : lines;
  const found = visible.filter((line) => line.effect && line.book === book && matches(line.entry, searchParams));
  answer(
    response,
    200,
    found.map(({ entry }) => entry),
  );
}

function write(book: string, entry: Entry, request: IncomingMessage, response: ServerResponse): void {
  const cue = cues.find(({ where = {}, times = 1 }) => times > 0 && matches(entry, Object.entries(where)));
  if (cue) cue.times = (cue.times ?? 1) - 1;
  const refusal = typeof cue?.fault === "number" ? cue.fault : isStale(request) ? 409 : null;
  if (refusal !== null) {
    record({ book, entry, effect: false, status: refusal });
    answer(response, refusal, { error: "refused" });
    return;
  }
  const key = request.headers["idempotency-key"];
  const known = terms.keys && typeof key === "string" ? byKey.get(key) : undefined;
  record({ book, entry: known ?? entry, effect: known === undefined, status: 201 });
  if (typeof key === "string") byKey.set(key, known ?? entry);

  if (cue?.fault === "hold") return; // until the caller has had enough
  if (cue?.fault === "lose_response") response.destroy();
  else if (cue?.fault === "gateway_timeout") answer(response, 504, { error: "no answer in time" });
  else answer(response, 201, known ?? entry);
}

/** With `fencing`: of one request, a claim that is older than one we have heard from may not write any more. */
function isStale({ headers }: IncomingMessage): boolean {
  if (!terms.fencing) return false;
  const id = String(headers["request-id"]);
  const token = Number(headers["fencing-token"]);
  if (token < (fences.get(id) ?? 0)) return true;
  fences.set(id, token);
  return false;
}

/** On the disk before anybody is told. */
function record(line: Line): void {
  writeSync(ledger, `${JSON.stringify(line)}\n`);
  fsyncSync(ledger);
  lines.push(line);
}

function matches(entry: Entry, fields: Iterable<[string, string]>): boolean {
  return [...fields].every(([field, value]) => String(entry[field]) === value);
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? null : JSON.parse(Buffer.concat(chunks).toString());
}

function answer(response: ServerResponse, status: number, body?: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
