import { createHmac } from "node:crypto";
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { Webhooks } from "@octokit/webhooks";
import { Webhook as StandardWebhook } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as SvixWebhook } from "svix";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import type { Store } from "../../src/core/ports.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import type { Guard } from "../../src/pipeline/guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import {
  githubWebhooks,
  shopifyWebhooks,
  slackWebhooks,
  standardWebhooks,
  stripeWebhooks,
  svixWebhooks,
  type WebhookEvent,
  type WebhookInboxOptions,
  type WebhookSource,
  webhookInbox,
} from "../../src/webhooks/index.ts";
import { createStore } from "../support/test-stores.ts";
import { until } from "./service.ts";

const WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SECRET = "a-secret-of-the-app";

interface Signed {
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** One provider: its source, how it signs, and how an event of its own looks. */
interface Provider {
  readonly name: string;
  readonly source: () => WebhookSource;
  /** An event about object `n`, as of second `at`. */
  readonly event: (id: string, n: number, at: number) => unknown;
  sign(body: string, id: string, now?: number): Promise<Signed> | Signed;
  /** What stands for the event's id under another delivery: signed, or part of the content. */
  readonly type: string;
}

const seconds = (): number => Math.floor(Date.now() / 1_000);

const PROVIDERS: readonly Provider[] = [
  {
    name: "Standard Webhooks",
    source: () => standardWebhooks({ secret: WHSEC }),
    event: (_id, n, at) => ({ type: "order.updated", timestamp: new Date(at * 1_000).toISOString(), data: { id: n } }),
    sign: (body, id, now = seconds()) => ({
      body,
      headers: {
        "webhook-id": id,
        "webhook-timestamp": String(now),
        "webhook-signature": new StandardWebhook(WHSEC).sign(id, new Date(now * 1_000), body),
      },
    }),
    type: "order.updated",
  },
  {
    name: "Svix",
    source: () => svixWebhooks({ secret: WHSEC }),
    event: (_id, n, at) => ({ type: "order.updated", timestamp: new Date(at * 1_000).toISOString(), data: { id: n } }),
    sign: (body, id, now = seconds()) => ({
      body,
      headers: {
        "svix-id": id,
        "svix-timestamp": String(now),
        "svix-signature": new SvixWebhook(WHSEC).sign(id, new Date(now * 1_000), body),
      },
    }),
    type: "order.updated",
  },
  {
    name: "Stripe",
    source: () => stripeWebhooks({ secret: SECRET }),
    event: (id, n, at) => ({
      id,
      object: "event",
      api_version: "2025-04-30.basil",
      created: at,
      type: "charge.refunded",
      data: { object: { id: `ch_${n}`, object: "charge", amount_refunded: 500 } },
      pending_webhooks: 1,
    }),
    sign: (body, _id, now = seconds()) => ({
      body,
      headers: {
        "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload: body, secret: SECRET, timestamp: now }),
      },
    }),
    type: "charge.refunded",
  },
  {
    name: "GitHub",
    source: () => githubWebhooks({ secret: SECRET }),
    event: (id, n, at) => ({
      action: "closed",
      pull_request: { number: n, updated_at: new Date(at * 1_000).toISOString(), title: id },
      repository: { full_name: "octo/hello" },
    }),
    sign: async (body, id) => ({
      body,
      headers: {
        "x-github-event": "pull_request",
        "x-github-delivery": id,
        "x-hub-signature-256": await new Webhooks({ secret: SECRET }).sign(body),
      },
    }),
    type: "pull_request.closed",
  },
  {
    name: "Shopify",
    source: () => shopifyWebhooks({ secret: SECRET }),
    event: (id, n, at) => ({ id: n, updated_at: new Date(at * 1_000).toISOString(), note: id, total_price: "5.00" }),
    sign: (body, id) => ({
      body,
      headers: {
        "x-shopify-topic": "orders/updated",
        "x-shopify-webhook-id": id,
        "x-shopify-hmac-sha256": createHmac("sha256", SECRET).update(body).digest("base64"),
      },
    }),
    type: "orders/updated",
  },
  {
    name: "Slack",
    source: () => slackWebhooks({ secret: SECRET }),
    event: (id, n, at) => ({
      type: "event_callback",
      event_id: id,
      event_time: at,
      event: { type: "message", channel: "C1", ts: `${n}.000`, event_ts: `${at}.000`, text: "hi" },
    }),
    sign: (body, _id, now = seconds()) => ({
      body,
      headers: {
        "x-slack-request-timestamp": String(now),
        "x-slack-signature": `v0=${createHmac("sha256", SECRET).update(`v0:${now}:${body}`).digest("hex")}`,
      },
    }),
    type: "message",
  },
];

interface OpenInbox {
  readonly guard: Guard;
  readonly handled: WebhookEvent[];
  send(signed: Signed): Promise<{ status: number; text: string }>;
}

/** An inbox behind a real server. */
async function open(
  source: WebhookSource,
  options: Partial<WebhookInboxOptions> = {},
  given: { store?: Store; actions?: readonly never[] } = {},
): Promise<OpenInbox> {
  const handled: WebhookEvent[] = [];
  const inbox = webhookInbox({
    source,
    handle: (event) => void handled.push(event),
    report: () => undefined,
    ...options,
  });
  const actions = [inbox.action, ...(given.actions ?? [])];
  const store = given.store ?? memoryStore();
  const guard = createGuard({
    store,
    actions,
    sweepEvery: false,
    onBackgroundError: () => undefined,
  }) as unknown as Guard;
  const server = createAdaptorServer({ fetch: inbox.receiver(guard), overrideGlobalObjects: false }) as Server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await guard.close();
  });
  return {
    guard,
    handled,
    send: async ({ body, headers }) => {
      const response = await fetch(`http://127.0.0.1:${port}/hooks`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
      });
      return { status: response.status, text: await response.text() };
    },
  };
}

