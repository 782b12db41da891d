import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { MCP } from "../host.ts";
import { call, Desk, toolAnswer, UPSTREAM } from "./gateway-host.ts";

/** The eleven traps of a gateway, in the order of docs/mcp-gateway.md. */

/** A host that speaks the protocol by hand, to see and to send what a well-behaved client does not. */
async function rawHost(desk: Desk, args: readonly string[] = ["--trust"], era: "legacy" | "modern" = "legacy") {
  const child = spawn(process.execPath, [MCP, "gateway", "--name", "desk", ...args, "--", process.execPath, UPSTREAM], {
    cwd: desk.folder,
    env: { ...process.env, LEDGER: desk.ledger },
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const received: Record<string, unknown>[] = [];
  const raw: string[] = [];
  let rest = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      raw.push(line);
      received.push(JSON.parse(line) as Record<string, unknown>);
    }
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const send = (message: object | string): void => {
    child.stdin.write(`${typeof message === "string" ? message : JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  };
  const answerTo = async (id: unknown): Promise<Record<string, unknown>> => {
    await desk.until(() => received.some((message) => message.id === id && !("method" in message)), `answer ${id}`);
    return received.find((message) => message.id === id && !("method" in message)) as Record<string, unknown>;
  };
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
  };
  if (era === "legacy") {
    const clientInfo = { name: "raw", version: "1" };
    const capabilities = { elicitation: {} };
    send({ id: "hello", method: "initialize", params: { protocolVersion: "2025-11-25", capabilities, clientInfo } });
    await answerTo("hello");
    send({ method: "notifications/initialized" });
  }
  const pay = (id: unknown, given: object, more: { meta?: object; params?: object; tool?: string } = {}): void => {
    const _meta = { ...(era === "modern" ? meta : {}), ...more.meta };
    const { tool: name = "pay", params } = more;
    send({
      id,
      method: "tools/call",
      params: { name, arguments: given, ...(Object.keys(_meta).length > 0 && { _meta }), ...params },
    });
  };
  return { child, received, raw, send, answerTo, pay, stderr: () => stderr };
}

/** What the server says to one line, with nothing in between. */
async function saidDirectly(line: string): Promise<string> {
  const child = spawn(process.execPath, [UPSTREAM], { stdio: ["pipe", "pipe", "inherit"] });
  const clientInfo = { name: "raw", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: "hello", method: "initialize", params })}\n`);
  child.stdin.end(`${line}\n`);
  let said = "";
  for await (const chunk of child.stdout) said += chunk;
  return said.trim().split("\n").at(-1) ?? "";
}

describe("1 · requests of its own", () => {
  it("have ids that nobody else uses, and their answers reach nobody else", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    host.pay("onceguard-1", { ref: "A1" });
    host.pay(1, { ref: "A2" });
    await host.answerTo("onceguard-1");
    await host.answerTo(1);
    const ids = host.received.map(({ id }) => id);
    expect(ids.sort()).toEqual(["hello", "onceguard-1", 1].sort());
  });
});

describe("2 · annotations", () => {
  it("are known before the first call, though nobody has listed any tool", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    host.pay(1, { ref: "B1" }, { tool: "find" });
    host.pay(2, { ref: "B1" }, { tool: "find" });
    // A safe call: it passes, and a repetition asks again.
    expect(JSON.stringify(await host.answerTo(2))).not.toContain("already made");
    host.pay(3, { ref: "B1" }, { tool: "remove" });
    expect(JSON.stringify(await host.answerTo(3))).toContain("missing_identity");
  });

  it("are asked for again when the server says that its tools have changed", async () => {
    const desk = new Desk();
    const { client } = await desk.open();
    await client.listTools();
    await call(client, "grow", {});
    expect((await call(client, "late_pay", { ref: "B2" })).status).toBe("executed");
    expect((await call(client, "late_pay", { ref: "B2" })).status).toBe("replayed");
    expect(desk.did("B2")).toHaveLength(1);
  });
});

