import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { NEVER, NOTIFICATION, ON_WIRE } from "../../test/support/notification.ts";
import type { Notification } from "../core/notification.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { type WebhookNotifierOptions, webhookNotifier } from "./webhook.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const OTHER_SECRET = Buffer.alloc(24, 9).toString("base64");

interface Received {
  readonly request: IncomingMessage;
  readonly body: string;
}

/** A real HTTP server that answers as the test says, and remembers what it was sent. */
async function server(answer: RequestListener): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const http = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    received.push({ request, body: Buffer.concat(chunks).toString() });
    answer(request, response);
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/hooks`, received };
}

const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(code, headers).end("an answer");

function deliver(options: Partial<WebhookNotifierOptions> & { url: string }, signal = NEVER): Promise<void> {
  return webhookNotifier({ secret: SECRET, ...options }).deliver(NOTIFICATION, signal);
}

describe("what is sent", () => {
  it("is verified by the library of Standard Webhooks", async () => {
    const { url, received } = await server(status(204));
    await deliver({ url });
    const [{ request, body } = expect.unreachable()] = received;
    const verified = new Webhook(SECRET).verify(body, request.headers as Record<string, string>);
    expect(verified).toEqual({ type: "onceguard.review", timestamp: ON_WIRE.at, data: ON_WIRE });
    expect(request).toMatchObject({
      method: "POST",
      url: "/hooks",
      headers: { "webhook-id": NOTIFICATION.id, "content-type": "application/json", "user-agent": "onceguard" },
    });
    const forged = body.replace("A1", "A2");
    expect(() => new Webhook(SECRET).verify(forged, request.headers as Record<string, string>)).toThrow();
  });

  it("is signed over the time of this try, not of the notification", async () => {
    const { url, received } = await server(status(200));
    const clock = fakeClock(1_700_000_000_999);
    await deliver({ url, clock });
    const [{ request, body } = expect.unreachable()] = received;
    expect(request.headers["webhook-timestamp"]).toBe("1700000000");
    const signature = new Webhook(SECRET).sign(NOTIFICATION.id, new Date(1_700_000_000_000), body);
    expect(request.headers["webhook-signature"]).toBe(signature);
  });

  it("has one signature per secret, so that either verifies", async () => {
    const { url, received } = await server(status(200));
    await deliver({ url, secret: [OTHER_SECRET, SECRET] });
    const [{ request, body } = expect.unreachable()] = received;
    for (const secret of [SECRET, OTHER_SECRET]) {
      expect(new Webhook(secret).verify(body, request.headers as Record<string, string>)).toBeTruthy();
    }
  });

  it("keeps text beyond ASCII, and half characters, verifiable", async () => {
    const { url, received } = await server(status(200));
    const reason = "müde 😴 \ud83d";
    await webhookNotifier({ url, secret: SECRET }).deliver({ ...NOTIFICATION, reason }, NEVER);
    const [{ request, body } = expect.unreachable()] = received;
    expect(new Webhook(SECRET).verify(body, request.headers as Record<string, string>)).toMatchObject({
      data: { reason },
    });
  });

  it("has an id that fits a header and cannot be mistaken, whatever the request id holds", async () => {
    const { url, received } = await server(status(204));
    const ids = ["review:東京:müde 😴:1", "review:a.1700000000.{}:1", "review:a%2E1700000000%2E{}:1", "held:\ud83d \n"];
    for (const id of ids) await webhookNotifier({ url, secret: SECRET }).deliver({ ...NOTIFICATION, id }, NEVER);
    expect(received.map(({ request }) => request.headers["webhook-id"])).toEqual([
      "review:%E6%9D%B1%E4%BA%AC:m%C3%BCde%20%F0%9F%98%B4:1",
      "review:a%2E1700000000%2E{}:1",
      "review:a%252E1700000000%252E{}:1",
      "held:%EF%BF%BD%20%0A",
    ]);
    const verified = received.map(({ request, body }) =>
      new Webhook(SECRET).verify(body, request.headers as Record<string, string>),
    );
    expect(verified).toEqual(ids.map((id) => expect.objectContaining({ data: { ...ON_WIRE, id } })));
  });

  it.each(["review", "held", "conflict", "halted"] as const)("names the kind %s in its type", async (kind) => {
    const { url, received } = await server(status(200));
    const about = { requestId: null, action: null, recordId: null, reason: null };
    const notification: Notification = { ...NOTIFICATION, ...about, kind };
    await webhookNotifier({ url, secret: SECRET }).deliver(notification, NEVER);
    expect(JSON.parse(received[0]?.body ?? "")).toMatchObject({
      type: `onceguard.${kind}`,
      data: { kind, request_id: null, record_id: null },
    });
  });

  it("has the headers that were asked for, but none that would unsign it", async () => {
    const { url, received } = await server(status(200));
    const headers = { Authorization: "Bearer t0ken", "Webhook-Id": "forged", "content-type": "text/plain" };
    await deliver({ url, headers });
    expect(received[0]?.request.headers).toMatchObject({
      authorization: "Bearer t0ken",
      "webhook-id": NOTIFICATION.id,
      "content-type": "application/json",
    });
  });

  it("turns user and password of the URL into a header, and keeps the query", async () => {
    const { url, received } = await server(status(200));
    await deliver({ url: `${url.replace("//", "//ann:p%40ss@")}?token=t0ken#part` });
    expect(received[0]?.request.url).toBe("/hooks?token=t0ken");
    expect(received[0]?.request.headers.authorization).toBe(`Basic ${Buffer.from("ann:p@ss").toString("base64")}`);
  });
});