/** Everything that was taken in is settled: what was sent before has been handled, or will not be. */
async function settled({ guard }: OpenInbox): Promise<void> {
  await until(async () => {
    await guard.reconcile();
    const open_ = await guard.receipts({ states: ["running", "retry_wait", "held"] });
    return open_.length === 0;
  }, "everything to be settled");
}

let n = 0;
const freshId = (): string => `evt_${++n}`;

describe.each(PROVIDERS.map((provider) => ({ name: provider.name, provider })))("$name", ({ provider }) => {
  const signed = async (id: string, object: number, at: number): Promise<Signed> =>
    provider.sign(JSON.stringify(provider.event(id, object, at)), id);

  it("a signed delivery is taken in, answered, and handled once, however often it comes", async () => {
    const inbox = await open(provider.source());
    const delivery = await signed(freshId(), 1, 1_700_000_000);
    expect(await inbox.send(delivery)).toEqual({ status: 200, text: '{"received":true}' });
    await until(() => inbox.handled.length === 1, "the handling");
    const again = await Promise.all(Array.from({ length: 10 }, () => inbox.send(delivery)));
    expect(again.map(({ status }) => status)).toEqual(Array(10).fill(200));
    await settled(inbox);
    expect(inbox.handled).toHaveLength(1);
    expect(inbox.handled[0]).toMatchObject({ type: provider.type, data: JSON.parse(delivery.body) });
  });

  it("what is tampered with is refused: body, signature, secret, or nothing signed at all", async () => {
    const inbox = await open(provider.source());
    const good = await signed(freshId(), 1, 1_700_000_000);
    const headers = Object.entries(good.headers);
    const [name, value] = headers.find(([one]) => /signature|hmac/.test(one)) as [string, string];
    const bad: Signed[] = [
      { ...good, body: good.body.replace("1", "2") },
      { ...good, body: `${good.body} ` },
      { ...good, headers: {} },
      { ...good, headers: { ...good.headers, [name]: "" } },
      { ...good, headers: { ...good.headers, [name]: `${value.slice(0, -3)}AAA` } },
      { ...good, headers: { ...good.headers, [name]: value.slice(0, -1) } },
    ];
    for (const one of bad) expect((await inbox.send(one)).status).toBe(401);
    expect(await inbox.guard.receipts()).toEqual([]);
    expect(inbox.handled).toEqual([]);
  });

  it("a redelivery under another delivery id is the same event, where the id is not signed", async () => {
    const inbox = await open(provider.source());
    const good = await signed(freshId(), 1, 1_700_000_000);
    await inbox.send(good);
    for (const name of ["x-github-delivery", "x-shopify-webhook-id"]) {
      if (good.headers[name] !== undefined)
        await inbox.send({ ...good, headers: { ...good.headers, [name]: "another" } });
    }
    await settled(inbox);
    expect(inbox.handled).toHaveLength(1);
  });
});

