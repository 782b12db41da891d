import { createServer, type IncomingMessage, type Server } from "node:http";
import { Agent, fetch as undiciFetch, request as undiciRequest } from "undici";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { unusable } from "../../src/core/provider.ts";
import { PROVIDERS } from "../../src/core/provider-contracts.ts";
import { type FetchRule, type GuardedFetchOptions, guardedDispatch, guardedFetch } from "../../src/fetch/index.ts";
import { keyPlaceOf } from "../../src/fetch/key-place.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import type { Guard } from "../../src/pipeline/guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { openShop, type Shop } from "../mcp/shop.ts";
import { freePort } from "../support/server-process.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

let n = 0;
const fresh = (): string => `F${++n}-${process.pid}`;

function open(rules: FetchRule[], options: Partial<GuardedFetchOptions> = {}) {
  const store = memoryStore();
  const guard = createGuard({
    store,
    sweepEvery: false,
    wait: "5s",
    onBackgroundError: () => undefined,
  }) as unknown as Guard;
  onTestFinished(() => guard.close());
  return { guard, store, fetch: guardedFetch({ guard, rules, ...options }) };
}

const order = (more: Partial<FetchRule> = {}): FetchRule => ({
  name: "order",
  url: `${shop.url}/orders`,
  keyFields: ["body.ref"],
  ...more,
});

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: Error & { code?: string; fields?: { outcome?: { status: string } } }) => ({
      code: error.code ?? error.name,
      status: error.fields?.outcome?.status,
    }),
  );

