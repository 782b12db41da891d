import { Metadata, status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import type { Failure } from "./classifier.ts";
import { grpcErrors } from "./grpc.ts";

// Real servers and clients: test/network/failures-grpc.test.ts.

const grpc = (code: number, entries: Record<string, string | Buffer> = {}, more: object = {}) => {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return Object.assign(new Error(`${code} ${status[code]}: x`), { code, details: "x", metadata, ...more });
};
/** google.rpc.Status { code: 8, details: [Any { RetryInfo { retry_delay: 2.5 s } }] }, as protoc encodes it. */
const RETRY_INFO = Buffer.from(
  "08081a360a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e5265747279496e666f120a0a0808021080cab5ee01",
  "hex",
);

describe("every status", () => {
  test.each<[keyof typeof status, Failure["certainty"], Failure["tier"]]>([
    ["CANCELLED", "indefinite", "transient"],
    ["UNKNOWN", "indefinite", "transient"],
    ["INVALID_ARGUMENT", "definite", "validation"],
    ["DEADLINE_EXCEEDED", "indefinite", "transient"],
    ["NOT_FOUND", "definite", null],
    ["ALREADY_EXISTS", "definite", "conflict"],
    ["PERMISSION_DENIED", "definite", "security"],
    ["RESOURCE_EXHAUSTED", "indefinite", "transient"],
    ["FAILED_PRECONDITION", "definite", "conflict"],
    ["ABORTED", "indefinite", "transient"],
    ["OUT_OF_RANGE", "definite", "validation"],
    ["UNIMPLEMENTED", "indefinite", null],
    ["INTERNAL", "indefinite", "transient"],
    ["UNAVAILABLE", "indefinite", "transient"],
    ["DATA_LOSS", "indefinite", null],
    ["UNAUTHENTICATED", "definite", "security"],
  ])("%s is %s, %s", (name, certainty, tier) => {
    const code = status[name];
    expect(grpcErrors(grpc(code))).toEqual({
      certainty,
      tier,
      code: `grpc_${name.toLowerCase()}`,
      message: `${code} ${name}: x`,
    });
  });

  test("the table has them all, in gRPC's own order", () => {
    const names = Object.keys(status).filter((key) => Number.isNaN(Number(key)) && key !== "OK");
    expect(names.map((name) => grpcErrors(grpc(status[name as keyof typeof status]))?.code)).toEqual(
      names.map((name) => `grpc_${name.toLowerCase()}`),
    );
  });
});

describe("what the server asks to wait", () => {
  test("pushback in the trailers", () => {
    expect(grpcErrors(grpc(14, { "grpc-retry-pushback-ms": "1500" }))).toMatchObject({
      certainty: "indefinite",
      retryAfterMs: 1_500,
    });
    expect(grpcErrors(grpc(14, { "grpc-retry-pushback-ms": "-1" }))).not.toHaveProperty("retryAfterMs");
    expect(grpcErrors(grpc(14, { "grpc-retry-pushback-ms": "x" }))).not.toHaveProperty("retryAfterMs");
  });

  test("RetryInfo in the details", () => {
    expect(grpcErrors(grpc(10, { "grpc-status-details-bin": RETRY_INFO }))).toMatchObject({
      certainty: "indefinite",
      retryAfterMs: 2_500,
    });
  });

  test("a limit with a delay is the application's own, and nothing was done", () => {
    expect(grpcErrors(grpc(8, { "grpc-retry-pushback-ms": "0" }))).toMatchObject({
      certainty: "definite",
      retryAfterMs: 0,
    });
    expect(grpcErrors(grpc(8, { "grpc-status-details-bin": RETRY_INFO }))).toMatchObject({ certainty: "definite" });
    // "Do not retry" is no such word.
    expect(grpcErrors(grpc(8, { "grpc-retry-pushback-ms": "-1" }))?.certainty).toBe("indefinite");
  });
});

test("a retry of the client, or perhaps of gax, takes the proof", () => {
  expect(grpcErrors(grpc(3, { "grpc-previous-rpc-attempts": "1" }))?.certainty).toBe("indefinite");
  const note = "Exception occurred in retry method that was not classified as transient";
  expect(grpcErrors(grpc(3, {}, { note }))?.certainty).toBe("indefinite");
});

test.each<[string, unknown]>([
  ["OK", grpc(0)],
  ["no such status", grpc(17)],
  ["a negative one", grpc(-1)],
  ["half of one", grpc(3.5)],
  ["a code alone", { code: 5 }],
  ["a code and details", { code: 5, details: "x" }],
  ["a Map for metadata", { code: 5, details: "x", metadata: new Map() }],
  ["Headers for metadata (Connect)", { code: 5, details: "x", metadata: new Headers() }],
  ["details that are a list (Connect)", grpc(5, {}, { details: [] })],
  ["an error of PostgreSQL", { code: "23505", details: "x", metadata: new Metadata() }],
  ["nothing", undefined],
])("%s is none", (_name, error) => expect(grpcErrors(error)).toBeUndefined());
