import * as grpc from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { classifyFailure, type Failure } from "../../src/core/failure.ts";
import { thrownBy } from "./support/http-clients.ts";
import { deadPort } from "./support/raw-server.ts";

// A real client and a real server of gRPC in this process. `effects` counts what the server's handler did.

const { status } = grpc;
type Handler = grpc.handleUnaryCall<Buffer, Buffer>;
type Pay = (signal?: (call: grpc.ClientUnaryCall) => void, options?: grpc.CallOptions) => Promise<Buffer>;

const same = (bytes: Buffer) => bytes;
const pay = {
  path: "/bank.Payments/Pay",
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
} as const;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** The port of a server whose `Pay` is this handler; as a stream of answers where it is one. */
async function serving(
  handler: Handler | grpc.handleServerStreamingCall<Buffer, Buffer>,
  options: grpc.ServerOptions & { stream?: boolean } = {},
): Promise<number> {
  const server = new grpc.Server(options);
  server.addService({ pay: { ...pay, responseStream: options.stream === true } }, { pay: handler });
  closing.push(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    const insecure = grpc.ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", insecure, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

function client(
  port: number,
  options: grpc.ClientOptions = {},
  method: grpc.MethodDefinition<Buffer, Buffer> = pay,
): Pay {
  const made = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), options);
  closing.push(() => made.close());
  return (during = () => {}, call = {}) =>
    new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method;
      const started = made.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        Buffer.from("7"),
        call,
        (error, answer) => (error ? reject(error) : resolve(answer as Buffer)),
      );
      during(started);
    });
}

const failing =
  (code: number, metadata?: grpc.Metadata): Handler =>
  (_call, callback) =>
    callback({ code, details: "said the bank", ...(metadata ? { metadata } : {}) });

describe("a status that the server gave", () => {
  it.each<[keyof typeof status, Failure["certainty"], Failure["tier"]]>([
    ["INVALID_ARGUMENT", "definite", "validation"],
    ["NOT_FOUND", "definite", null],
    ["ALREADY_EXISTS", "definite", "conflict"],
    ["FAILED_PRECONDITION", "definite", "conflict"],
    ["OUT_OF_RANGE", "definite", "validation"],
    ["PERMISSION_DENIED", "definite", "security"],
    ["UNAUTHENTICATED", "definite", "security"],
    ["RESOURCE_EXHAUSTED", "indefinite", "transient"],
    ["ABORTED", "indefinite", "transient"],
    ["INTERNAL", "indefinite", "transient"],
    ["UNAVAILABLE", "indefinite", "transient"],
    ["UNKNOWN", "indefinite", "transient"],
    ["DATA_LOSS", "indefinite", null],
  ])("%s is %s, %s", async (name, certainty, tier) => {
    const error = await thrownBy(client(await serving(failing(status[name])))());
    expect(classifyFailure(error)).toEqual({
      certainty,
      tier,
      code: `grpc_${name.toLowerCase()}`,
      message: `${status[name]} ${name}: said the bank`,
    });
  });

  it("with a wait, in trailers and in RetryInfo: then a limit is the application's own", async () => {
    const pushback = new grpc.Metadata();
    pushback.set("grpc-retry-pushback-ms", "1500");
    const info = new grpc.Metadata();
    const type = Buffer.from("type.googleapis.com/google.rpc.RetryInfo");
    const any = Buffer.concat([Buffer.from([0x0a, type.length]), type, Buffer.from([0x12, 4, 0x0a, 2, 0x08, 3])]);
    info.set("grpc-status-details-bin", Buffer.concat([Buffer.from([0x1a, any.length]), any]));
    for (const [metadata, retryAfterMs] of [
      [pushback, 1_500],
      [info, 3_000],
    ] as const) {
      const error = await thrownBy(client(await serving(failing(status.RESOURCE_EXHAUSTED, metadata)))());
      expect(classifyFailure(error)).toMatchObject({ certainty: "definite", tier: "transient", retryAfterMs });
    }
  });
});

describe("a status that a library made up after the effect", () => {
  it.each<[string, grpc.ServerOptions, grpc.ClientOptions]>([
    ["an answer larger than the client takes", {}, { "grpc.max_receive_message_length": 1 }],
    ["an answer larger than the server sends", { "grpc.max_send_message_length": 1 }, {}],
  ])("RESOURCE_EXHAUSTED: %s", async (_why, server, options) => {
    let effects = 0;
    const port = await serving((_call, callback) => {
      effects++;
      callback(null, Buffer.from("paid"));
    }, server);
    const error = await thrownBy(client(port, options)());
    expect(effects).toBe(1);
    expect(classifyFailure(error)).toMatchObject({ certainty: "indefinite", code: "grpc_resource_exhausted" });
  });

  it("UNIMPLEMENTED: no answer came with the success", async () => {
    let effects = 0;
    const port = await serving(
      (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
        effects++;
        call.end();
      },
      { stream: true },
    );
    const error = await thrownBy(client(port)());
    expect(effects).toBe(1);
    expect(classifyFailure(error)).toMatchObject({ certainty: "indefinite", code: "grpc_unimplemented" });
  });

  it("INTERNAL: an answer that cannot be read", async () => {
    const port = await serving((_call, callback) => callback(null, Buffer.from("paid")));
    const responseDeserialize = () => {
      throw new Error("no such field");
    };
    const error = await thrownBy(client(port, {}, { ...pay, responseDeserialize })());
    expect(classifyFailure(error)).toMatchObject({ certainty: "indefinite", code: "grpc_internal" });
  });
});

describe("no status of the server at all", () => {
  it("nobody listens", async () => {
    const error = await thrownBy(client(await deadPort())());
    expect(classifyFailure(error)).toMatchObject({
      certainty: "indefinite",
      tier: "transient",
      code: "grpc_unavailable",
    });
  });

  it("cancelled after it arrived", async () => {
    let started: grpc.ClientUnaryCall | undefined;
    const port = await serving(() => started?.cancel());
    const during = (call: grpc.ClientUnaryCall) => {
      started = call;
    };
    const error = await thrownBy(client(port)(during));
    expect(classifyFailure(error)).toMatchObject({ certainty: "indefinite", code: "grpc_cancelled" });
  });

  it("over its deadline", async () => {
    const error = await thrownBy(client(await serving(() => {}))(undefined, { deadline: 0 }));
    expect(classifyFailure(error)).toMatchObject({ certainty: "indefinite", code: "grpc_deadline_exceeded" });
  });
});

it("a rejection of the client's second try says nothing about the first", async () => {
  const answers = [status.UNAVAILABLE, status.ALREADY_EXISTS];
  let effects = 0;
  const port = await serving((call, callback) => failing(answers[effects++] ?? status.OK)(call, callback));
  const retryPolicy = {
    maxAttempts: 2,
    initialBackoff: "0.001s",
    maxBackoff: "0.001s",
    backoffMultiplier: 1,
    retryableStatusCodes: ["UNAVAILABLE"],
  };
  const config = { loadBalancingConfig: [], methodConfig: [{ name: [{ service: "bank.Payments" }], retryPolicy }] };
  const error = await thrownBy(client(port, { "grpc.service_config": JSON.stringify(config) })());
  expect(effects).toBe(2);
  expect(error).toMatchObject({ code: status.ALREADY_EXISTS });
  expect(classifyFailure(error)).toMatchObject({
    certainty: "indefinite",
    tier: "conflict",
    code: "grpc_already_exists",
  });
});