describe("guardedFetch", () => {
  it("sends it once; the same again is answered from the receipt", async () => {
    const { fetch } = open([order()]);
    const ref = fresh();
    const first = await fetch(`${shop.url}/orders`, post({ ref }));
    expect([first.status, first.headers.get("onceguard-status")]).toEqual([201, "executed"]);
    const again = await fetch(`${shop.url}/orders`, post({ ref }));
    expect([again.status, again.headers.get("onceguard-status")]).toEqual([201, "replayed"]);
    expect(await again.json()).toEqual(await first.json());
    expect(again.headers.get("content-type")).toBe("application/json");
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("many at the same time are one", async () => {
    const { fetch } = open([order()]);
    const ref = fresh();
    const all = await Promise.all(
      Array.from({ length: 20 }, () => fetch(`${shop.url}/orders`, post({ ref, mode: "slow" }))),
    );
    expect(all.map(({ status }) => status)).toEqual(Array(20).fill(201));
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("what changes nothing goes through; what no rule fits is not sent", async () => {
    const { fetch } = open([order()]);
    expect(await (await fetch(`${shop.url}/orders?ref=x`)).json()).toEqual({ items: [] });
    const before = shop.count();
    expect(await rejection(fetch(`${shop.url}/other`, post({ ref: fresh() })))).toMatchObject({
      code: "missing_identity",
    });
    expect(await rejection(fetch(`${shop.url}/orders`, { method: "DELETE" }))).toMatchObject({
      code: "missing_key_field",
    });
    expect(shop.count()).toBe(before);
    const { fetch: passing } = open([order()], { unmatched: "pass" });
    expect((await passing(`${shop.url}/other`, post({ ref: fresh() }))).status).toBe(201);
    expect(shop.count()).toBe(before + 1);
  });

  it("a lost response is in doubt and not sent again; without a probe it stays so", async () => {
    const { fetch } = open([order()]);
    const ref = fresh();
    const doubt = { code: "outcome_not_success", status: "in_doubt" };
    expect(await rejection(fetch(`${shop.url}/orders`, post({ ref, mode: "lose" })))).toEqual(doubt);
    expect(await rejection(fetch(`${shop.url}/orders`, post({ ref, mode: "lose" })))).toEqual(doubt);
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("with a probe, a lost response is found out by a GET", async () => {
    const { fetch } = open([
      order({
        retry: { base: "10ms" },
        probe: ({ body }) => ({
          url: `${shop.url}/orders?ref=${(body as { ref: string }).ref}`,
          happenedWhen: "items[0].id",
        }),
      }),
    ]);
    const ref = fresh();
    const answer = await fetch(`${shop.url}/orders`, post({ ref, mode: "lose" }));
    expect([answer.status, answer.headers.get("onceguard-status")]).toEqual([200, "executed"]);
    expect(await answer.json()).toMatchObject({ items: [{ ref }] });
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("a provider that dedupes: sent again under the same key, in the header its contract names", async () => {
    const keys: (string | undefined)[] = [];
    const server = await listening((request, respond) => {
      keys.push(request.headers["idempotency-key"] as string | undefined);
      if (keys.length === 1) return request.socket.destroy();
      respond(200, { refund: 1 });
    });
    const { fetch } = open([
      {
        name: "refund",
        url: `${server}/v1/refunds`,
        keyFields: ["body.charge"],
        provider: "stripe",
        retry: { base: "10ms" },
      },
    ]);
    const answer = await fetch(
      `${server}/v1/refunds`,
      post({ charge: "ch_1" }, { "idempotency-key": "the caller's own" }),
    );
    expect(await answer.json()).toEqual({ refund: 1 });
    expect(keys).toHaveLength(2);
    expect(keys[0]).toBe(keys[1]);
    expect(keys[0]?.length).toBeLessThanOrEqual(36);
    expect(keys[0]).not.toBe("the caller's own");
  });

  it("every provider of the catalogue: its key is placed, or the rule is refused", () => {
    const placed = PROVIDERS.filter((contract) => {
      try {
        const { place } = keyPlaceOf({ name: "x", url: "https://x.example/", provider: contract.name });
        return place !== null;
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid_option" });
        return false;
      }
    }).map(({ name }) => name);
    expect(placed).toEqual(expect.arrayContaining(["stripe", "adyen", "paypal"]));
    const headers = PROVIDERS.filter((one) => unusable(one) === null && /^header /.test(one.key?.where ?? ""));
    expect(placed).toEqual(expect.arrayContaining(headers.map(({ name }) => name)));
  });

  it("a refusal is the other side's own answer, now and again, and nothing is sent the second time", async () => {
    const seen: string[] = [];
    const server = await listening((request, respond) => {
      seen.push(request.url ?? "");
      respond(Number(/\d+/.exec(request.url ?? "")?.[0]), { error: "no" });
    });
    for (const status of [402, 404, 422]) {
      const { fetch } = open([{ name: "refused", url: `${server}/s${status}`, key: () => ["x"] }]);
      const first = await fetch(`${server}/s${status}`, post({}));
      expect([first.status, await first.json()]).toEqual([status, { error: "no" }]);
      const again = await fetch(`${server}/s${status}`, post({}));
      expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([status, "true"]);
    }
    expect(seen).toEqual(["/s402", "/s404", "/s422"]);
  });

  it("5xx, a redirect and a body that breaks off leave it in doubt; a connection that was refused does not", async () => {
    const seen: string[] = [];
    const server = await listening((request, respond, response) => {
      seen.push(request.url ?? "");
      if (request.url === "/redirect") return void response.writeHead(307, { location: "/elsewhere" }).end();
      if (request.url === "/half") {
        response.writeHead(200, { "content-length": "100" });
        return void response.write("half", () => request.socket.destroy());
      }
      respond(503, {});
    });
    for (const path of ["/broken", "/redirect", "/half"]) {
      const { fetch } = open([{ name: "x", url: `${server}${path}`, key: () => [path] }]);
      const status = "in_doubt";
      expect([path, await rejection(fetch(`${server}${path}`, post({})))]).toMatchObject([path, { status }]);
      expect([path, await rejection(fetch(`${server}${path}`, post({})))]).toMatchObject([path, { status }]);
    }
    expect(seen).toEqual(["/broken", "/redirect", "/half"]);
    const nobody = `http://127.0.0.1:${await freePort()}/x`;
    const { fetch, guard } = open([{ name: "x", url: nobody, key: () => ["x"], retry: { maxAttempts: 1 } }]);
    expect(await rejection(fetch(nobody, post({})))).toMatchObject({ status: "review" });
    const [receipt] = await guard.reviews();
    expect(receipt).toMatchObject({ mayHaveApplied: false, failure: { certainty: "definite" } });
  });

  it("credentials are sent and never recorded; whoever carries it on has those of the rule, or sends nothing", async () => {
    const { fetch, guard } = open([order({ retry: { base: "10ms", maxAttempts: 2 } })]);
    const ref = fresh();
    await fetch(`${shop.url}/orders`, post({ ref }, { authorization: "Bearer top-secret", "x-api-key": "hidden" }));
    expect(shop.orders(ref)[0]?.authorization).toBe("Bearer top-secret");
    const [receipt] = await guard.receipts();
    expect(JSON.stringify(receipt)).not.toMatch(/top-secret|hidden/);
    // The same request under a new token is the same request.
    const again = await fetch(`${shop.url}/orders`, post({ ref }, { authorization: "Bearer renewed" }));
    expect(again.headers.get("onceguard-status")).toBe("replayed");
    const other = fresh();
    const held = {
      method: "POST",
      url: `${shop.url}/orders`,
      headers: { "content-type": "application/json" },
      body: { ref: other },
      credentials: true,
    };
    await guard.enqueue("order" as never, held as never);
    await guard.reconcile();
    expect(shop.orders(other)).toHaveLength(0);
    const { fetch: _fetch, guard: second } = open([
      order({ headers: () => ({ authorization: "Bearer of-the-rule" }) }),
    ]);
    await second.enqueue("order" as never, held as never);
    await second.reconcile();
    expect(shop.orders(other).map(({ authorization }) => authorization)).toEqual(["Bearer of-the-rule"]);
  });

  it("credentials and bodies go with their own request only, also where a sweeper sends in the middle of another call", async () => {
    const seen: { ref: string; authorization: string | undefined }[] = [];
    let release: () => void = () => undefined;
    const server = await listening(async (request, respond) => {
      let text = "";
      for await (const chunk of request) text += chunk;
      const { ref } = JSON.parse(text) as { ref: string };
      seen.push({ ref, authorization: request.headers.authorization });
      if (ref === "slow") await new Promise<void>((resolve) => (release = resolve));
      respond(200, { ref });
    });
    const { fetch, guard } = open([
      { name: "pay", url: `${server}/pay`, keyFields: ["body.ref"], headers: () => ({ "x-rule": "1" }) },
    ]);
    const slow = fetch(`${server}/pay`, post({ ref: "slow" }, { authorization: "Bearer ann" }));
    await vi.waitFor(() => expect(seen).toHaveLength(1));
    const payload = {
      method: "POST",
      url: `${server}/pay`,
      headers: { "content-type": "application/json" },
      body: { ref: "swept" },
    };
    await guard.enqueue("pay" as never, payload as never);
    await guard.reconcile();
    const bob = fetch(`${server}/pay`, post({ ref: "bob's" }, { authorization: "Bearer bob" }));
    expect((await bob).status).toBe(200);
    release();
    expect((await slow).status).toBe(200);
    expect(seen).toEqual([
      { ref: "slow", authorization: "Bearer ann" },
      { ref: "swept", authorization: undefined },
      { ref: "bob's", authorization: "Bearer bob" },
    ]);
  });

  it("prose in a body is not its identity; other content under the same key is refused", async () => {
    const { fetch } = open([order({ volatile: ["body.note"] })]);
    const ref = fresh();
    await fetch(`${shop.url}/orders`, post({ ref, note: "first words" }));
    expect((await fetch(`${shop.url}/orders`, post({ note: "others", ref }))).headers.get("onceguard-status")).toBe(
      "replayed",
    );
    expect(await rejection(fetch(`${shop.url}/orders`, post({ ref, amount: 2 })))).toMatchObject({
      status: "mismatch",
    });
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("bytes are sent as they were written; and what was recorded first, where a later call has other prose", async () => {
    const bodies: string[] = [];
    const server = await listening(async (request, respond) => {
      let text = "";
      for await (const chunk of request) text += chunk;
      bodies.push(text);
      respond(bodies.length === 2 ? 429 : 200, {});
    });
    const { fetch } = open([
      {
        name: "x",
        url: `${server}/x`,
        keyFields: ["body.ref"],
        volatile: ["body.note"],
        retry: { base: "1ms", cap: "1ms" },
      },
      { name: "empty", url: `${server}/empty`, key: () => ["x"] },
    ]);
    const send = (body: string) =>
      fetch(`${server}/x`, { method: "POST", headers: { "content-type": "application/json" }, body });
    await send('{ "ref" : 1.0,\n"note":"first" }');
    expect(bodies).toEqual(['{ "ref" : 1.0,\n"note":"first" }']);
    // Refused for now; the retry, whoever makes it, sends the first words.
    await send('{"ref":2,"note":"first"}');
    expect(bodies[1]).toBe(bodies[2]);
    await fetch(`${server}/empty`, { method: "POST", headers: { "content-type": "application/json" } });
    expect(bodies.at(-1)).toBe("");
  });

  it("forms have a boundary of their own each time and are the same request; binary bodies arrive byte for byte", async () => {
    const bodies: Buffer[] = [];
    const server = await listening(async (request, respond) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      bodies.push(Buffer.concat(chunks));
      respond(200, { n: bodies.length });
    });
    const { fetch } = open([
      { name: "upload", url: `${server}/up`, key: ({ headers }) => [headers["content-type"]?.split(";")[0] ?? "none"] },
    ]);
    const form = (text: string): FormData => {
      const made = new FormData();
      made.set("file", new Blob([new Uint8Array([0, 255, 1])]), "a.bin");
      made.set("text", text);
      return made;
    };
    expect(await (await fetch(`${server}/up`, { method: "POST", body: form("a") })).json()).toEqual({ n: 1 });
    expect(await (await fetch(`${server}/up`, { method: "POST", body: form("a") })).json()).toEqual({ n: 1 });
    expect(await rejection(fetch(`${server}/up`, { method: "POST", body: form("b") }))).toMatchObject({
      status: "mismatch",
    });
    expect(bodies[0]?.includes(Buffer.from([0, 255, 1]))).toBe(true);
    const bytes = new Uint8Array([0, 159, 146, 150]);
    await fetch(`${server}/up`, {
      method: "PUT",
      body: bytes,
      headers: { "content-type": "application/octet-stream" },
    });
    expect([...(bodies[1] ?? [])]).toEqual([0, 159, 146, 150]);
  });

  it("a caller that gives up is detached: the effect is recorded, and the next call gets it", async () => {
    const { fetch } = open([order()]);
    const ref = fresh();
    const leave = new AbortController();
    const lost = rejection(fetch(`${shop.url}/orders`, { ...post({ ref, mode: "slow" }), signal: leave.signal }));
    await shop.until(() => shop.orders(ref).length === 1, "the order");
    leave.abort();
    expect(await lost).toMatchObject({ code: 20 });
    const answer = await fetch(`${shop.url}/orders`, post({ ref, mode: "slow" }));
    expect([answer.status, shop.orders(ref).length]).toEqual([201, 1]);
    const before = await rejection(
      fetch(`${shop.url}/orders`, { ...post({ ref: fresh() }), signal: AbortSignal.abort() }),
    );
    expect(before).toMatchObject({ code: 20 });
  });

  it("an answer larger than is kept: whole for the first caller, its status for the next", async () => {
    const server = await listening(
      (_request, _respond, response) => void response.writeHead(201).end("x".repeat(5_000)),
    );
    const { fetch } = open([{ name: "x", url: `${server}/x`, key: () => ["x"] }], { maxAnswerBytes: 1_000 });
    expect((await (await fetch(`${server}/x`, post({}))).text()).length).toBe(5_000);
    const again = await fetch(`${server}/x`, post({}));
    expect([again.status, await again.text(), again.headers.get("onceguard-result-omitted")]).toEqual([
      201,
      "",
      "true",
    ]);
  });

  it.each<[string, Partial<FetchRule>]>([
    ["no key", { keyFields: undefined } as never],
    ["a url with a query", { url: "https://x.example/a?b=1" }],
    ["no url", { url: "orders" }],
    ["a key without a header", { downstreamKey: { lifetime: "1h" } }],
    ["a provider and a header", { provider: "stripe", idempotencyHeader: "X" }],
    ["a header that is none", { idempotencyHeader: "a b" }],
    ["a provider whose key is no HTTP's", { provider: "bullmq" }],
  ])("a rule that cannot be meant: %s", (_what, more) => {
    expect(() => open([order(more)])).toThrowError(expect.objectContaining({ code: "invalid_option" }));
  });

  it("addresses fit step by step", async () => {
    const { fetch } = open([order({ url: `${shop.url}/customers/*/orders` })]);
    const ref = fresh();
    expect((await fetch(`${shop.url}/customers/7/orders?x=1`, post({ ref }))).status).toBe(201);
    for (const path of [
      "/customers//orders",
      "/customers/7/8/orders",
      "/customers/7/orders/1",
      "/Customers/7/orders",
    ]) {
      expect(await rejection(fetch(shop.url + path, post({ ref: fresh() })))).toMatchObject({
        code: "missing_identity",
      });
    }
  });
});

describe("guardedDispatch, with undici", () => {
  it("request and fetch of one agent: one effect, replayed; the rest goes through", async () => {
    const { guard } = open([]);
    const agent = new Agent().compose(guardedDispatch({ guard, rules: [order()] }));
    onTestFinished(() => agent.close());
    const ref = fresh();
    const given = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ref }),
    } as const;
    const first = await undiciRequest(`${shop.url}/orders`, { ...given, dispatcher: agent });
    expect([first.statusCode, first.headers["onceguard-status"]]).toEqual([201, "executed"]);
    const body = await first.body.json();
    const again = await undiciFetch(`${shop.url}/orders`, { ...given, dispatcher: agent });
    expect([again.status, again.headers.get("onceguard-status"), await again.json()]).toEqual([201, "replayed", body]);
    const got = await undiciRequest(`${shop.url}/orders`, { query: { ref }, dispatcher: agent });
    expect(await got.body.json()).toMatchObject({ items: [{ ref }] });
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("a stream as a body, a lost response, a request without a rule", async () => {
    const { guard } = open([]);
    const agent = new Agent().compose(guardedDispatch({ guard, rules: [order()] }));
    onTestFinished(() => agent.close());
    const ref = fresh();
    const body = async function* () {
      yield Buffer.from('{"ref":');
      yield Buffer.from(`"${ref}","mode":"lose"}`);
    };
    const send = (path = "/orders") =>
      undiciRequest(shop.url + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: body() as never,
        dispatcher: agent,
      });
    expect(await rejection(send())).toMatchObject({ status: "in_doubt" });
    expect(await rejection(send())).toMatchObject({ status: "in_doubt" });
    expect(await rejection(send("/nothing"))).toMatchObject({ code: "missing_identity" });
    expect(shop.orders(ref)).toHaveLength(1);
  });
});

type Respond = (status: number, body: unknown) => void;

/** A server of one's own for what the shop does not do. */
async function listening(
  handle: (request: IncomingMessage, respond: Respond, response: import("node:http").ServerResponse) => unknown,
): Promise<string> {
  const server: Server = createServer((request, response) => {
    const respond: Respond = (status, body) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    void handle(request, respond, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}