describe("3 · a call of several rounds", () => {
  const asked = (message: Record<string, unknown>) =>
    message.result as { resultType: string; requestState: string; inputRequests: Record<string, unknown> };
  const yes = { sure: { action: "accept", content: { sure: true } } };

  it("is one action, whose upstream state stays with the gateway", async () => {
    const desk = new Desk();
    const host = await rawHost(desk, ["--trust"], "modern");
    host.pay(1, { ref: "C1" }, { tool: "confirm_pay" });
    const first = asked(await host.answerTo(1));
    expect(first.resultType).toBe("input_required");
    expect(first.requestState).not.toContain("state of C1");
    // The question was lost on the way: the same call is the same question.
    host.pay(2, { ref: "C1" }, { tool: "confirm_pay" });
    expect(asked(await host.answerTo(2)).inputRequests).toEqual(first.inputRequests);
    host.pay(
      3,
      { ref: "C1" },
      { tool: "confirm_pay", params: { requestState: first.requestState, inputResponses: yes } },
    );
    expect(toolAnswer((await host.answerTo(3)).result)).toMatchObject({ text: "paid C1 as 1", status: "executed" });
    expect(desk.did("C1")).toEqual([{ tool: "confirm_pay", ref: "C1", state: "state of C1" }]);
    // And once it is done, the same round and the same call both only show it.
    host.pay(
      4,
      { ref: "C1" },
      { tool: "confirm_pay", params: { requestState: first.requestState, inputResponses: yes } },
    );
    host.pay(5, { ref: "C1" }, { tool: "confirm_pay" });
    for (const id of [4, 5]) expect(toolAnswer((await host.answerTo(id)).result).status).toBe("replayed");
    expect(desk.did("C1")).toHaveLength(1);
  });

  it("takes no state that it has not given for this very call", async () => {
    const desk = new Desk();
    const host = await rawHost(desk, ["--trust"], "modern");
    host.pay(1, { ref: "C2" }, { tool: "confirm_pay" });
    const { requestState } = asked(await host.answerTo(1));
    const forged = [
      { id: 2, ref: "C3", state: requestState },
      { id: 3, ref: "C2", state: `${requestState}x` },
      { id: 4, ref: "C2", state: "state of C2" },
    ];
    for (const { id, ref, state } of forged) {
      host.pay(id, { ref }, { tool: "confirm_pay", params: { requestState: state, inputResponses: yes } });
      expect((await host.answerTo(id)).error).toMatchObject({ code: -32602 });
    }
    expect([...desk.did("C2"), ...desk.did("C3")]).toEqual([]);
  });

  it("works for a host of an earlier era, which is asked in between", async () => {
    const desk = new Desk();
    const { client } = await desk.open("2025-11-25", {
      client: { capabilities: { elicitation: {} } },
      prepare: (client: Client) => {
        client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { sure: true } }));
      },
    });
    expect(await call(client, "confirm_pay", { ref: "C4" })).toMatchObject({
      text: "paid C4 as 1",
      status: "executed",
    });
    expect((await call(client, "confirm_pay", { ref: "C4" })).status).toBe("replayed");
    expect(desk.did("C4")).toHaveLength(1);
  });
});

describe("4 · a caller who leaves", () => {
  it("detaches: the effect finishes, and the call that comes again hears of it", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    host.pay(1, { ref: "D1", mode: "hold" });
    await desk.until(() => desk.did("D1").length === 1, "the payment");
    host.send({ method: "notifications/cancelled", params: { requestId: 1, reason: "the user pressed escape" } });
    host.pay(2, { ref: "D1", mode: "hold" });
    desk.release("D1");
    expect(toolAnswer((await host.answerTo(2)).result)).toMatchObject({ status: "replayed" });
    expect(host.received.filter(({ id }) => id === 1)).toEqual([]);
    expect(desk.did("D1")).toHaveLength(1);
  });

  it("may cancel what is safe", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    host.send({ method: "notifications/cancelled", params: { requestId: "nothing", reason: "test" } });
    host.pay(1, { ref: "D2" }, { tool: "find" });
    await host.answerTo(1);
  });
});

