import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import { connect } from "node:net";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { httpAction } from "../../src/kinds/http-action.ts";
import { mcpServer } from "../../src/mcp/server/create-server.ts";
import { issuerTokens } from "../../src/mcp/server/http/issuer-tokens.ts";
import { type HttpOptions, type HttpServing, serveOverHttp } from "../../src/mcp/server/http/serve.ts";
import { staticTokens } from "../../src/mcp/server/http/static-tokens.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { callTool, ERAS, type Era, speaking } from "./host.ts";
import { openShop, type Shop } from "./shop.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

let n = 0;
const fresh = (): string => `W${++n}-${process.pid}`;

async function serve(options: Partial<HttpOptions> = {}, operator = false): Promise<HttpServing> {
  const order = { kind: "http", riskTier: "side_effecting", keyFields: ["ref"], url: `${shop.url}/orders` } as const;
  const actions = [httpAction({ ...order, name: "order" }), httpAction({ ...order, name: "careful_order" })];
  const guard = createGuard({
    store: memoryStore(),
    actions,
    rules: [{ action: "careful_order", verdict: "review", reason: "needs a person" }],
  });
  const factory = mcpServer({ guard, actions, operator });
  const serving = await serveOverHttp(factory, { host: "127.0.0.1", port: 0, tokens: [], ...options });
  onTestFinished(async () => {
    await serving.close();
    await guard.close();
  });
  return serving;
}

async function host(serving: HttpServing, era: Era, headers: Record<string, string> = {}): Promise<Client> {
  const client = new Client({ name: "test-host", version: "1" }, speaking(era));
  await client.connect(new StreamableHTTPClientTransport(new URL(serving.url), { requestInit: { headers } }));
  onTestFinished(() => client.close());
  return client;
}

/** A legacy call without a client, which may be as wrong as it likes. */
async function post(serving: HttpServing, body: string, headers: Record<string, string> = {}): Promise<Response> {
  const response = await fetch(serving.url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
    body,
  });
  // The status comes before the answer, which comes when it is done.
  return new Response(await response.arrayBuffer(), response);
}

function orderCall(ref: string, more = ""): string {
  return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe_execute","arguments":{"action":"order","payload":{"ref":"${ref}"${more}}}}}`;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const hashed = (token: string) => createHash("sha256").update(token).digest("hex");

describe.each(ERAS)("onceguard mcp over HTTP, protocol %s", (era) => {
  it("a repeated call, and two at the same time from two hosts, are one effect", async () => {
    const serving = await serve();
    const [a, b] = [await host(serving, era), await host(serving, era)];
    await a.listTools();
    const given = { action: "order", payload: { ref: fresh(), mode: "slow" } };
    const both = await Promise.all([callTool(a, "safe_execute", given), callTool(b, "safe_execute", given)]);
    expect(both.map(({ data }) => data.status).sort()).toEqual(["executed", "replayed"]);
    expect((await callTool(a, "safe_execute", given)).data.status).toBe("replayed");
    expect(shop.orders(given.payload.ref)).toHaveLength(1);
  });

  it("a caller that is cut off mid-effect is detached; its re-issue joins", async () => {
    const serving = await serve();
    const first = await host(serving, era);
    const given = { action: "order", payload: { ref: fresh(), mode: "slow" } };
    const leave = new AbortController();
    const lost = first
      .callTool({ name: "safe_execute", arguments: given }, { signal: leave.signal })
      .catch((error: Error) => error);
    await shop.until(() => shop.orders(given.payload.ref).length === 1, "the order");
    leave.abort();
    await first.close();
    await lost;
    const { data } = await callTool(await host(serving, era), "safe_execute", given);
    expect(["executed", "replayed"]).toContain(data.status);
    expect(data.result.body.ref).toBe(given.payload.ref);
    expect(shop.orders(given.payload.ref)).toHaveLength(1);
  });

  it("the tenant comes from the token: another tenant's receipts are not there", async () => {
    const tokens = [
      staticTokens([
        { sha256: hashed("token-a"), tenant: "a", name: "agent-a" },
        { sha256: hashed("token-b"), tenant: "b", name: "agent-b" },
      ]),
    ];
    const serving = await serve({ tokens });
    const [a, b] = [await host(serving, era, bearer("token-a")), await host(serving, era, bearer("token-b"))];
    const given = { action: "order", payload: { ref: fresh() } };
    const { data } = await callTool(a, "safe_execute", given);
    expect(data).toMatchObject({ status: "executed", receipt: { actor: "agent-a" } });
    expect((await callTool(b, "get_receipt", { request_id: data.request_id })).data.status).toBe("not_found");
    expect((await callTool(b, "safe_execute", given)).data.status).toBe("executed");
    expect(shop.orders(given.payload.ref)).toHaveLength(2);
    expect(JSON.stringify(shop.orders(given.payload.ref))).not.toContain("token-");
  });

  it("an operator's tools are there for operators only", async () => {
    const tokens = [
      staticTokens([
        { sha256: hashed("caller"), tenant: "a", name: "agent" },
        { sha256: hashed("operator"), tenant: "a", name: "ada", role: "operator" },
      ]),
    ];
    const serving = await serve({ tokens }, true);
    const [agent, ada] = [await host(serving, era, bearer("caller")), await host(serving, era, bearer("operator"))];
    const names = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name);
    expect(await names(agent)).not.toContain("resolve_review");
    expect(await names(ada)).toContain("resolve_review");

    const given = { action: "careful_order", payload: { ref: fresh() } };
    const held = await callTool(agent, "safe_execute", given);
    expect(held.data.status).toBe("held");
    const decision = {
      request_id: held.data.request_id,
      decision: "approve",
      reason: "looked at it",
      expected_version: held.data.receipt.version,
    };
    await expect(callTool(agent, "resolve_review", decision)).rejects.toThrow(/no tool/);
    const { data } = await callTool(ada, "list_reviews", {});
    expect(data.reviews).toMatchObject([{ request_id: held.data.request_id, payload: given.payload }]);
    expect((await callTool(ada, "resolve_review", { ...decision, expected_version: 9 })).data.error.code).toBe(
      "version_conflict",
    );
    await callTool(ada, "resolve_review", decision);
    await callTool(agent, "safe_execute", given);
    expect(shop.orders(given.payload.ref)).toHaveLength(1);
  });
});

