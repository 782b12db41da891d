/**
 * What a classifier of one's own is built from: `onceguard/failures`. All of these are asked anyway, in the order abort,
 * Stripe, AWS, gRPC, PostgreSQL, HTTP, network. By name they serve for errors that are wrapped, or to ask one of them first.
 */
export { abortErrors } from "./core/classify/abort.ts";
export { awsErrors } from "./core/classify/aws.ts";
export type { Classifier, ClassifyOptions } from "./core/classify/classifier.ts";
export { firstOf } from "./core/classify/classifier.ts";
export { grpcErrors } from "./core/classify/grpc.ts";
export { httpErrors } from "./core/classify/http-status.ts";
export { networkErrors } from "./core/classify/network.ts";
export { postgresErrors } from "./core/classify/postgres.ts";
export { retryAfterMs } from "./core/classify/retry-after.ts";
export { stripeErrors } from "./core/classify/stripe.ts";
export { throughCauses } from "./core/classify/wrapped.ts";
export type { Certainty, Classify, Failure, FailureTier } from "./core/failure.ts";
