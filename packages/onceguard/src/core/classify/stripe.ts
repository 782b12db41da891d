import { type Classifier, type ClassifyOptions, classifier, type Failure, type FailureTier } from "./classifier.ts";
import { httpErrors, statusesOf } from "./http-status.ts";
import { neverSentCode } from "./network.ts";
import { type AnyObject, codeOf, isObject, messageOf } from "./read.ts";
import { header } from "./retry-after.ts";

/** What the SDK says about a connection that failed at its first try. After that it adds how often it has retried. */
const FIRST_TRY = "An error occurred with our connection to Stripe.";

/** Codes that come with status 400 and say that the record is in another state than the caller thought. */
const CONFLICTS: ReadonlySet<string> = new Set([
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
]);

/**
 * Errors of Stripe's SDK for Node. Stripe answers a repeat under the same idempotency key with the first answer, so a
 * rejection stays one when the SDK has retried. The SDK sends again after a closed connection even with
 * `maxNetworkRetries: 0`, and does not say so on an answer: always pass it `context.idempotencyKey`.
 */
export const stripeErrors: Classifier = classifier((error, options) => {
  if (!isStripeError(error)) return undefined;
  if (error.type === "StripeConnectionError") return connectionError(error);
  const code = codeOf(error);
  // The key was used before with other parameters: something was sent under it that is not in this call.
  if (error.type === "StripeIdempotencyError") return maybe(error, "conflict", "idempotency_error");
  const byStatus = httpErrors(error, options);
  if (!byStatus) return maybe(error, "transient", code ?? "stripe_api_error");
  // Another request with the same key is still under way, and that may be our own earlier one.
  if (statusesOf(error)[0] === 409 && !declared(409, options)) return maybe(error, "transient", code ?? "http_409");
  return { ...byStatus, tier: tierOf(error, code, byStatus), code: code ?? byStatus.code };
});

/** Stripe's errors have these fields even where they are empty; `raw` is what the answer said. */
function isStripeError(error: unknown): error is AnyObject {
  return (
    isObject(error) &&
    typeof error.type === "string" &&
    isObject(error.raw) &&
    ["rawType", "statusCode", "requestId", "headers"].every((field) => field in error)
  );
}

function connectionError(error: AnyObject): Failure {
  const neverSent = error.message === FIRST_TRY ? neverSentCode(error.detail) : undefined;
  if (neverSent === undefined) return maybe(error, "transient", codeOf(error.detail) ?? "stripe_connection_error");
  return { certainty: "definite", tier: "transient", code: neverSent, message: messageOf(error) };
}

/** `Stripe-Should-Retry` says whether another try makes sense, never whether this one had its effect. */
function tierOf(error: AnyObject, code: string | undefined, byStatus: Failure): FailureTier | null {
  if (byStatus.tier === "security") return "security";
  const limited = error.type === "StripeRateLimitError";
  const advice = header(error, "stripe-should-retry");
  if (limited || advice === "true") return "transient";
  if (CONFLICTS.has(code ?? "")) return "conflict";
  // A stored 500 is what every repeat gets. (A limit is left to the backoff: the advice is about the SDK's own retry.)
  return advice === "false" && byStatus.code !== "http_429" && byStatus.tier === "transient" ? null : byStatus.tier;
}

function declared(status: number, { noEffectOn = [] }: ClassifyOptions): boolean {
  return noEffectOn.includes(status);
}

function maybe(error: unknown, tier: FailureTier, code: string): Failure {
  return { certainty: "indefinite", tier, code, message: messageOf(error) };
}
