import http from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { classifyFailure } from "../../src/core/failure.ts";
import { BODY, CLIENTS, nodeRequest, thrownBy } from "./support/http-clients.ts";
import { closed, deadPort, listening, type RawServer, rawServer } from "./support/raw-server.ts";

// The errors of real sockets in real clients. The server counts the bytes that reach it, and has the last word: whatever
// is called definite must not have brought it a single one.

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function raw(...args: Parameters<typeof rawServer>): Promise<RawServer> {
  const server = await rawServer(...args);
  closing.push(() => server.close());
  return server;
}

async function web(answer: http.RequestListener): Promise<string> {
  const server = http.createServer(answer);
  const port = await listening(server);
  closing.push(() => {
    server.closeAllConnections();
    return closed(server);
  });
  return `http://127.0.0.1:${port}/`;
}

describe.each(CLIENTS)("%s: never sent", (_client, send) => {
  it("nobody listens", async () => {
    const error = await thrownBy(send(`http://127.0.0.1:${await deadPort()}/`));
    expect(classifyFailure(error)).toMatchObject({ certainty: "definite", tier: "transient", code: "ECONNREFUSED" });
  });

  it("there is no such name", async () => {
    const error = await thrownBy(send("http://a..b/")); // no resolver is asked for a name that cannot be one
    expect(classifyFailure(error)).toMatchObject({ certainty: "definite", tier: "transient" });
  });

  it("the connection is reset before anything is sent, or while: definite only if no byte arrived", async () => {
    const server = await raw(
      () => {},
      (socket) => socket.resetAndDestroy(),
    );
    const failure = classifyFailure(await thrownBy(send(`http://127.0.0.1:${server.port}/`)));
    // Whether the client noticed while connecting is a race. What it may conclude is not.
    if (failure.certainty === "definite") expect(server.received()).toBe("");
  });
});

describe.each(CLIENTS)("%s: it may have happened", (_client, send) => {
  it.each<[string, (socket: import("node:net").Socket) => void]>([
    ["reset after the first byte", (socket) => socket.resetAndDestroy()],
    ["closed without an answer", (socket) => socket.end()],
    ["answered with no HTTP", (socket) => socket.end("220 mail.example ESMTP\r\n\r\n")],
    ["cut off in the headers", (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Le")],
    [
      "reset in the body",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", () => socket.resetAndDestroy());
      },
    ],
    ["closed in the body", (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")],
  ])("%s", async (_how, onData) => {
    const server = await raw(onData);
    const failure = classifyFailure(await thrownBy(send(`http://127.0.0.1:${server.port}/`)));
    expect(server.received()).toContain("POST /");
    expect(failure).toMatchObject({ certainty: "indefinite", tier: "transient" });
    expect(failure.code).toMatch(/^(?:ECONNRESET|UND_ERR_\w+|HPE_\w+|ECONNABORTED|unclassified)$/);
  });

  it.each<[string, unknown]>([
    ["aborted", undefined],
    ["timed out", new DOMException("The operation was aborted due to timeout", "TimeoutError")],
    [
      "aborted for a reason that looks like a rejection",
      Object.assign(new Error("x"), { name: "AbortError", status: 409 }),
    ],
  ])("%s after it arrived", async (_how, reason) => {
    const controller = new AbortController();
    const server = await raw(() => controller.abort(reason));
    const error = await thrownBy(send(`http://127.0.0.1:${server.port}/`, controller.signal));
    expect(server.received()).toContain("POST /");
    expect(classifyFailure(error)).toMatchObject({ certainty: "indefinite", tier: "transient" });
  });
});

describe("several addresses", () => {
  const lookup = ((_name: string, _options: object, callback: (error: null, all: object[]) => void) =>
    callback(null, [
      { address: "127.0.0.1", family: 4 },
      { address: "::1", family: 6 },
    ])) as unknown as http.RequestOptions["lookup"] & {};

  it("none of which was reached", async () => {
    const url = `http://two.example:${await deadPort()}/`;
    const error = await thrownBy(nodeRequest(url, { lookup, autoSelectFamily: true } as http.RequestOptions));
    expect(error).toBeInstanceOf(AggregateError);
    expect(classifyFailure(error)).toMatchObject({ certainty: "definite", code: "ECONNREFUSED" });
  });
});

it("a socket in the file system that is not there", async () => {
  const error = await thrownBy(nodeRequest("http://localhost/", { socketPath: "/nonexistent/onceguard.sock" }));
  expect(classifyFailure(error)).toMatchObject({ certainty: "definite", code: "ENOENT" });
});

it("an address that fetch cannot parse was never sent, and somebody has to correct it", async () => {
  expect(classifyFailure(await thrownBy(fetch("http://")))).toMatchObject({
    certainty: "definite",
    tier: "validation",
  });
});

describe("a redirect after the effect", () => {
  const elsewhere = async (location: string) =>
    web((request, response) => {
      request.resume();
      response.writeHead(303, { location }).end();
    });
  const post = (url: string, redirect: "follow" | "error") => fetch(url, { method: "POST", body: BODY, redirect });

  it("to an address that cannot be parsed proves nothing", async () => {
    const error = await thrownBy(post(await elsewhere("http://"), "follow"));
    expect(classifyFailure(error).certainty).toBe("indefinite");
  });

  it("to a page that is not there proves nothing: the Response says that it was redirected", async () => {
    const missing = await web((_request, response) => response.writeHead(404).end());
    const response = await post(await elsewhere(missing), "follow");
    expect(response.status).toBe(404);
    const error = Object.assign(new Error("not found"), { response });
    expect(classifyFailure(error)).toMatchObject({ certainty: "indefinite", code: "http_404" });
  });

  it("is an error with redirect: error, which proves nothing", async () => {
    const error = await thrownBy(post(await elsewhere("http://127.0.0.1/"), "error"));
    expect(classifyFailure(error).certainty).toBe("indefinite");
  });

  it("to where nobody listens is the one that fetch hides (docs/failures.md): nothing in its error tells", async () => {
    const error = await thrownBy(post(await elsewhere(`http://127.0.0.1:${await deadPort()}/`), "follow"));
    expect(classifyFailure(error)).toMatchObject({ certainty: "definite", code: "ECONNREFUSED" });
  });
});

describe("Retry-After of a real response", () => {
  const limited = async (headers: http.OutgoingHttpHeaders) => {
    const response = await fetch(await web((_request, answer) => answer.writeHead(429, headers).end()));
    return Object.assign(new Error("too many"), { status: response.status, response });
  };

  it("in seconds", async () => {
    expect(classifyFailure(await limited({ "retry-after": "7" }))).toMatchObject({
      certainty: "definite",
      tier: "transient",
      retryAfterMs: 7_000,
    });
  });

  it("as a date, beside the server's own clock", async () => {
    const date = "Sun, 06 Nov 1994 08:49:37 GMT";
    const error = await limited({ date, "retry-after": "Sun, 06 Nov 1994 08:50:37 GMT" });
    expect(classifyFailure(error, [], undefined, Date.now()).retryAfterMs).toBe(60_000);
  });
});
