import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * The outside world: a shipping system in a process of its own. Each change stands in its ledger, on the disk, before
 * anybody is told; changes that arrive together share one fsync.
 *
 *   GET /:id                                          the shipment
 *   PUT /:id  { priority, carrier? }  By: somebody    changes it
 */
const [ledgerPath = ""] = process.argv.slice(2);
const ledger = openSync(ledgerPath, "a");

export interface Line {
  readonly id: string;
  readonly priority: string;
  readonly carrier: string;
  readonly by: string;
}

const changed = new Map<string, Line>();
let waiting: (() => void)[] = [];

function shipment(id: string): Pick<Line, "priority" | "carrier"> {
  const { priority, carrier } = changed.get(id) ?? { priority: "normal", carrier: "sea" };
  return { priority, carrier };
}

const server = createServer(async (request, response) => {
  const id = (request.url ?? "/").slice(1);
  if (request.method === "PUT") {
    const body = (await bodyOf(request)) as Partial<Line>;
    const line: Line = { id, ...shipment(id), ...body, by: String(request.headers.by) };
    changed.set(id, line);
    writeSync(ledger, `${JSON.stringify(line)}\n`);
    await onTheDisk();
  }
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(shipment(id)));
});
server.listen(0, "127.0.0.1", () => process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.once("disconnect", () => process.exit()); // it ends with the example, however that ends

function onTheDisk(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) > 1) return;
    setImmediate(() => {
      const answered = waiting;
      waiting = [];
      fdatasyncSync(ledger);
      for (const answer of answered) answer();
    });
  });
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}
