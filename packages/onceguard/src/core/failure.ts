import { abortErrors } from "./classify/abort.ts";
import { awsErrors } from "./classify/aws.ts";
import {
  type Classifier,
  type Classify,
  type Failure,
  type FailureTier,
  firstOf,
  opinion,
} from "./classify/classifier.ts";
import { grpcErrors } from "./classify/grpc.ts";
import { httpErrors } from "./classify/http-status.ts";
import { networkErrors } from "./classify/network.ts";
import { postgresErrors } from "./classify/postgres.ts";
import { codeOf, isObject, messageOf, readable } from "./classify/read.ts";
import { stripeErrors } from "./classify/stripe.ts";

export type { Certainty, Classify, Failure, FailureTier } from "./classify/classifier.ts";
export { messageOf } from "./classify/read.ts";

/** Which person a request in review is for. */
export type Route = "data_owner" | "domain_expert" | "operator" | "security";

/**
 * From the most particular shape to the most general one. An abort is first, because it is no proof whatever else the
 * error carries; a status is an answer, and goes before the state of the connection.
 */
const BUILT_IN: Classifier = firstOf(
  abortErrors,
  stripeErrors,
  awsErrors,
  grpcErrors,
  postgresErrors,
  httpErrors,
  networkErrors,
);

/**
 * Classifies what an effect threw: the action's own classifier first, then `effectError`, then the built-in ones.
 * Conservative by design: whatever is not known to be definite is indefinite, and an unknown error is never `failed`.
 * Never throws, whatever the error is.
 *
 * @param noEffectOn HTTP statuses that this action declares as "not done", beyond the defaults.
 * @param now The time in ms since 1970, for a `Retry-After` that names a date in a response that does not say its own.
 */
export function classifyFailure(
  error: unknown,
  noEffectOn: readonly number[] = [],
  classify?: Classify,
  now?: number,
): Failure {
  return (
    opinion(() => classify?.(error)) ??
    opinion(() => declared(error)) ??
    BUILT_IN(error, { noEffectOn, now }) ??
    unknown(error)
  );
}

const DECLARED = Symbol.for("onceguard.failure");

/**
 * An error to throw from `execute` when the effect itself knows what happened, for example
 * `throw effectError({ certainty: "definite", tier: "conflict", code: "already_shipped", message: "..." })`.
 */
export function effectError(failure: Failure, options: { cause?: unknown } = {}): Error {
  return Object.assign(new Error(failure.message, options), { [DECLARED]: failure });
}

function declared(error: unknown): Failure | undefined {
  return isObject(error) ? (error as { [DECLARED]?: Failure })[DECLARED] : undefined;
}

function unknown(error: unknown): Failure {
  const code = readable(() => codeOf(error)) ?? "unclassified";
  return { certainty: "indefinite", tier: "transient", code, message: messageOf(error) };
}

/** The person a definite failure goes to when it is not retried; null when it is simply `failed`. */
export function routeOf(tier: FailureTier | null): Route | null {
  return tier === null ? null : ROUTES[tier];
}

const ROUTES: Readonly<Record<FailureTier, Route>> = {
  transient: "operator",
  validation: "data_owner",
  conflict: "domain_expert",
  security: "security",
};

/** Why a request is `failed` whose attempts were all uncertain: somebody who knows says it did not happen. */
export function didNotHappen(message: string): Failure {
  return { certainty: "definite", tier: null, code: "did_not_happen", message };
}
