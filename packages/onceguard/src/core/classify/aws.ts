import { type Classifier, classifier, type Failure, type FailureTier } from "./classifier.ts";
import { httpErrors, statusesOf } from "./http-status.ts";
import { at, isObject, messageOf, nameOf } from "./read.ts";
import { withRetryAfter } from "./retry-after.ts";

/** The service refused for its load. Some say so with a status that means something else: 400, or 503 (EC2, S3). */
const THROTTLED: ReadonlySet<string> = new Set([
  "BandwidthLimitExceeded",
  "EC2ThrottledException",
  "LimitExceededException",
  "PriorRequestNotComplete",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "RequestThrottled",
  "RequestThrottledException",
  "SlowDown",
  "ThrottledException",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
  "TransactionConflictException",
]);

/** Names that do not settle the effect, though most come with status 400. The SDK counts some of them as throttling. */
const UNSETTLED: ReadonlyMap<string, FailureTier> = new Map([
  ["TransactionInProgressException", "transient"], // an earlier request with this token is still running
  ["RequestTimeout", "transient"],
  ["RequestTimeoutException", "transient"],
]);

/** An idempotency token that was used before, with another payload: something was sent under it. */
const TOKEN_REUSED = /^Idempoten/;

/** Most AWS services answer 400 to everything, so the name says who can fix it. It never says that nothing happened. */
const TIERS: readonly (readonly [RegExp, FailureTier | null])[] = [
  [
    /AccessDenied|Unauthorized|NotAuthorized|ExpiredToken|UnrecognizedClient|InvalidClientToken|InvalidAccessKey/,
    "security",
  ],
  [/Signature|AuthenticationToken|AuthFailure|OptInRequired/, "security"],
  [/ConditionalCheckFailed|Conflict|AlreadyExists|ResourceInUse|ConcurrentModification|PreconditionFailed/, "conflict"],
  [/NotFound|NoSuch/, null],
];

/** Errors of the AWS SDK for JavaScript v3, by `$metadata`, `$fault`, `$retryable` and name. */
export const awsErrors: Classifier = classifier((error, options) => {
  if (!isObject(error) || !isObject(error.$metadata)) return undefined;
  const name = nameOf(error) ?? "";
  const says = (certainty: Failure["certainty"], tier: FailureTier | null): Failure =>
    withRetryAfter({ certainty, tier, code: name, message: messageOf(error) }, error, options.now);

  const unsettled = UNSETTLED.get(name) ?? (TOKEN_REUSED.test(name) ? "conflict" : undefined);
  if (unsettled) return says("indefinite", unsettled);

  // Without a status there was no answer: the network's rules decide.
  const status = statusesOf(error)[0];
  if (status === undefined) return undefined;
  const throttled = THROTTLED.has(name) || at(error, "$retryable", "throttling") === true;
  if (throttled && (status < 500 || status === 503)) return says("definite", "transient");
  if (name === "TransactionCanceledException" && status === 400) return says("definite", cancelledFor(error));

  const byStatus = httpErrors(error, options);
  if (!byStatus) return undefined;
  const certainty = error.$fault === "server" && status < 500 ? "indefinite" : byStatus.certainty;
  const tier = status < 500 ? TIERS.find(([pattern]) => pattern.test(name)) : undefined;
  // The modelled errors have a name that says more than a status; others are called "Error", or nothing.
  const code = typeof error.$fault === "string" && name.length > 0 && name !== "Error" ? name : byStatus.code;
  return { ...byStatus, certainty, tier: tier ? tier[1] : byStatus.tier, code };
});

/** Why DynamoDB cancelled a transaction, of which then nothing was done: one reason per item, `None` for the others. */
function cancelledFor(error: object): FailureTier {
  const given = at(error, "CancellationReasons");
  const reasons = Array.isArray(given)
    ? given.map((reason) => at(reason, "Code")).filter((code) => code !== "None")
    : [];
  if (reasons.includes("ValidationError")) return "validation";
  const transient = reasons.every((code) => TRANSIENT_REASONS.has(code));
  return transient && reasons.length > 0 ? "transient" : "conflict";
}

const TRANSIENT_REASONS: ReadonlySet<unknown> = new Set([
  "TransactionConflict",
  "ThrottlingError",
  "ProvisionedThroughputExceeded",
]);
