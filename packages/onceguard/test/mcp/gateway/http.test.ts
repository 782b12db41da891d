import { describe, expect, it } from "vitest";
import { ERAS } from "../host.ts";
import { call, Desk, toolAnswer } from "./gateway-host.ts";
import { openDesk, openGateway, openHost } from "./http-host.ts";

const MODERN = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

function post(url: string, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) {
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "pay",
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal && { signal }),
  });
}

function pay(id: number, given: object): object {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name: "pay", arguments: given, _meta: MODERN } };
}

/** A token as anybody can write one. */
const token = (sub: string, n: number): string =>
  `Bearer x.${Buffer.from(JSON.stringify({ iss: "https://login", sub, n })).toString("base64url")}.y`;

describe.each(ERAS)("a gateway over HTTP, era %s", (era) => {
  it("does a repeated call once, and lets all else pass", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, await openDesk(desk));
    const client = await openHost(url, era);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("pay");
    expect(await call(client, "pay", { ref: "A1" })).toMatchObject({ status: "executed", text: "paid A1 as 1" });
    expect(await call(client, "pay", { ref: "A1" })).toMatchObject({ status: "replayed" });
    expect((await call(client, "find", { ref: "A1" })).status).toBeUndefined();
    expect(desk.did("A1")).toHaveLength(1);
  });

  it("hands on progress to its caller", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, await openDesk(desk));
    const client = await openHost(url, era);
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }) => void seen.push(progress);
    const paid = call(client, "pay", { ref: "A2", mode: "steps_hold" }, { onprogress } as never);
    // Before the answer: with that the client forgets its listener.
    await desk.until(() => seen.length === 3, "the progress");
    desk.release("A2");
    expect(await paid).toMatchObject({ status: "executed" });
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe("over HTTP", () => {
  it("a disconnect in the middle of an effect detaches, and the re-issued call hears of it", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, await openDesk(desk));
    const leaving = new AbortController();
    const first = post(url, pay(1, { ref: "B1", mode: "hold" }), {}, leaving.signal).catch(() => "left");
    await desk.until(() => desk.did("B1").length === 1, "the payment");
    leaving.abort();
    expect(await first).toBe("left");
    const second = post(url, pay(2, { ref: "B1", mode: "hold" }));
    desk.release("B1");
    const answer = (await (await second).json()) as { id: number; result: unknown };
    expect(answer.id).toBe(2);
    expect(toolAnswer(answer.result)).toMatchObject({ status: "replayed", text: expect.stringContaining("paid B1") });
    expect(desk.did("B1")).toHaveLength(1);
  });

  it("a server that dies in the middle of an effect leaves a question", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, await openDesk(desk));
    for (const id of [1, 2]) {
      const { result } = (await (await post(url, pay(id, { ref: "B2", mode: "crash" }))).json()) as { result: unknown };
      expect(["in_doubt", "review"]).toContain(toolAnswer(result).status);
    }
    expect(desk.did("B2")).toHaveLength(1);
  });

  it("nothing is sent when nobody is there", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, "http://127.0.0.1:9/mcp");
    const { error } = (await (await post(url, pay(1, { ref: "B3" }))).json()) as { error: { message: string } };
    expect(error.message).toContain("nothing was sent");
    expect((await post(url, { jsonrpc: "2.0", id: 1, method: "ping" })).status).toBe(502);
  });

  it("a token that nobody could look at counts for nothing", async () => {
    const desk = new Desk();
    const upstream = await openDesk(desk);
    const { url, child } = await openGateway(desk, upstream, ["--trust", "--token-subject"]);
    const { error } = (await (
      await post(url, pay(1, { ref: "B4", mode: "crash" }), { authorization: token("ann", 1) })
    ).json()) as { error?: { message: string } };
    expect(error).toBeUndefined(); // asked while the server was there, and it died in the middle
    const forged = await post(url, pay(2, { ref: "B4", mode: "crash" }), { authorization: token("ann", 2) });
    const answer = await forged.text();
    expect(answer).toContain("could not be asked whether you may call it");
    expect(answer).not.toContain("request_id");
    expect(desk.did("B4")).toHaveLength(1);
    child.kill();
  });

  it("a foreign origin, a foreign host, and other paths get nothing", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, await openDesk(desk));
    expect((await post(url, pay(1, { ref: "C1" }), { origin: "https://evil.example" })).status).toBe(403);
    expect((await post(url.replace("/mcp", "/other"), pay(1, { ref: "C1" }))).status).toBe(404);
    expect((await post(url, pay(1, { ref: "C1", note: "x".repeat(20_000_000) }))).status).toBe(413);
    expect((await post(url, `[${JSON.stringify(pay(1, { ref: "C1" }))}]`)).status).toBe(400);
    expect((await post(url, "{")).status).toBe(400);
    expect((await post(url, `${"[".repeat(20_000)}${"]".repeat(20_000)}`)).status).toBe(400);
    expect(desk.did("C1")).toEqual([]);
    expect((await post(url, pay(2, { ref: "C1" }))).status).toBe(200);
  });

  it("headers that disagree with the message are refused before anything is claimed", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, await openDesk(desk));
    for (const headers of [
      { "mcp-name": "find" },
      { "mcp-method": "ping" },
      { "mcp-protocol-version": "2025-11-25" },
    ]) {
      const answer = await post(url, pay(1, { ref: "C2" }), headers);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ id: 1, error: { code: -32020 } });
    }
    expect(desk.did("C2")).toEqual([]);
  });

  it("a challenge of the server's reaches its client, and the same call works once it is met", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, await openDesk(desk, { TOKEN: "good" }));
    const refused = await post(url, pay(1, { ref: "D1" }), { authorization: "Bearer bad" });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toContain("Bearer");
    const { result } = (await (await post(url, pay(2, { ref: "D1" }), { authorization: "Bearer good" })).json()) as {
      result: unknown;
    };
    expect(toolAnswer(result).status).toBe("executed");
    // Nobody else hears of it, whatever they know.
    const other = await post(url, pay(3, { ref: "D1" }), { authorization: "Bearer worse" });
    expect(other.status).toBe(401);
    expect(await other.text()).not.toContain("paid");
    const anonymous = await post(url, pay(4, { ref: "D1" }));
    expect(await anonymous.text()).not.toContain("paid D1");
    expect(desk.did("D1")).toHaveLength(1);
  });

  const statusFor = async (url: string, ref: string, headers: Record<string, string>) =>
    toolAnswer(((await (await post(url, pay(1, { ref }), headers)).json()) as { result: unknown }).result).status;

  it("what belongs to one caller's credentials is never shown to another's, whatever they claim", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, await openDesk(desk));
    const callers = [
      { authorization: token("ann", 1) },
      // Anybody can write this: nobody has checked who signed it.
      { authorization: `${token("ann", 1)}forged` },
      { "x-api-key": "one" },
      { "x-api-key": "two" },
      { cookie: "session=1" },
    ];
    for (const headers of callers)
      expect(await statusFor(url, "D2", headers), JSON.stringify(headers)).toBe("executed");
    for (const headers of callers)
      expect(await statusFor(url, "D2", headers), JSON.stringify(headers)).toBe("replayed");
    expect(desk.did("D2")).toHaveLength(callers.length);
  });

  it("where the server checks every token, a renewed one is the same caller's", async () => {
    const desk = new Desk();
    const { url } = await openGateway(desk, await openDesk(desk), ["--trust", "--token-subject"]);
    expect(await statusFor(url, "D4", { authorization: token("ann", 1) })).toBe("executed");
    expect(await statusFor(url, "D4", { authorization: token("ann", 2) })).toBe("replayed");
    expect(await statusFor(url, "D4", { authorization: token("bob", 1) })).toBe("executed");
    expect(desk.did("D4")).toHaveLength(2);
  });

  it("headers for the server come from the environment, and go nowhere else", async () => {
    const desk = new Desk();
    const upstream = await openDesk(desk, { TOKEN: "s3cret" });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the gateway fills it from its environment
    const args = ["--trust", "--header", "Authorization: Bearer ${STATIC}"];
    const { url, stderr } = await openGateway(desk, upstream, args);
    expect((await post(url, pay(1, { ref: "D3" }))).status).toBe(200);
    expect(desk.did("D3")).toHaveLength(1);
    expect(stderr()).not.toContain("s3cret");
  });

  it("an approval is asked of the host, in both eras", async () => {
    for (const era of ["2025-11-25", "2026-07-28"] as const) {
      const desk = new Desk();
      desk.config({ gateway: { tools: { pay: { riskTier: "side_effecting", approval: "money leaves" } } } });
      const { url } = await openGateway(desk, await openDesk(desk), []);
      const asked: string[] = [];
      const client = await openHost(url, era, {
        elicits: true,
        prepare: (made) => {
          made.setRequestHandler("elicitation/create", ({ params }) => {
            asked.push(params.message);
            return { action: "accept", content: { approve: true } };
          });
        },
      });
      const answer = await call(client, "pay", { ref: `E-${era}` });
      if (era === "2026-07-28") {
        expect(answer.status).toBe("executed");
        expect(asked.join()).toContain("money leaves");
        expect(desk.did(`E-${era}`)).toHaveLength(1);
      } else {
        // The desk has no sessions in this era, so that nothing is known of its host: a person decides elsewhere.
        expect(answer.status).toBe("held");
        expect(desk.did(`E-${era}`)).toHaveLength(0);
      }
    }
  });
});
