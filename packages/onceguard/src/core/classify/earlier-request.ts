import { at, isObject, numberAt, textAt } from "./read.ts";

/**
 * Whether the client had, or may have, already sent something before the request that this error reports: it had retried, or followed
 * a redirect. Then neither "never sent" nor "rejected" proves anything, since the earlier request may have been carried
 * out: a POST that was done and whose answer was lost, or that answered 303, is not undone by what came after it.
 *
 * Clients that retry without a trace on the error are not seen here. Switch retrying off in the client: the guard does it.
 */
export function hadEarlierRequest(error: unknown): boolean {
  return isObject(error) && (retried(error) || redirected(error));
}

function retried(error: object): boolean {
  return (
    more(numberAt(error, "$metadata", "attempts"), 1) || // AWS SDK v3: three attempts by default
    more(numberAt(error, "config", "axios-retry", "retryCount"), 0) ||
    more(numberAt(error, "config", "retryConfig", "currentRetryAttempt"), 0) || // gaxios
    more(numberAt(error, "config", "raxConfig", "currentRetryAttempt"), 0) || // retry-axios
    more(numberAt(error, "request", "retryCount"), 0) || // got
    more(numberAt(error, "request", "request", "retryCount"), 1) || // Octokit's plugin-retry: it counts the failures
    more(numberAt(error, "attemptNumber"), 1) || // p-retry
    more(numberAt(error, "retries"), 0) || // superagent
    more(numberAt(error, "meta", "meta", "attempts"), 0) || // Elasticsearch
    (at(error, "code") === "UND_ERR_REQ_RETRY" && at(error, "data", "count") !== 1) || // undici's RetryAgent
    retriedRpc(error) ||
    retriesUnseen(error)
  );
}

/** ky keeps its options with an answer's error, and no count: what it retries (PUT and DELETE, unless told) may have been. */
function retriesUnseen(error: object): boolean {
  const methods = at(error, "options", "retry", "methods");
  const method = textAt(error, "request", "method")?.toLowerCase();
  return Array.isArray(methods) && methods.includes(method) && more(numberAt(error, "options", "retry", "limit"), 0);
}

/** Google's gax writes this note whenever a call may have been retried, and does not say how often it was. */
const GAX_NOTE = "Exception occurred in retry method";

function retriedRpc(error: object): boolean {
  const metadata = at(error, "metadata");
  const get = at(metadata, "get");
  const attempts = typeof get === "function" ? get.call(metadata, "grpc-previous-rpc-attempts") : undefined;
  // grpc-js answers with an array; a Map, or Headers, that happen to lie there answer with nothing.
  return (Array.isArray(attempts) && attempts.length > 0) || textAt(error, "note")?.startsWith(GAX_NOTE) === true;
}

function redirected(error: object): boolean {
  return (
    at(error, "redirected") === true ||
    at(error, "response", "redirected") === true || // fetch's Response, as ky keeps it
    more(numberAt(error, "request", "_redirectCount"), 0) || // axios, before an answer
    more(numberAt(error, "request", "_redirectable", "_redirectCount"), 0) || // axios, after it
    more(numberAt(error, "request", "redirectUrls", "length"), 0) || // got
    more(numberAt(error, "response", "redirects", "length"), 0) // superagent
  );
}

function more(count: number | undefined, than: number): boolean {
  return count !== undefined && count > than;
}
