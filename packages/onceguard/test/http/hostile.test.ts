import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { newKey } from "../../src/seal/keys.ts";
import { type SealedReceipts, sealedReceipts } from "../../src/seal/sealed-receipts.ts";
import { openSealer } from "../../src/seal/sealer.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { Folder } from "../e2e/cli.ts";
import { fuzz } from "./fuzz.ts";
import { startService, until } from "./service.ts";

/** Bytes over a socket of one's own, and all that comes back until it is closed. */
function talk(url: string): { socket: Socket; heard: () => string; closed: Promise<void> } {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk.toString("latin1");
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return { socket, heard: () => heard, closed };
}

const execute = (body: string, headers = "") =>
  `POST /v1/execute HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe("slow and broken senders", () => {
  it("a head that never ends is cut off, and others are served meanwhile", async () => {
    const { url, call } = await startService({ http: { headersTimeout: "300ms", requestTimeout: "600ms" } });
    const slow = Array.from({ length: 50 }, () => talk(url));
    for (const { socket } of slow) socket.write("POST /v1/execute HTTP/1.1\r\nhost: localhost\r\nx-a:");
    expect((await call("POST", "/v1/execute", { action: "order", payload: { ref: "x" } })).body.status).toBe(
      "executed",
    );
    await Promise.all(slow.map(({ closed }) => closed));
    expect(slow[0]?.heard()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("a body that trickles is cut off, and nothing of it is executed", async () => {
    const { url, effects } = await startService({ http: { headersTimeout: "300ms", requestTimeout: "600ms" } });
    const text = JSON.stringify({ action: "order", payload: { ref: "slow" } });
    const { socket, closed } = talk(url);
    socket.write(execute(text).slice(0, -text.length));
    let sent = 0;
    const trickle = setInterval(() => socket.write(text[sent++ % 10] as string), 50);
    await closed;
    clearInterval(trickle);
    expect(effects).toEqual([]);
  });

  it("a caller that leaves in the middle of its body has done nothing", async () => {
    const { url, call, effects } = await startService();
    const whole = execute(JSON.stringify({ action: "order", payload: { ref: "half" } }));
    const { socket, closed } = talk(url);
    socket.write(whole.slice(0, -5), () => socket.destroy());
    await closed;
    // Answered after it, on the same server: by now the first would have been executed.
    await call("POST", "/v1/execute", { action: "order", payload: { ref: "after" } });
    expect(effects).toEqual(["after"]);
    expect((await call("GET", "/v1/receipts")).body.receipts).toHaveLength(1);
  });

  it.each(["content-length", "chunked"])(
    "a body over the limit (%s) is refused, and what follows is no request",
    async (how) => {
      const { url, effects } = await startService({ http: { limits: { maxBodyBytes: 1_000 } } });
      const body = JSON.stringify({ action: "order", payload: { ref: "x".repeat(5_000) } });
      const hidden = execute(JSON.stringify({ action: "order", payload: { ref: "smuggled" } }));
      const { socket, heard, closed } = talk(url);
      if (how === "chunked") {
        const text = body + hidden;
        socket.write(
          `POST /v1/execute HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
        );
      } else socket.write(execute(body + hidden));
      await until(() => heard().includes("\r\n\r\n"), "an answer");
      expect(heard()).toMatch(/^HTTP\/1\.1 413 /);
      expect(heard()).toMatch(/connection: close/i);
      await closed;
      expect(heard().match(/HTTP\/1\.1/g)).toHaveLength(1);
      expect(effects).toEqual([]);
    },
  );

  it("one request in two disguises is refused: length and chunks at once", async () => {
    const { url, effects } = await startService();
    const { socket, heard, closed } = talk(url);
    const body = JSON.stringify({ action: "order", payload: { ref: "x" } });
    socket.write(
      `POST /v1/execute HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    );
    await closed;
    expect(heard()).toMatch(/^HTTP\/1\.1 400 /);
    expect(effects).toEqual([]);
  });
});

describe("web pages", () => {
  it("without keys, only names of this machine are served, and no page of another origin", async () => {
    const { url, effects } = await startService();
    const { port } = new URL(url);
    const body = JSON.stringify({ action: "order", payload: { ref: "x" } });
    const ask = async (headers: string): Promise<string> => {
      const { socket, heard, closed } = talk(url);
      socket.write(
        `POST /v1/execute HTTP/1.1\r\n${headers}content-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      await closed;
      return heard().split(" ")[1] ?? "";
    };
    expect(await ask("host: evil.example\r\n")).toBe("421");
    expect(await ask(`host: localhost:${port}\r\norigin: https://evil.example\r\n`)).toBe("403");
    expect(await ask(`host: localhost:${port}\r\norigin: null\r\n`)).toBe("403");
    expect(effects).toEqual([]);
    expect(await ask(`host: localhost:${port}\r\norigin: http://localhost:${port}\r\n`)).toBe("200");
    expect(await ask(`host: [::1]:${port}\r\n`)).toBe("200");
  });

  it("an origin that was named may call", async () => {
    const { call } = await startService({ http: { allowedOrigins: ["https://ops.example"] } });
    expect((await call("GET", "/v1/actions", undefined, { origin: "https://ops.example" })).status).toBe(200);
    expect((await call("GET", "/v1/actions", undefined, { origin: "https://ops.example.evil" })).status).toBe(403);
  });
});

it("an address that others can reach is not served without keys", async () => {
  for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.com"]) {
    await expect(startService({ http: { host } })).rejects.toMatchObject({ code: "invalid_option" });
  }
});

/** Of another store: every export is of what is not sealed. */
async function someSealedLog(): Promise<SealedReceipts> {
  const keys = [newKey(0)];
  const folder = new Folder().file("sealed");
  const sealer = await openSealer({ store: memoryStore(), folder, origin: "example.com/test", keys });
  await sealer.seal();
  sealer.close();
  return sealedReceipts({ folder, keys: () => keys });
}

it("3,000 fuzzed requests: no 500, nothing executed twice, and it still serves", { timeout: 300_000 }, async () => {
  const sealed = await someSealedLog();
  const { url, call, effects } = await startService({ http: { sealed, requestTimeout: "2s", headersTimeout: "1s" } });
  const report = await fuzz(url, { inputs: 3_000, seed: 20_261_121 });
  expect(report.bad).toEqual([]);
  expect(report.sent).toBe(3_000);
  // It got as far as to execute, and to replay; otherwise it has shown nothing.
  expect(report.statuses["200"]).toBeGreaterThan(50);
  expect(effects.length).toBeGreaterThan(10);
  const receipts = (await call("GET", "/v1/receipts?limit=500&state=succeeded")).body.receipts;
  const byEffect = Map.groupBy(effects, (ref) => ref);
  // One effect per request: as many as there are requests that may have had one.
  const all = (await call("GET", "/v1/receipts?limit=500")).body.receipts as { action: string; state: string }[];
  const performed = all.filter(({ action }) => action !== "valve" && action !== "careful");
  expect(byEffect.size).toBeGreaterThan(10);
  expect(effects.length).toBe(performed.filter(({ state }) => state === "succeeded" || state === "in_doubt").length);
  expect(receipts.length).toBeGreaterThan(10);
  expect((await call("POST", "/v1/execute", { action: "order", payload: { ref: "after all" } })).body.status).toBe(
    "executed",
  );
});
