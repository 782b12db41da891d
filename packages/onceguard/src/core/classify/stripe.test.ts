import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import type { Failure } from "./classifier.ts";
import { stripeErrors } from "./stripe.ts";

// The SDK's own classes. What it makes of a real server's answers: test/network/failures-stripe.test.ts.

const { errors } = Stripe;
const raw = (statusCode: number, more: object = {}) =>
  ({ statusCode, message: "x", headers: {}, type: "x", ...more }) as never;
const FIRST_TRY = "An error occurred with our connection to Stripe.";
const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });

describe("by type and status", () => {
  test.each<[string, Error, Failure["certainty"], Failure["tier"], string]>([
    ["declined", new errors.StripeCardError(raw(402, { code: "card_declined" })), "definite", null, "card_declined"],
    [
      "invalid",
      new errors.StripeInvalidRequestError(raw(400, { code: "parameter_missing" })),
      "definite",
      "validation",
      "parameter_missing",
    ],
    ["no code", new errors.StripeInvalidRequestError(raw(400)), "definite", "validation", "http_400"],
    [
      "not there",
      new errors.StripeInvalidRequestError(raw(404, { code: "resource_missing" })),
      "definite",
      null,
      "resource_missing",
    ],
    [
      "already done",
      new errors.StripeInvalidRequestError(raw(400, { code: "charge_already_refunded" })),
      "definite",
      "conflict",
      "charge_already_refunded",
    ],
    ["who are you", new errors.StripeAuthenticationError(raw(401)), "definite", "security", "http_401"],
    ["you may not", new errors.StripePermissionError(raw(403)), "definite", "security", "http_403"],
    [
      "too many",
      new errors.StripeRateLimitError(raw(429, { code: "rate_limit" })),
      "definite",
      "transient",
      "rate_limit",
    ],
    [
      "too many, as 400",
      new errors.StripeRateLimitError(raw(400, { code: "rate_limit" })),
      "definite",
      "transient",
      "rate_limit",
    ],
    ["other parameters", new errors.StripeIdempotencyError(raw(400)), "indefinite", "conflict", "idempotency_error"],
    [
      "key in use",
      new errors.StripeAPIError(raw(409, { code: "idempotency_key_in_use" })),
      "indefinite",
      "transient",
      "idempotency_key_in_use",
    ],
    ["their fault", new errors.StripeAPIError(raw(500)), "indefinite", "transient", "http_500"],
    [
      "unreadable",
      new errors.StripeAPIError({ message: "Invalid JSON received from the Stripe API" } as never),
      "indefinite",
      "transient",
      "stripe_api_error",
    ],
    ["v2", new errors.StripeError(raw(400, { code: "x" }), "InsufficientFundsError"), "definite", "validation", "x"],
  ])("%s", (_name, error, certainty, tier, code) => {
    expect(stripeErrors(error)).toMatchObject({ certainty, tier, code });
  });
});

test.each([
  "charge_already_captured",
  "charge_already_refunded",
  "charge_disputed",
  "charge_expired_for_capture",
  "charge_not_refundable",
  "intent_invalid_state",
  "invoice_not_editable",
  "payment_intent_unexpected_state",
  "payment_method_unexpected_state",
  "refund_disputed_payment",
  "resource_already_exists",
  "return_intent_already_processed",
  "setup_intent_unexpected_state",
  "status_transition_invalid",
  "token_already_used",
])("%s: the record is in another state", (code) => {
  const error = new errors.StripeInvalidRequestError(raw(400, { code }));
  expect(stripeErrors(error)).toMatchObject({ certainty: "definite", tier: "conflict", code });
});

describe("a connection", () => {
  const failed = (message: string, detail: unknown) => new errors.StripeConnectionError({ message, detail } as never);

  test("that was never made is definite only at the first try", () => {
    expect(stripeErrors(failed(FIRST_TRY, refused))).toMatchObject({
      certainty: "definite",
      tier: "transient",
      code: "ECONNREFUSED",
    });
    const retried = failed(`${FIRST_TRY} Request was retried 2 times.`, refused);
    expect(stripeErrors(retried)).toMatchObject({ certainty: "indefinite", tier: "transient", code: "ECONNREFUSED" });
  });

  test("that broke, or timed out, may have carried it", () => {
    const reset = Object.assign(new Error("x"), { code: "ECONNRESET", syscall: "read" });
    expect(stripeErrors(failed(FIRST_TRY, reset))).toMatchObject({ certainty: "indefinite", code: "ECONNRESET" });
    const late = Object.assign(new TypeError("ETIMEDOUT"), { code: "ETIMEDOUT" });
    const timedOut = failed("Request aborted due to timeout being reached (80000ms)", late);
    expect(stripeErrors(timedOut)).toMatchObject({ certainty: "indefinite", code: "ETIMEDOUT" });
    expect(stripeErrors(failed(FIRST_TRY, undefined))).toMatchObject({
      certainty: "indefinite",
      code: "stripe_connection_error",
    });
  });
});

describe("Stripe-Should-Retry is about another try, never about this one", () => {
  const advised = (status: number, advice: string, type = errors.StripeAPIError) =>
    stripeErrors(new type(raw(status, { headers: { "stripe-should-retry": advice } })));

  test.each<[number, string, Failure["certainty"], Failure["tier"]]>([
    [500, "true", "indefinite", "transient"],
    [500, "false", "indefinite", null],
    [400, "true", "definite", "transient"],
    [400, "false", "definite", "validation"],
    [401, "true", "definite", "security"],
    [429, "true", "definite", "transient"],
    [429, "false", "definite", "transient"],
  ])("%i, %s", (status, advice, certainty, tier) => {
    expect(advised(status, advice)).toMatchObject({ certainty, tier });
  });

  test("nor does it outweigh a limit", () => {
    expect(advised(400, "false", errors.StripeRateLimitError)).toMatchObject({ tier: "transient" });
  });
});

test("Retry-After is kept", () => {
  const limited = new errors.StripeRateLimitError(raw(429, { headers: { "retry-after": "3" } }));
  expect(stripeErrors(limited)?.retryAfterMs).toBe(3_000);
});

test("statuses that the action declares count, 409 included", () => {
  const error = (status: number) => new errors.StripeAPIError(raw(status));
  expect(stripeErrors(error(409))).toMatchObject({ certainty: "indefinite", tier: "transient", code: "http_409" });
  expect(stripeErrors(error(503), { noEffectOn: [503] })?.certainty).toBe("definite");
  expect(stripeErrors(error(409), { noEffectOn: [409] })).toMatchObject({ certainty: "definite", tier: "conflict" });
});

test.each<[string, unknown]>([
  ["a type alone", { type: "StripeCardError", statusCode: 402 }],
  [
    "an error of something else",
    Object.assign(new Error("x"), { type: "invalid_request_error", raw: {}, statusCode: 400 }),
  ],
  ["nothing", undefined],
])("%s has not the shape", (_name, error) => expect(stripeErrors(error)).toBeUndefined());
