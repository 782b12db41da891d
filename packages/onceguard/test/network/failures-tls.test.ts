import https from "node:https";
import { afterEach, describe, expect, it } from "vitest";
import { classifyFailure } from "../../src/core/failure.ts";
import { CLIENTS, type NodeOptions, nodeRequest, thrownBy } from "./support/http-clients.ts";
import { closed, listening, rawServer } from "./support/raw-server.ts";
import { SELF_SIGNED } from "./support/self-signed.ts";

// Handshakes that fail. "Never sent" means that no request came through: the server has the last word.

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function secure(options: https.ServerOptions = {}) {
  let requests = 0;
  const server = https.createServer({ ...SELF_SIGNED, ...options }, (_request, response) => {
    requests++;
    response.end("done");
  });
  server.on("tlsClientError", () => {});
  const port = await listening(server);
  closing.push(() => {
    server.closeAllConnections();
    return closed(server);
  });
  return { url: `https://localhost:${port}/`, requests: () => requests };
}

describe.each(CLIENTS)("%s", (_client, send) => {
  it("does not trust the certificate: never sent", async () => {
    const { url, requests } = await secure();
    const failure = classifyFailure(await thrownBy(send(url)));
    expect(failure).toMatchObject({ certainty: "definite", tier: "transient", code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    expect(requests()).toBe(0);
  });

  it("meets a server that speaks plain text: never sent", async () => {
    const server = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    closing.push(() => server.close());
    const failure = classifyFailure(await thrownBy(send(`https://127.0.0.1:${server.port}/`)));
    expect(failure).toMatchObject({ certainty: "definite", tier: "transient" });
    expect(failure.code).toMatch(/^(?:EPROTO|ERR_SSL_WRONG_VERSION_NUMBER)$/);
    expect(server.received()).not.toContain("POST");
  });

  it("meets a server that leaves during the handshake: never sent", async () => {
    const server = await rawServer((socket) => socket.end());
    closing.push(() => server.close());
    const failure = classifyFailure(await thrownBy(send(`https://127.0.0.1:${server.port}/`)));
    expect(failure).toMatchObject({ certainty: "definite", code: "ECONNRESET" });
  });

  it("is reset during the handshake: not to be told from a reset after it", async () => {
    const server = await rawServer((socket) => socket.resetAndDestroy());
    closing.push(() => server.close());
    const failure = classifyFailure(await thrownBy(send(`https://127.0.0.1:${server.port}/`)));
    expect(failure).toMatchObject({ certainty: "indefinite", code: "ECONNRESET" });
  });
});

describe("node:https", () => {
  const insecure = { rejectUnauthorized: false };

  it.each<[string, https.ServerOptions, NodeOptions, string]>([
    ["no version in common", { maxVersion: "TLSv1.2" }, { ...insecure, minVersion: "TLSv1.3" }, "EPROTO"],
    [
      "no cipher in common",
      { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" },
      { ...insecure, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" },
      "EPROTO",
    ],
    ["no protocol in common", { ALPNProtocols: ["h2"] }, { ...insecure, ALPNProtocols: ["http/1.1"] }, "EPROTO"],
    ["another name", {}, { ca: SELF_SIGNED.cert, servername: "other.example" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
  ])("%s: never sent", async (_why, server, client, code) => {
    const { url, requests } = await secure(server);
    const failure = classifyFailure(await thrownBy(nodeRequest(url, client)));
    expect(failure).toMatchObject({ certainty: "definite", tier: "transient", code });
    expect(requests()).toBe(0);
  });

  it("TLS 1.3 and no certificate of the client: its bytes may have left before the alert came", async () => {
    const { url } = await secure({ requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" });
    const failure = classifyFailure(await thrownBy(nodeRequest(url, insecure)));
    expect(failure).toMatchObject({ certainty: "indefinite" });
  });
});
