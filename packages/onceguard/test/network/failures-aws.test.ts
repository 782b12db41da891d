import http from "node:http";
import { SendMessageCommand, SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { afterEach, describe, expect, it } from "vitest";
import { classifyFailure, type Failure } from "../../src/core/failure.ts";
import { thrownBy } from "./support/http-clients.ts";
import { closed, deadPort, listening, rawServer } from "./support/raw-server.ts";

// The AWS SDK for JavaScript v3 against a server of our own, with and without its retries.

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function send(port: number, options: SQSClientConfig = {}, signal?: AbortSignal): Promise<unknown> {
  const client = new SQSClient({
    region: "eu-central-1",
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: "x", secretAccessKey: "y" },
    maxAttempts: 1,
    ...options,
  });
  closing.push(async () => client.destroy());
  const command = new SendMessageCommand({ QueueUrl: `http://127.0.0.1:${port}/1/q`, MessageBody: "one effect" });
  return thrownBy(client.send(command, signal ? { abortSignal: signal } : {}));
}

type Answer = readonly [status: number, type: string, headers?: http.OutgoingHttpHeaders];

/** A server that gives these answers, one per request and the last one from then on. */
async function answering(...answers: readonly Answer[]): Promise<{ port: number; asked: () => number }> {
  let asked = 0;
  const server = http.createServer((request, response) => {
    request.resume();
    const [status, type, headers] = answers[Math.min(asked++, answers.length - 1)] as Answer;
    response.writeHead(status, { "content-type": "application/x-amz-json-1.0", ...headers });
    response.end(JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message: "no" }));
  });
  const port = await listening(server);
  closing.push(() => {
    server.closeAllConnections();
    return closed(server);
  });
  return { port, asked: () => asked };
}

describe("an answer", () => {
  it.each<[Answer, Failure["certainty"], Failure["tier"], string]>([
    [[400, "QueueDoesNotExist"], "definite", "validation", "QueueDoesNotExist"],
    [[403, "AccessDeniedException"], "definite", "security", "AccessDeniedException"],
    [[400, "RequestThrottled"], "definite", "transient", "RequestThrottled"],
    [[500, "InternalFailure"], "indefinite", "transient", "InternalFailure"],
    [[503, "ServiceUnavailable"], "indefinite", "transient", "ServiceUnavailable"],
    [[400, "RequestTimeout"], "indefinite", "transient", "RequestTimeout"],
  ])("%j", async (answer, certainty, tier, code) => {
    const { port, asked } = await answering(answer);
    expect(classifyFailure(await send(port))).toMatchObject({ certainty, tier, code });
    expect(asked()).toBe(1);
  });

  it("with a wait", async () => {
    const { port } = await answering([400, "RequestThrottled", { "retry-after": "7" }]);
    expect(classifyFailure(await send(port))).toMatchObject({ certainty: "definite", retryAfterMs: 7_000 });
  });

  it("of the SDK's second try says nothing about its first", async () => {
    const { port, asked } = await answering([500, "InternalFailure"], [403, "AccessDeniedException"]);
    const failure = classifyFailure(await send(port, { maxAttempts: 3 }));
    expect([asked(), failure]).toMatchObject([2, { certainty: "indefinite", tier: "security" }]);
  });
});

describe("a connection", () => {
  it("that nobody takes was never sent", async () => {
    expect(classifyFailure(await send(await deadPort()))).toMatchObject({
      certainty: "definite",
      tier: "transient",
      code: "ECONNREFUSED",
    });
  });

  it("that is reset after the request may have carried it", async () => {
    const server = await rawServer((socket) => socket.resetAndDestroy());
    closing.push(server.close);
    expect(classifyFailure(await send(server.port)).certainty).toBe("indefinite");
    expect(server.received()).toContain("one effect");
  });

  it("that is reset, and then refused: the last error alone would say that nothing was sent", async () => {
    const server = await rawServer((socket) => {
      socket.resetAndDestroy();
      void server.close();
    });
    const failure = classifyFailure(await send(server.port, { maxAttempts: 2 }));
    expect(server.received()).toContain("one effect");
    expect(failure).toMatchObject({ certainty: "indefinite", code: "ECONNREFUSED" });
  });

  it("that is given up on says nothing", async () => {
    const server = await rawServer(() => undefined);
    closing.push(server.close);
    const controller = new AbortController();
    const failed = send(server.port, {}, controller.signal);
    await expect.poll(() => server.received()).toContain("one effect");
    controller.abort();
    expect(classifyFailure(await failed).certainty).toBe("indefinite");
    const patience = { requestHandler: { requestTimeout: 50, throwOnRequestTimeout: true } };
    expect(classifyFailure(await send(server.port, patience)).certainty).toBe("indefinite");
  });
});
