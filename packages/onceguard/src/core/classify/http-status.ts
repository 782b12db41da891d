import { type Classifier, classifier, type FailureTier } from "./classifier.ts";
import { at, messageOf } from "./read.ts";
import { withRetryAfter } from "./retry-after.ts";

/**
 * HTTP statuses by which a server says "I did not do it" (docs/failures.md). Not among them: 408 and 425, which
 * say nothing about the effect, and every 5xx, because a gateway answers 502 to 504 for an upstream that has done it.
 */
const REJECTIONS: ReadonlyMap<number, FailureTier | null> = new Map([
  [400, "validation"],
  [401, "security"],
  [402, null],
  [403, "security"],
  [404, null],
  [405, null],
  [409, "conflict"],
  [410, null],
  [412, "conflict"],
  [413, null],
  [415, null],
  [422, "validation"],
  [429, "transient"],
]);

/**
 * Errors with an HTTP status from 400 to 599, in the shapes that clients give them: `status` or `statusCode`, on the error
 * or on its `response`. `Retry-After` is read from the response's headers.
 */
export const httpErrors: Classifier = classifier((error, { noEffectOn = [], now }) => {
  const statuses = statusesOf(error);
  const status = statuses[0];
  if (status === undefined) return undefined;
  // An API's own mapping of an upstream's answer has two statuses. It is a rejection only if both are.
  const rejected = statuses.every((each) => REJECTIONS.has(each) || noEffectOn.includes(each));
  return withRetryAfter(
    {
      certainty: rejected ? "definite" : "indefinite",
      tier: REJECTIONS.get(status) ?? (status >= 500 ? "transient" : null),
      code: `http_${status}`,
      message: messageOf(error),
    },
    error,
    now,
  );
});

/** Every HTTP error status that an error carries: fetch wrappers, axios, got, ky, undici, the AWS SDK. */
export function statusesOf(error: unknown): number[] {
  return [
    at(error, "status"),
    at(error, "statusCode"),
    at(error, "response", "status"),
    at(error, "response", "statusCode"),
    at(error, "$metadata", "httpStatusCode"),
  ].filter(isErrorStatus);
}

function isErrorStatus(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 400 && value <= 599;
}
