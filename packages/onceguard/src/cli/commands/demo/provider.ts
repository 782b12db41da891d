import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { takeJob } from "./child-side.ts";
import { openLedger } from "./ledger.ts";
import type { ProviderJob, ProviderMessage } from "./messages.ts";
import type { Payment, PaymentOrder } from "./payment.ts";
import type { AccountTerms, Fault } from "./provider-client.ts";

/**
 * A payment provider, in a process of its own: money that has moved stays moved, whatever becomes of the caller.
 *
 *   PUT  /accounts/:account                     opens it, on terms that say what will go wrong (only the demo calls this)
 *   POST /accounts/:account/payments            pays an invoice; each call is a new payment, unless a key is honoured
 *   GET  /accounts/:account/payments?invoice=   looks up what was paid, on accounts with lookup
 */
const { job, tell } = await takeJob<ProviderJob, ProviderMessage>();
const ledger = openLedger(job.ledger);

interface Account {
  readonly terms: AccountTerms;
  readonly faults: Fault[];
  readonly payments: Payment[];
  readonly byKey: Map<string, Payment>;
}

const accounts = new Map<string, Account>();

const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => answer(response, 400, { error: String(error) }));
});
server.listen(0, "127.0.0.1", () => {
  tell({ type: "listening", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://provider");
  const [, , name = "", collection] = pathname.split("/");
  const body = await bodyOf(request);
  if (request.method === "PUT" && collection === undefined) {
    const terms = body as AccountTerms;
    accounts.set(name, { terms, faults: [...terms.faults], payments: [], byKey: new Map() });
    return answer(response, 201, {});
  }
  const account = accounts.get(name);
  if (!account || collection !== "payments") return answer(response, 404, { error: "there is nothing here" });
  if (request.method === "POST") {
    const key = request.headers["idempotency-key"];
    return pay(name, account, body as PaymentOrder, typeof key === "string" ? key : null, response);
  }
  if (!account.terms.lookup) return answer(response, 405, { error: "payments cannot be looked up" });
  const invoice = searchParams.get("invoice");
  const found = account.payments.filter((payment) => payment.invoice === invoice);
  tell({ type: "looked_up", account: name, at: Date.now(), found: found.length });
  answer(response, 200, found);
}

async function pay(
  name: string,
  account: Account,
  order: PaymentOrder,
  key: string | null,
  response: ServerResponse,
): Promise<void> {
  const fault = account.faults.shift();
  const answered = (known: boolean): void =>
    tell({ type: "answered", account: name, at: Date.now(), fault: fault ?? null, known });
  tell({ type: "received", account: name, at: Date.now() });
  if (fault === "error_503") {
    answered(false);
    return answer(response, 503, { error: "out of service, try again" });
  }

  const made = account.payments.length;
  const payment = commit(name, account, order, key);
  const known = account.payments.length === made;
  if (fault !== undefined) answered(known);

  switch (fault) {
    case "lose_response":
      response.destroy();
      return;
    case "hang":
      return; // until the caller has had enough, or is dead
    case "error_500":
      return answer(response, 500, { error: "internal error" });
    default:
      await new Promise((resolve) => setTimeout(resolve, account.terms.answerAfterMs));
      answered(known);
      answer(response, 201, payment);
  }
}

/** Synchronous from the look for the key to the end of the fsync, so that no two requests can be in here at once. */
function commit(name: string, account: Account, order: PaymentOrder, key: string | null): Payment {
  const known = key !== null && account.terms.idempotencyKeys ? account.byKey.get(key) : undefined;
  if (known) return known;
  const payment: Payment = {
    payment_id: `pay_${randomBytes(6).toString("hex")}`,
    invoice: order.invoice,
    amount_cents: order.amount_cents,
  };
  ledger.append({
    ...payment,
    account: name,
    idempotency_key: key,
    note: order.note,
    at: new Date().toISOString(),
  });
  account.payments.push(payment);
  if (key !== null) account.byKey.set(key, payment);
  tell({ type: "committed", account: name });
  return payment;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? null : JSON.parse(Buffer.concat(chunks).toString());
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