describe("5 · identical calls at once", () => {
  it("make one effect, and those who name their intent in the protocol hear at once that it runs", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    const params = { idempotencyKey: "pay E1" };
    host.pay(1, { ref: "E1", mode: "hold" }, { params });
    await desk.until(() => desk.did("E1").length === 1, "the payment");
    host.pay(2, { ref: "E1", mode: "hold" }, { params });
    expect((await host.answerTo(2)).error).toMatchObject({ data: { type: "idempotency_key_in_progress" } });
    host.pay(3, { ref: "other" }, { params });
    expect((await host.answerTo(3)).error).toMatchObject({ data: { type: "idempotency_key_conflict" } });
    desk.release("E1");
    expect(toolAnswer((await host.answerTo(1)).result).status).toBe("executed");
    host.pay(4, { mode: "hold", ref: "E1" }, { params });
    expect(toolAnswer((await host.answerTo(4)).result).status).toBe("replayed");
    expect(desk.did("E1")).toHaveLength(1);
  });

  it("a storm of two hundred makes one effect", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    for (let id = 1; id <= 200; id++) host.pay(id, { ref: "E2" });
    const answers = [];
    for (let id = 1; id <= 200; id++) answers.push(toolAnswer((await host.answerTo(id)).result).status);
    expect(answers.filter((status) => status === "executed")).toHaveLength(1);
    expect(answers.filter((status) => status === "replayed")).toHaveLength(199);
    expect(desk.did("E2")).toHaveLength(1);
  });
});

describe("6 · progress", () => {
  it("reaches the first caller under its own token, and nobody else", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    host.pay(1, { ref: "F1", mode: "steps" }, { meta: { progressToken: "mine" } });
    await host.answerTo(1);
    host.pay(2, { ref: "F1", mode: "steps" }, { meta: { progressToken: "yours" } });
    await host.answerTo(2);
    const tokens = host.received
      .filter(({ method }) => method === "notifications/progress")
      .map(({ params }) => (params as { progressToken: string }).progressToken);
    expect(tokens).toEqual(["mine", "mine", "mine"]);
    expect(desk.did("F1")[0]?.token).not.toBe("mine");
  });
});

describe("7 · a tool whose output has changed", () => {
  it("never shows a result that its schema does not allow", async () => {
    const desk = new Desk();
    const before = await desk.open();
    expect((await call(before.client, "pay_typed", { ref: "G1" })).structured).toEqual({ id: 1 });
    await before.client.listTools();
    expect((await call(before.client, "pay_typed", { ref: "G1" })).structured).toEqual({ id: 1 });
    await before.client.close();
    const after = await desk.open("2025-11-25", { env: { DESK_GROWN: "1" } });
    await after.client.listTools(); // from here on the client checks what it gets
    const shown = await call(after.client, "pay_typed", { ref: "G1" });
    expect(shown).toMatchObject({ status: "replayed", isError: true, structured: undefined });
    expect(shown.text).toContain('{"id":1}');
    expect(desk.did("G1")).toHaveLength(1);
  });

  it("says what is uncertain in a form that a checking client takes", async () => {
    const desk = new Desk();
    const { client } = await desk.open();
    await client.listTools();
    const broken = await call(client, "pay_typed", { ref: "G2", mode: "break" });
    expect(broken).toMatchObject({ isError: true, structured: undefined });
    expect(broken.text).toContain("Do not do it in any other way");
    expect(desk.did("G2")).toHaveLength(1);
  });
});

describe("8 · the server's environment", () => {
  it("is the one that the host gave, as without the gateway", async () => {
    const desk = new Desk();
    const { client } = await desk.open("2025-11-25", { env: { DESK_SECRET: "s3cret" } });
    expect((await call(client, "environment", { name: "DESK_SECRET" })).text).toBe("s3cret");
  });
});