describe("what counts as delivered", () => {
  it.each([200, 201, 202, 204, 299])("%i does", async (code) => {
    const { url } = await server(status(code));
    await deliver({ url });
  });

  it.each([400, 404, 429, 500, 503])("%i does not", async (code) => {
    const { url, received } = await server(status(code));
    await expect(deliver({ url })).rejects.toMatchObject({
      code: "notification_failed",
      message: `webhook ${url} did not take notification ntf_2mK4: it answered ${code}.`,
      fields: { notifier: `webhook ${url}`, id: "ntf_2mK4", status: code },
    });
    expect(received).toHaveLength(1); // trying again is the queue's, not ours
  });

  it("410 does not, and says what to do", async () => {
    const { url } = await server(status(410));
    await expect(deliver({ url })).rejects.toMatchObject({
      message: expect.stringContaining("Take the address out."),
      fields: { status: 410 },
    });
  });

  it.each([301, 302, 303, 307, 308])("%i does not, and nobody goes where it leads", async (code) => {
    const elsewhere = await server(status(200));
    const { url } = await server(status(code, { location: elsewhere.url }));
    await expect(deliver({ url })).rejects.toMatchObject({
      message: expect.stringContaining("redirects are not followed"),
      fields: { status: code },
    });
    expect(elsewhere.received).toEqual([]);
  });

  it("a connection that breaks does not", async () => {
    const { url, received } = await server((request) => void request.socket.resetAndDestroy());
    await expect(deliver({ url })).rejects.toMatchObject({
      code: "notification_failed",
      message: expect.stringMatching(/the connection failed \(.+\)\. It may have arrived all the same\.$/),
    });
    expect(received).toHaveLength(1);
  });

  it("a port where nobody listens does not", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    await expect(deliver({ url: `http://127.0.0.1:${port}/` })).rejects.toThrow("ECONNREFUSED");
  });

  it("a host of which no address answers does not: Node gives a code for all of them, and no message", async () => {
    const each = Object.assign(new AggregateError([new Error("1"), new Error("2")]), { code: "ETIMEDOUT" });
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("fetch failed", { cause: each })));
    onTestFinished(() => void vi.unstubAllGlobals());
    await expect(deliver({ url: "https://ops.example" })).rejects.toThrow("the connection failed (ETIMEDOUT).");
  });
});

describe("what does not end", () => {
  it("is given up when time is up", async () => {
    const clock = fakeClock();
    const { url } = await server(() => void clock.advance(10_000)); // and never answers
    await expect(deliver({ url, clock })).rejects.toMatchObject({
      code: "notification_failed",
      message: expect.stringContaining("it took longer than 10000 ms. It may have arrived all the same."),
    });
    expect(clock.nextInMs()).toBeNull();
  });

  it("is given up when the caller calls it off", async () => {
    const controller = new AbortController();
    const { url } = await server(() => controller.abort());
    await expect(deliver({ url }, controller.signal)).rejects.toThrow("it was called off.");
  });

  it("is not begun when it was called off before", async () => {
    const { url, received } = await server(status(200));
    await expect(deliver({ url }, AbortSignal.abort())).rejects.toThrow("it was called off before it began.");
    expect(received).toEqual([]);
  });

  it("is delivered all the same when the status came and the rest of the answer does not", async () => {
    const clock = fakeClock();
    const { url } = await server((_request, response) => void response.writeHead(200).write("the beginning of"));
    const realFetch = fetch;
    vi.stubGlobal("fetch", async (...request: Parameters<typeof fetch>) => {
      const response = await realFetch(...request);
      setImmediate(() => void clock.advance(10_000));
      return response;
    });
    onTestFinished(() => void vi.unstubAllGlobals());
    await deliver({ url, clock });
    expect(clock.monotonicMs()).toBe(10_000);
  });

  it("is read no further than the cap", async () => {
    let answered: ServerResponse | undefined;
    const { url } = await server((_request, response) => {
      answered = response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(1_024)));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    await deliver({ url, clock: fakeClock() }); // no timeout comes to help
    if (!answered?.closed) await once(answered as ServerResponse, "close"); // we hung up
  });
});
