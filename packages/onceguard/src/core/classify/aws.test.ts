import { describe, expect, test } from "vitest";
import { awsErrors } from "./aws.ts";
import type { Failure } from "./classifier.ts";

/** As the SDK's clients throw them: the retry middleware of Smithy adds `attempts`. */
const aws = (name: string, httpStatusCode: number, more: object = {}) =>
  Object.assign(new Error("x"), {
    name,
    $fault: "client",
    $metadata: { httpStatusCode, requestId: "r", attempts: 1 },
    ...more,
  });

describe("by name, whatever the status means elsewhere", () => {
  test.each<[string, number, Failure["certainty"], Failure["tier"]]>([
    ["ThrottlingException", 400, "definite", "transient"],
    ["ProvisionedThroughputExceededException", 400, "definite", "transient"],
    ["TooManyRequestsException", 429, "definite", "transient"],
    ["RequestLimitExceeded", 503, "definite", "transient"], // EC2
    ["SlowDown", 503, "definite", "transient"], // S3
    ["ServiceUnavailable", 503, "indefinite", "transient"],
    ["InternalServerError", 500, "indefinite", "transient"],
    ["ThrottlingException", 500, "indefinite", "transient"],
    ["ConditionalCheckFailedException", 400, "definite", "conflict"],
    ["ResourceInUseException", 400, "definite", "conflict"],
    ["ConflictException", 409, "definite", "conflict"],
    ["BucketAlreadyExists", 409, "definite", "conflict"],
    ["TransactionConflictException", 400, "definite", "transient"],
    ["ValidationException", 400, "definite", "validation"],
    ["ResourceNotFoundException", 400, "definite", null],
    ["NoSuchKey", 404, "definite", null],
    ["AccessDeniedException", 400, "definite", "security"],
    ["UnrecognizedClientException", 400, "definite", "security"],
    ["ExpiredTokenException", 400, "definite", "security"],
    ["SignatureDoesNotMatch", 403, "definite", "security"],
    ["RequestTimeout", 400, "indefinite", "transient"], // S3
    ["RequestTimeoutException", 408, "indefinite", "transient"],
    ["TransactionInProgressException", 400, "indefinite", "transient"],
    ["IdempotentParameterMismatchException", 400, "indefinite", "conflict"],
    ["IdempotentParameterMismatch", 400, "indefinite", "conflict"], // EC2
    ["SomethingNewException", 400, "definite", "validation"],
    ["SomethingNewException", 418, "indefinite", null],
    ["AccessDeniedException", 500, "indefinite", "transient"],
  ])("%s %i is %s, %s", (name, status, certainty, tier) => {
    expect(awsErrors(aws(name, status))).toMatchObject({ certainty, tier });
  });

  test.each([
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "TooManyRequestsException",
  ])("%s is a refusal for load, though the status says something else", (name) => {
    expect(awsErrors(aws(name, 400))).toMatchObject({ certainty: "definite", tier: "transient", code: name });
  });

  test("the code is the name of the service's error, and else the status", () => {
    expect(awsErrors(aws("ThrottlingException", 400))?.code).toBe("ThrottlingException");
    expect(awsErrors(aws("ConditionalCheckFailedException", 400))?.code).toBe("ConditionalCheckFailedException");
    expect(awsErrors(aws("InternalServerError", 500))?.code).toBe("InternalServerError");
    expect(awsErrors(aws("", 400))?.code).toBe("http_400");
    expect(awsErrors(aws("Error", 400))?.code).toBe("http_400");
    expect(awsErrors({ $metadata: { httpStatusCode: 409 } })?.code).toBe("http_409");
    expect(awsErrors(aws("NotModelled", 400, { $fault: undefined }))?.code).toBe("http_400");
  });
});

describe("a transaction that DynamoDB cancelled", () => {
  const cancelled = (...codes: string[]) =>
    awsErrors(aws("TransactionCanceledException", 400, { CancellationReasons: codes.map((Code) => ({ Code })) }));

  test.each<[string[], Failure["tier"]]>([
    [["None", "ConditionalCheckFailed"], "conflict"],
    [["TransactionConflict", "None"], "transient"],
    [["ThrottlingError", "ProvisionedThroughputExceeded"], "transient"],
    [["TransactionConflict", "ConditionalCheckFailed"], "conflict"],
    [["ConditionalCheckFailed", "ValidationError"], "validation"],
    [["SomethingNew"], "conflict"],
    [["None"], "conflict"],
  ])("for %j", (codes, tier) => expect(cancelled(...codes)).toMatchObject({ certainty: "definite", tier }));

  test("for no reason that it gives", () => {
    expect(awsErrors(aws("TransactionCanceledException", 400))).toMatchObject({
      certainty: "definite",
      tier: "conflict",
    });
  });
});

test("the modelled trait says throttled, too, but not for a failure of the server", () => {
  const trait = { $retryable: { throttling: true } };
  expect(awsErrors(aws("NewLimit", 400, trait))).toMatchObject({
    certainty: "definite",
    tier: "transient",
    code: "NewLimit",
  });
  expect(awsErrors(aws("NewLimit", 500, trait))?.certainty).toBe("indefinite");
  expect(awsErrors(aws("NewLimit", 418, { $retryable: {} }))?.certainty).toBe("indefinite");
});

test("what calls itself the server's fault is no rejection", () => {
  expect(awsErrors(aws("InternalFailure", 400, { $fault: "server" }))).toMatchObject({ certainty: "indefinite" });
  expect(awsErrors(aws("InternalFailure", 503, { $fault: "server" }), { noEffectOn: [503] })?.certainty).toBe(
    "definite",
  );
});

test("an earlier attempt of the SDK takes the proof from every name", () => {
  for (const name of ["ThrottlingException", "ConditionalCheckFailedException", "TransactionCanceledException"]) {
    const retried = aws(name, 400, { $metadata: { httpStatusCode: 400, attempts: 2 } });
    expect(awsErrors(retried), name).toMatchObject({ certainty: "indefinite" });
  }
});

test("Retry-After of the SDK's response is kept", () => {
  const limited = aws("ThrottlingException", 400, { $response: { headers: { "retry-after": "4" } } });
  expect(awsErrors(limited)?.retryAfterMs).toBe(4_000);
});

test("without an answer, or without the shape, it has no opinion", () => {
  expect(
    awsErrors(Object.assign(new Error("x"), { code: "ECONNREFUSED", $metadata: { attempts: 1 } })),
  ).toBeUndefined();
  expect(awsErrors(Object.assign(new Error("x"), { name: "ThrottlingException" }))).toBeUndefined();
  expect(awsErrors({ name: "ThrottlingException", status: 400 })).toBeUndefined();
  expect(awsErrors(undefined)).toBeUndefined();
});
