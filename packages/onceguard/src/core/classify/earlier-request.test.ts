import { describe, expect, test } from "vitest";
import { hadEarlierRequest } from "./earlier-request.ts";

const rpc = (key: string) => ({ metadata: { get: (asked: string) => (asked === key ? ["1"] : []) } });

const ky = (method: string, limit: number) => ({
  response: { status: 404 },
  request: new Request("https://example.com", { method }),
  options: { retry: { limit, methods: ["get", "put", "head", "delete", "options", "trace"] } },
});

describe("a trace of an earlier request", () => {
  test.each<[string, object, object]>([
    ["AWS SDK", { $metadata: { attempts: 2 } }, { $metadata: { attempts: 1 } }],
    ["axios-retry", { config: { "axios-retry": { retryCount: 1 } } }, { config: { "axios-retry": { retryCount: 0 } } }],
    [
      "gaxios",
      { config: { retryConfig: { currentRetryAttempt: 1 } } },
      { config: { retryConfig: { currentRetryAttempt: 0 } } },
    ],
    [
      "retry-axios",
      { config: { raxConfig: { currentRetryAttempt: 1 } } },
      { config: { raxConfig: { currentRetryAttempt: 0 } } },
    ],
    ["ky, of what it retries", ky("DELETE", 2), ky("POST", 2)],
    ["ky, told how often", ky("PUT", 1), ky("PUT", 0)],
    // Its count is 1 after a failure that was not retried.
    ["Octokit", { request: { request: { retryCount: 2 } } }, { request: { request: { retryCount: 1 } } }],
    ["got", { request: { retryCount: 1 } }, { request: { retryCount: 0 } }],
    ["p-retry", { attemptNumber: 2 }, { attemptNumber: 1 }],
    ["superagent", { retries: 1 }, { retries: 0 }],
    ["Elasticsearch", { meta: { meta: { attempts: 1 } } }, { meta: { meta: { attempts: 0 } } }],
    ["undici", { code: "UND_ERR_REQ_RETRY", data: { count: 2 } }, { code: "UND_ERR_REQ_RETRY", data: { count: 1 } }],
    ["undici, without a count", { code: "UND_ERR_REQ_RETRY" }, { code: "UND_ERR_RESPONSE" }],
    ["gRPC", rpc("grpc-previous-rpc-attempts"), rpc("grpc-status")],
    ["gax", { note: "Exception occurred in retry method that was not classified as transient" }, { note: "a note" }],
    ["a followed redirect (fetch's Response as the error)", { redirected: true }, { redirected: false }],
    ["a followed redirect (ky)", { response: { redirected: true } }, { response: { redirected: false } }],
    ["a followed redirect (axios)", { request: { _redirectCount: 1 } }, { request: { _redirectCount: 0 } }],
    [
      "a followed redirect (axios, answered)",
      { request: { _redirectable: { _redirectCount: 1 } } },
      { request: { _redirectable: { _redirectCount: 0 } } },
    ],
    ["a followed redirect (got)", { request: { redirectUrls: ["x"] } }, { request: { redirectUrls: [] } }],
    ["a followed redirect (superagent)", { response: { redirects: ["x"] } }, { response: { redirects: [] } }],
  ])("%s", (_client, after, first) => {
    expect(hadEarlierRequest(after)).toBe(true);
    expect(hadEarlierRequest(first)).toBe(false);
  });

  test.each([undefined, null, "x", {}, { metadata: new Map() }, { metadata: new Headers() }, { retries: "many" }])(
    "%j has none",
    (error) => expect(hadEarlierRequest(error)).toBe(false),
  );
});
