// The program of `startOutside`: takes payments over TCP, one line of JSON per connection.
import { fsyncSync, openSync, writeSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { seededRandom } from "../../src/testing/lost-ack-proxy.ts";
import { monotonicNs } from "./history.ts";
import type { LedgerLine, OutsideReply, OutsideRequest } from "./outside.ts";

const [ledgerPath, seed, honoursKeys] = process.argv.slice(2) as [string, string, string];
const ledger = openSync(ledgerPath, "a");
const random = seededRandom(Number(seed));
const byReference = new Map<string, LedgerLine>();
const byKey = new Map<string, LedgerLine>();
let last = 0;

/** What becomes of a payment, in percent. */
const FATES = {
  pay: 58,
  pay_slowly: 12,
  pay_late: 8,
  lose_reply: 7,
  drop_request: 5,
  busy: 6,
  reject: 4,
} as const;

function fate(): keyof typeof FATES {
  // A world without keys loses many replies, so that there is much to repeat.
  if (honoursKeys !== "true" && random() < 0.4) return "lose_reply";
  let left = random() * 100;
  for (const [name, percent] of Object.entries(FATES)) {
    left -= percent;
    if (left < 0) return name as keyof typeof FATES;
  }
  return "pay";
}

function commit({ reference, fence, key }: OutsideRequest, from: number): LedgerLine {
  const known = key === null ? undefined : byKey.get(key);
  if (known) return known;
  const line: LedgerLine = { number: ++last, reference, fence, key, from };
  writeSync(ledger, `${JSON.stringify(line)}\n`);
  fsyncSync(ledger);
  byReference.set(reference, line);
  if (key !== null && honoursKeys === "true") byKey.set(key, line);
  return line;
}

function handle(request: OutsideRequest, socket: Socket, from: number): void {
  const answer = (reply: OutsideReply): void => void socket.end(`${JSON.stringify(reply)}\n`);
  const pay = (): void => answer({ status: 200, number: commit(request, from).number });
  const slowness = 2 + random() * 40;
  switch (request.look ? "look" : fate()) {
    case "look":
      lookUp(request.reference, answer);
      break;
    case "pay":
      pay();
      break;
    case "pay_slowly": {
      const { number } = commit(request, from);
      setTimeout(() => answer({ status: 200, number }), slowness);
      break;
    }
    case "pay_late":
      setTimeout(pay, slowness);
      break;
    case "lose_reply":
      commit(request, from);
      socket.resetAndDestroy();
      break;
    case "drop_request":
      socket.resetAndDestroy();
      break;
    case "busy":
      answer({ status: 429 });
      break;
    case "reject":
      answer({ status: 402 });
  }
}

/** It reads its own writes, those included that are still in a socket: whoever looks is answered a few rounds later. */
function lookUp(reference: string, answer: (reply: OutsideReply) => void, rounds = 5): void {
  if (rounds > 0) return void setImmediate(() => lookUp(reference, answer, rounds - 1));
  const found = byReference.get(reference);
  answer(found ? { status: 200, number: found.number } : { status: 404 });
}

const server = createServer((socket) => {
  let received = "";
  // Whoever asked may be dead by now, and what it asked for is done all the same.
  socket.on("error", () => undefined);
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    received += chunk;
    if (!received.endsWith("\n")) return;
    handle(JSON.parse(received) as OutsideRequest, socket, monotonicNs());
  });
});
process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