describe("what is signed long ago is refused", () => {
  const old = seconds() - 3_600;
  it.each(PROVIDERS.filter(({ name }) => ["Standard Webhooks", "Svix", "Stripe", "Slack"].includes(name)))(
    "$name",
    async ({ source, event, sign }) => {
      const inbox = await open(source());
      expect((await inbox.send(await sign(JSON.stringify(event("evt_old", 1, old)), "evt_old", old))).status).toBe(401);
    },
  );
});

describe("the examples of the providers' own documentation", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const verify = (source: WebhookSource, body: string, headers: Record<string, string>) =>
    source.verify({ headers: new Headers(headers), body: Buffer.from(body) });

  it("Slack: a slash command", async () => {
    vi.setSystemTime(1_531_420_618_000);
    const body =
      "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const event = await verify(slackWebhooks({ secret: "8f742231b10e8888abcd99yyyzzz85a5" }), body, {
      "content-type": "application/x-www-form-urlencoded",
      "x-slack-request-timestamp": "1531420618",
      "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    });
    expect(event).toMatchObject({ type: "/webhook-collect", id: expect.stringMatching(/^398738663015\./) });
  });

  it("Standard Webhooks and Svix: the signature of their documents", async () => {
    vi.setSystemTime(1_614_265_330_000);
    const body = '{"test": 2432232314}';
    const [id, timestamp, signature] = [
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "1614265330",
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ];
    const standard = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
    const svix = { "svix-id": id, "svix-timestamp": timestamp, "svix-signature": signature };
    expect(await verify(standardWebhooks({ secret: WHSEC }), body, standard)).toMatchObject({ id });
    expect(await verify(svixWebhooks({ secret: WHSEC }), body, svix)).toMatchObject({ id });
    expect(await verify(svixWebhooks({ secret: WHSEC }), body, standard)).toMatchObject({ id });
    // While secrets are being changed, either is good.
    const other = "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    expect(await verify(standardWebhooks({ secret: [other, WHSEC] }), body, standard)).toMatchObject({ id });
    expect(await verify(standardWebhooks({ secret: other }), body, standard)).toBeNull();
  });

  it("GitHub: the signature of its document is that of the secret", async () => {
    // The document's body is no JSON, so it is recognised and then refused for what it is.
    const headers = {
      "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    };
    const source = githubWebhooks({ secret: "It's a Secret to Everybody" });
    await expect(verify(source, "Hello, World!", headers)).rejects.toMatchObject({ code: "payload_not_json" });
    expect(await verify(source, "Hello, World.", headers)).toBeNull();
  });
});