describe("what gets no further than the door", () => {
  it("a foreign origin, a foreign host name, another path", async () => {
    const serving = await serve();
    const before = shop.count();
    expect((await post(serving, orderCall("X"), { origin: "https://evil.example" })).status).toBe(403);
    expect((await post(serving, orderCall("X"), { origin: "null" })).status).toBe(403);
    expect(await statusFor(serving, "rebound.example")).toBe(403);
    expect((await fetch(new URL("/elsewhere", serving.url))).status).toBe(404);
    expect((await post(serving, orderCall("X"), { "content-type": "text/plain" })).status).toBe(415);
    expect(shop.count()).toBe(before);
    expect((await post(serving, orderCall(fresh()), { origin: "http://localhost:3000" })).status).toBe(200);
  });

  it("malformed, too deep, too large, twice the same key: an error, nothing executed, and the server goes on", async () => {
    const serving = await serve();
    const before = shop.count();
    const refused = async (body: string) => {
      const response = await post(serving, body);
      return [response.status, ((await response.json()) as { error: { code: number } }).error.code];
    };
    expect(await refused("this is not JSON")).toEqual([400, -32700]);
    expect(await refused("[]")).toEqual([400, -32600]);
    expect(await refused(orderCall("X", `,"deep":${"[".repeat(20_000)}${"]".repeat(20_000)}`))).toEqual([400, -32600]);
    expect(await refused(orderCall("X", ',"a":1,"a":2'))).toEqual([400, -32600]);
    expect(await refused(orderCall("X", `,"text":"${"x".repeat(50 * 1_048_576)}"`)).catch(() => [413])).toContain(413);
    expect(shop.count()).toBe(before);
    const ref = fresh();
    expect((await post(serving, orderCall(ref))).status).toBe(200);
    expect(shop.orders(ref)).toHaveLength(1);
  });
});

describe("as an OAuth resource server", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const audience = "https://guard.example/mcp";

  async function issuer(): Promise<string> {
    const server = createServer((request, response) => {
      const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
      const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "ES256" }];
      const body = request.url === "/jwks" ? { keys } : { issuer: url, jwks_uri: `${url}/jwks` };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  }

  function token(claims: Record<string, unknown>, header: Record<string, unknown> = {}, key = privateKey): string {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg: "ES256", kid: "k1", ...header })}.${part(claims)}`;
    return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  }

  it("says who hands out tokens, takes those made out for it, and no others", async () => {
    const iss = await issuer();
    const tokens = [issuerTokens({ issuer: iss, audience, tenantClaim: "tenant" })];
    const serving = await serve({ tokens, issuer: iss, publicUrl: audience });
    // The server is reached under its own address, and calls itself by its public one.
    const at = serving.listening;
    const url = new URL(at);
    const exp = Math.floor(Date.now() / 1_000) + 300;
    const good = { iss, aud: audience, sub: "agent-7", tenant: "acme", exp };

    const metadata = await (await fetch(new URL("/.well-known/oauth-protected-resource/mcp", url))).json();
    expect(metadata).toMatchObject({ resource: audience, authorization_servers: [iss] });

    const answer = (headers: Record<string, string>, ref = fresh()) =>
      post({ ...serving, url: at }, orderCall(ref), headers);
    const before = shop.count();
    const bad: Record<string, string> = {
      none: "",
      nonsense: "abc",
      "another audience": token({ ...good, aud: "https://other.example/mcp" }),
      "no audience": token({ ...good, aud: undefined }),
      "another issuer": token({ ...good, iss: "https://evil.example" }),
      expired: token({ ...good, exp: exp - 4_000 }),
      "no expiry": token({ ...good, exp: undefined }),
      "not yet": token({ ...good, nbf: exp + 4_000 }),
      "no tenant": token({ ...good, tenant: undefined }),
      "signed by a stranger": token(good, {}, stranger),
      "an unknown key": token(good, { kid: "k2" }),
      unsigned: `${token(good, { alg: "none" }).split(".").slice(0, 2).join(".")}.`,
      "a shared secret": token(good, { alg: "HS256" }),
    };
    for (const [what, text] of Object.entries(bad)) {
      const response = await answer(text === "" ? {} : bearer(text));
      expect([what, response.status]).toEqual([what, 401]);
      expect(response.headers.get("www-authenticate")).toContain(
        'resource_metadata="https://guard.example/.well-known/oauth-protected-resource/mcp"',
      );
    }
    expect(shop.count()).toBe(before);
    expect((await answer(bearer(token(good)))).status).toBe(200);
    expect(shop.count()).toBe(before + 1);
  });
});

/** fetch does not let go of the Host header. */
function statusFor(serving: HttpServing, name: string): Promise<number> {
  const { port } = new URL(serving.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1", () => {
      socket.write(`POST /mcp HTTP/1.1\r\nHost: ${name}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    });
    socket.once("error", reject);
    socket.once("data", (data) => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(data.toString())?.[1])));
  });
}