describe("9 · the end", () => {
  it("waits for what runs before it lets go of the server", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    host.pay(1, { ref: "I1", mode: "hold" });
    await desk.until(() => desk.did("I1").length === 1, "the payment");
    host.child.stdin.end();
    // The server would end by itself now, if its input were closed with ours.
    await new Promise((resolve) => setTimeout(resolve, 200));
    desk.release("I1");
    await once(host.child, "exit");
    expect(host.child.exitCode).toBe(0);
    const { client } = await desk.open();
    expect((await call(client, "pay", { ref: "I1", mode: "hold" })).status).toBe("replayed");
    expect(desk.did("I1")).toHaveLength(1);
  });

  it("of a server in the middle of an effect leaves a question", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    host.pay(1, { ref: "I2", mode: "crash" });
    expect(JSON.stringify(await host.answerTo(1))).toContain("Do not do it in any other way");
    const [code] = await once(host.child, "exit");
    expect(code).toBe(1);
    expect(host.stderr()).toContain("the server has ended with 3");
    const { client } = await desk.open();
    const again = await call(client, "pay", { ref: "I2", mode: "crash" });
    expect(["in_doubt", "review"]).toContain(again.status);
    expect(desk.did("I2")).toHaveLength(1);
  });

  it("by SIGKILL leaves the same question", async () => {
    const desk = new Desk();
    desk.config({ wait: "500ms" }); // the lease of the dead one lasts longer than anybody here waits
    const host = await rawHost(desk);
    host.pay(1, { ref: "I3", mode: "hold" });
    await desk.until(() => desk.did("I3").length === 1, "the payment");
    host.child.kill("SIGKILL");
    await once(host.child, "exit");
    const { client } = await desk.open();
    const again = await call(client, "pay", { ref: "I3", mode: "hold" });
    expect(["in_progress", "in_doubt", "review"]).toContain(again.status);
    expect(desk.did("I3")).toHaveLength(1);
  });
});

describe("10 · envelopes", () => {
  it("with strange members are refused before anything is claimed", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    const params = { name: "pay", arguments: { ref: "J1" } };
    host.send({ id: 1, method: "tools/call", params, extra: true });
    expect((await host.answerTo(1)).error).toMatchObject({ code: -32600, message: expect.stringContaining('"extra"') });
    host.send({ id: 2, method: "tools/call", params: [params] });
    expect((await host.answerTo(2)).error).toMatchObject({ code: -32600 });
    host.send({ method: "tools/call", params });
    host.send({ id: 3, method: "ping" });
    await host.answerTo(3);
    expect(desk.did("J1")).toEqual([]);
  });

  it("that two readers would read differently are refused", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    const call = '"method":"tools/call","params":{"name":"pay","arguments":{"ref":"J2"}}';
    host.send(`{"jsonrpc":"2.0","id":1,"method":"ping",${call}}`);
    host.send(`{"jsonrpc":"2.0","id":2,${call.replace("tools/call", "tools\\/call")},"id":3}`);
    host.send(`[{"jsonrpc":"2.0","id":4,${call}}]`);
    host.send({ id: 9, method: "ping" });
    await host.answerTo(9);
    expect(desk.did("J2")).toEqual([]);
    expect(host.received.filter(({ error }) => error !== undefined)).toHaveLength(3);
  });

  it("spelt with escapes are still calls, and guarded", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    for (const id of [1, 2]) {
      host.send(
        `{"jsonrpc":"2.0","id":${id},"method":"tools\\u002fcall","params":{"name":"p\\u0061y","arguments":{"ref":"J3"}}}`,
      );
      await host.answerTo(id);
    }
    expect(desk.did("J3")).toHaveLength(1);
  });
});

describe("11 · receipts of others", () => {
  it("are nobody else's: another tenant's call is another call", async () => {
    const desk = new Desk();
    const mine = await desk.open("2025-11-25", { args: ["--trust", "--tenant", "mine"] });
    const yours = await desk.open("2025-11-25", { args: ["--trust", "--tenant", "yours"] });
    expect((await call(mine.client, "pay", { ref: "K1" })).status).toBe("executed");
    expect((await call(yours.client, "pay", { ref: "K1" })).status).toBe("executed");
    expect(desk.did("K1")).toHaveLength(2);
  });
});

describe("everything else", () => {
  it("passes as it came, in both directions", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    host.send('{ "jsonrpc":"2.0", "id" : "p" ,"method":"ping", "params":{} }');
    await host.answerTo("p");
    expect(host.raw).toContain(await saidDirectly('{"jsonrpc":"2.0","id":"p","method":"ping"}'));
    host.pay(1, { ref: "L1", note: "x".repeat(100_000) }, { tool: "find" });
    await host.answerTo(1);
  });

  it("no line of it is written to stdout, which is the protocol's", async () => {
    const desk = new Desk();
    const host = await rawHost(desk);
    host.pay(1, { ref: "L2" });
    await host.answerTo(1);
    expect(host.stderr()).toContain('"tool":"pay"');
    expect(host.raw.every((line) => line.startsWith("{"))).toBe(true);
    expect(readFileSync(join(desk.folder, "onceguard.db")).length).toBeGreaterThan(0);
  });
});