describe("the inbox", () => {
  const stripe = PROVIDERS[2] as Provider;
  const delivery = async (object: number, at: number, id = freshId(), more = {}): Promise<Signed> =>
    stripe.sign(JSON.stringify({ ...(stripe.event(id, object, at) as object), ...more }), id);

  it("an older event never overwrites a newer state, in whatever order they come", async () => {
    const state = new Map<string | null, number>();
    const inbox = await open(stripe.source(), { handle: (event) => void state.set(event.object, event.at ?? 0) });
    for (const at of [5, 2, 9, 1, 7, 9, 3]) {
      await inbox.send(await delivery(1, 1_700_000_000 + at));
      await settled(inbox);
    }
    await inbox.send(await delivery(2, 1_700_000_004));
    await settled(inbox);
    expect(Object.fromEntries(state)).toEqual({ "charge:ch_1": 1_700_000_009_000, "charge:ch_2": 1_700_000_004_000 });
    const results = await inbox.guard.receipts({ recordId: "charge:ch_1" });
    expect(
      results.filter(({ result }) => result && "json" in result && /"applied":false/.test(result.json)),
    ).toHaveLength(4);
  });

  it("all at once, and in any order: the newest one stands, and one object's are handled one at a time", async () => {
    let running = 0;
    let most = 0;
    let last = 0;
    const inbox = await open(stripe.source(), {
      handle: async (event) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 2));
        expect(event.at as number).toBeGreaterThanOrEqual(last);
        last = event.at as number;
        running -= 1;
      },
    });
    const times = [4, 8, 1, 9, 3, 7, 2, 6, 5, 10].map((at) => 1_700_000_000 + at);
    const sent = await Promise.all(times.map(async (at) => inbox.send(await delivery(1, at))));
    expect(sent.map(({ status }) => status)).toEqual(Array(10).fill(200));
    await settled(inbox);
    expect([most, last]).toEqual([1, 1_700_000_010_000]);
  });

  it("two notices of one thing are one, if the application says what is the same", async () => {
    const inbox = await open(stripe.source(), { same: ({ object }) => object });
    await inbox.send(await delivery(1, 1_700_000_001));
    await inbox.send(await delivery(1, 1_700_000_001));
    await settled(inbox);
    expect(inbox.handled).toHaveLength(1);
  });

  it("a redelivery with a difference that is beside the point is the same event", async () => {
    const inbox = await open(stripe.source());
    await inbox.send(await delivery(1, 1_700_000_000, "evt_same"));
    expect((await inbox.send(await delivery(1, 1_700_000_000, "evt_same", { pending_webhooks: 0 }))).status).toBe(200);
    await settled(inbox);
    expect(inbox.handled).toHaveLength(1);
  });

  it("a handler that fails: not run again unless it may be; then a person is asked", async () => {
    let runs = 0;
    const fails = () => {
      runs += 1;
      throw new Error("the database is away");
    };
    const once = await open(stripe.source(), { handle: fails });
    await once.send(await delivery(1, 1_700_000_000));
    await settled(once);
    expect(runs).toBe(1);
    expect(await once.guard.reviews()).toMatchObject([{ action: "webhook:stripe", reason: expect.any(String) }]);

    runs = 0;
    const again = await open(stripe.source(), {
      handle: fails,
      repeatable: true,
      retry: { maxAttempts: 3, base: "1ms", cap: "2ms" },
    });
    const delivered = await delivery(1, 1_700_000_000);
    await again.send(delivered);
    await until(async () => {
      await again.guard.reconcile();
      return (await again.guard.reviews()).length === 1;
    }, "the dead letter");
    expect(runs).toBe(3);
    expect((await again.send(delivered)).status).toBe(200);
    await settled(again);
    expect(runs).toBe(3);
  });

  it("feeds evidence: a provider's word settles a payment that was in doubt", async () => {
    const pay = defineAction({
      name: "pay",
      riskTier: "side_effecting",
      execute: async () => {
        throw new Error("socket hang up");
      },
    });
    const inbox = await open(
      stripe.source(),
      {
        evidence: ({ data }) => {
          const { metadata } = (data as { data: { object: { metadata?: { request?: string } } } }).data.object;
          return metadata?.request === undefined
            ? null
            : { requestId: metadata.request, answer: "happened", result: { paid: true } };
        },
        handle: () => undefined,
      },
      { actions: [pay as never] },
    );
    expect(await inbox.guard.execute("pay" as never, {} as never, { requestId: "pay:1" })).toMatchObject({
      status: "in_doubt",
    });
    const object = { id: "ch_1", object: "charge", metadata: { request: "pay:1" } };
    await inbox.send(await delivery(1, 1_700_000_000, freshId(), { data: { object } }));
    await inbox.send(
      await delivery(1, 1_700_000_001, freshId(), {
        data: { object: { ...object, metadata: { request: "nobody's" } } },
      }),
    );
    await inbox.send(await delivery(1, 1_700_000_002));
    await settled(inbox);
    expect(await inbox.guard.execute("pay" as never, {} as never, { requestId: "pay:1" })).toMatchObject({
      status: "replayed",
      result: { paid: true },
    });
    const log = await inbox.guard.log("pay:1");
    expect(JSON.stringify(log)).toContain("stripe webhook evt_");
    expect((await inbox.guard.receipts({ action: "webhook:stripe" })).map(({ state }) => state)).toEqual(
      Array(3).fill("succeeded"),
    );
  });

  it("what was answered is persisted: another process handles it after a crash", async () => {
    const { address, remove } = await createStore("sqlite");
    onTestFinished(remove);
    if (address.kind !== "sqlite") throw new Error("a file is needed here");
    const store = sqliteStore({ path: address.path });
    // The first process takes it in and never comes to handle it.
    const first = webhookInbox({ source: stripe.source(), handle: () => undefined, report: () => undefined });
    const taking = createGuard({ store, actions: [first.action], sweepEvery: false }) as unknown as Guard;
    const receive = first.receiver({ ...taking, reconcile: (async () => ({ moved: [], left: [] })) as never });
    const { body, headers } = await delivery(1, 1_700_000_000);
    const answer = await receive(new Request("http://x/hooks", { method: "POST", body, headers }));
    expect(answer.status).toBe(200);
    await taking.close();
    const second = await open(stripe.source(), {}, { store: sqliteStore({ path: address.path }) });
    await second.guard.reconcile();
    expect(second.handled).toHaveLength(1);
    expect((await second.send({ body, headers })).status).toBe(200);
    await settled(second);
    expect(second.handled).toHaveLength(1);
  });

  it("a store that is away: 503 with Retry-After, so that the provider sends it again", async () => {
    const inbox = await open(stripe.source());
    await inbox.guard.close();
    const { body, headers } = await delivery(1, 1_700_000_000);
    const answer = await inbox.send({ body, headers });
    expect(answer.status).toBe(503);
    expect(inbox.handled).toEqual([]);
  });

  it("a halted action: 503, nothing is taken in; afterwards it is", async () => {
    const inbox = await open(stripe.source());
    await inbox.guard.halt("action", "webhook:stripe", { actor: "ann", reason: "bad release" });
    const good = await delivery(1, 1_700_000_000);
    expect((await inbox.send(good)).status).toBe(503);
    await inbox.guard.resume("action", "webhook:stripe", { actor: "ann", reason: "taken back" });
    expect((await inbox.send(good)).status).toBe(200);
    await settled(inbox);
    expect(inbox.handled).toHaveLength(1);
  });

  it("bodies that are no use: too large, not JSON, without an id", async () => {
    const inbox = await open(stripe.source(), { maxBodyBytes: 2_000 });
    expect((await inbox.send({ body: "x".repeat(3_000), headers: {} })).status).toBe(413);
    for (const body of ["{", "[]", '{"id":"","type":"x"}', '{"id":"a","id":"b"}']) {
      expect([body, (await inbox.send(await stripe.sign(body, "x"))).status]).toEqual([body, 400]);
    }
    expect(await inbox.guard.receipts()).toEqual([]);
  });

  it("Slack asks whether anybody is here", async () => {
    const slack = PROVIDERS[5] as Provider;
    const inbox = await open(slack.source());
    const body = '{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}';
    expect(await inbox.send(await slack.sign(body, ""))).toEqual({
      status: 200,
      text: "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
    });
    expect((await inbox.send({ body, headers: {} })).status).toBe(401);
  });

  it.each<[string, () => unknown]>([
    ["no source", () => webhookInbox({ handle: () => undefined } as never)],
    ["nothing to do", () => webhookInbox({ source: stripe.source() })],
    ["an empty secret", () => stripeWebhooks({ secret: "" })],
    ["no secrets", () => slackWebhooks({ secret: [] })],
  ])("an inbox that cannot be meant: %s", (_what, make) => {
    expect(make).toThrowError(expect.objectContaining({ code: "invalid_option" }));
  });
});
