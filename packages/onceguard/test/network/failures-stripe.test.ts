import http from "node:http";
import Stripe from "stripe";
import { afterEach, describe, expect, it } from "vitest";
import { classifyFailure, type Failure } from "../../src/core/failure.ts";
import { thrownBy } from "./support/http-clients.ts";
import { closed, deadPort, listening, rawServer } from "./support/raw-server.ts";

// Stripe's SDK for Node against a server of our own, without the retries that can be switched off.

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function stripe(port: number, httpClient?: ReturnType<typeof Stripe.createFetchHttpClient>): Stripe {
  const client = new Stripe("sk_test_x", {
    host: "127.0.0.1",
    port,
    protocol: "http",
    maxNetworkRetries: 0,
    telemetry: false,
    ...(httpClient ? { httpClient } : {}),
  });
  // It retries a closed connection all the same; nobody has to wait for that.
  return Object.assign(client, { getInitialNetworkRetryDelay: () => 0, getMaxNetworkRetryDelay: () => 0 });
}

const refund = (client: Stripe) => thrownBy(client.refunds.create({ charge: "ch_1" }));

/** What the SDK throws for one answer. */
async function answered(status: number, error: object | string, headers: http.OutgoingHttpHeaders = {}) {
  const server = http.createServer((request, response) => {
    request.resume();
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof error === "string" ? error : JSON.stringify({ error }));
  });
  const port = await listening(server);
  closing.push(() => {
    server.closeAllConnections();
    return closed(server);
  });
  return refund(stripe(port));
}

describe("an answer", () => {
  it.each<[number, object, Failure["certainty"], Failure["tier"], string]>([
    [
      402,
      { type: "card_error", code: "card_declined", decline_code: "do_not_honor" },
      "definite",
      null,
      "card_declined",
    ],
    [400, { type: "invalid_request_error", code: "parameter_missing" }, "definite", "validation", "parameter_missing"],
    [
      400,
      { type: "invalid_request_error", code: "charge_already_refunded" },
      "definite",
      "conflict",
      "charge_already_refunded",
    ],
    [404, { type: "invalid_request_error", code: "resource_missing" }, "definite", null, "resource_missing"],
    [401, { type: "invalid_request_error" }, "definite", "security", "http_401"],
    [403, { type: "invalid_request_error" }, "definite", "security", "http_403"],
    [429, { type: "invalid_request_error", code: "rate_limit" }, "definite", "transient", "rate_limit"],
    [429, { type: "invalid_request_error", code: "lock_timeout" }, "definite", "transient", "lock_timeout"],
    [400, { type: "idempotency_error" }, "indefinite", "conflict", "idempotency_error"],
    [
      409,
      { type: "idempotency_error", code: "idempotency_key_in_use" },
      "indefinite",
      "transient",
      "idempotency_key_in_use",
    ],
    [500, { type: "api_error" }, "indefinite", "transient", "http_500"],
    [503, { type: "api_error" }, "indefinite", "transient", "http_503"],
  ])("%i %j is %s, %s", async (status, body, certainty, tier, code) => {
    const error = await answered(status, { message: "said Stripe", ...body });
    expect(error).toBeInstanceOf(Stripe.errors.StripeError);
    expect(classifyFailure(error)).toEqual({ certainty, tier, code, message: "said Stripe" });
  });

  it("with advice and a wait", async () => {
    const limit = { type: "invalid_request_error", code: "rate_limit" };
    const headers = { "retry-after": "3", "stripe-should-retry": "false" };
    expect(classifyFailure(await answered(429, limit, headers))).toMatchObject({
      certainty: "definite",
      tier: "transient",
      retryAfterMs: 3_000,
    });
    expect(
      classifyFailure(await answered(500, { type: "api_error" }, { "stripe-should-retry": "false" })),
    ).toMatchObject({
      certainty: "indefinite",
      tier: null,
    });
  });

  it("that cannot be read may have been a success", async () => {
    expect(classifyFailure(await answered(200, "<html>"))).toMatchObject({ certainty: "indefinite" });
  });
});

describe("a connection", () => {
  it("that nobody takes was never sent, by either of the SDK's clients", async () => {
    const port = await deadPort();
    for (const client of [stripe(port), stripe(port, Stripe.createFetchHttpClient())]) {
      const error = await refund(client);
      expect(error).toBeInstanceOf(Stripe.errors.StripeConnectionError);
      expect(classifyFailure(error)).toMatchObject({ certainty: "definite", tier: "transient", code: "ECONNREFUSED" });
    }
  });

  it("that is reset may have carried it, and the SDK has sent it twice", async () => {
    const server = await rawServer((socket) => socket.resetAndDestroy());
    closing.push(() => server.close());
    const error = await refund(stripe(server.port));
    expect(server.connections()).toBe(2);
    expect(classifyFailure(error)).toMatchObject({ certainty: "indefinite", code: "ECONNRESET" });
  });

  it("that is reset, and then refused: the last error alone would say that nothing was sent", async () => {
    const server = await rawServer((socket) => {
      void server.close(); // nobody listens any more when the SDK comes back
      socket.resetAndDestroy();
    });
    const error = await refund(stripe(server.port));
    expect(server.received()).toContain("charge=ch_1");
    expect(error).toMatchObject({ detail: { code: "ECONNREFUSED" } });
    expect(classifyFailure(error)).toMatchObject({ certainty: "indefinite", code: "ECONNREFUSED" });
  });

  it("that breaks in the answer may have carried it", async () => {
    const server = await rawServer((socket) => {
      socket.write("HTTP/1.1 402 X\r\nContent-Length: 100\r\n\r\n{", () => socket.resetAndDestroy());
    });
    closing.push(() => server.close());
    expect(classifyFailure(await refund(stripe(server.port)))).toMatchObject({ certainty: "indefinite" });
  });
});
