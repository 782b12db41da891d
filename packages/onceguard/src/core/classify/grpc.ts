import { type Certainty, type Classifier, classifier, type FailureTier } from "./classifier.ts";
import { retryDelayMs } from "./grpc-retry-info.ts";
import { at, isObject, messageOf } from "./read.ts";
import { wait } from "./retry-after.ts";

/**
 * Certainty and tier by status code. Definite are the codes that the gRPC libraries never make up (statuscodes.md), so
 * that they are an answer of the application, and the two of access control, which come before it. The others also arise
 * after the effect: RESOURCE_EXHAUSTED for an answer that is too large, UNIMPLEMENTED for one too many, INTERNAL for one
 * that cannot be read. ABORTED and DATA_LOSS are the application's too, and do not say that nothing was done.
 */
const STATUS: readonly (readonly [name: string, certainty: Certainty, tier: FailureTier | null])[] = [
  ["OK", "indefinite", null],
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
];
const RESOURCE_EXHAUSTED = 8;

/** Errors of @grpc/grpc-js and of what is built on it (Google's clients), by status code. */
export const grpcErrors: Classifier = classifier((error) => {
  if (!isObject(error) || typeof error.code !== "number" || typeof error.details !== "string") return undefined;
  const status = STATUS[error.code];
  if (!status || error.code === 0 || !isMetadata(error.metadata)) return undefined;
  const [name, certainty, tier] = status;
  const retryAfterMs = askedToWait(error.metadata);
  // Only an application attaches a delay, and with it says "later, not now": then the limit is its own.
  const limited = error.code === RESOURCE_EXHAUSTED && retryAfterMs !== undefined;
  return {
    certainty: limited ? "definite" : certainty,
    tier,
    code: `grpc_${name.toLowerCase()}`,
    message: messageOf(error),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
});

interface Metadata {
  get(key: string): unknown;
}

/** A Map or Headers also have `get`. Only gRPC's metadata has `getMap` as well. */
function isMetadata(value: unknown): value is Metadata {
  return typeof at(value, "get") === "function" && typeof at(value, "getMap") === "function";
}

/** The wait the server asks for: pushback in the trailers, or google.rpc.RetryInfo among the details of the status. */
function askedToWait(metadata: Metadata): number | undefined {
  const pushback = first(metadata.get("grpc-retry-pushback-ms"));
  if (typeof pushback === "string" && /^\d+$/.test(pushback)) return wait(Number(pushback));
  const details = first(metadata.get("grpc-status-details-bin"));
  return details instanceof Uint8Array ? wait(retryDelayMs(details)) : undefined;
}

function first(values: unknown): unknown {
  return Array.isArray(values) ? values[0] : undefined;
}
