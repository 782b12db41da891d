import type { Failure } from "./classifier.ts";
import { parseHttpDate } from "./http-date.ts";
import { at, isObject, numberAt, readable } from "./read.ts";

/** A year, in ms. Nobody means more, and a sum with the time has to stay a safe integer. */
const LONGEST = 31_536_000_000;

/**
 * How long the other side asks to wait, in ms: `error.retryAfterMs`, else the header `Retry-After-Ms`, else `Retry-After`
 * in seconds or as a date. A date counts from the response's own `Date`, so that two clocks need not agree, and from
 * `now` where there is none. Never throws.
 */
export function retryAfterMs(error: unknown, now?: number): number | undefined {
  return readable(
    () =>
      wait(numberAt(error, "retryAfterMs")) ?? wait(decimal(header(error, "retry-after-ms"))) ?? retryAfter(error, now),
  );
}

/** The failure, with the wait that its error asks for. */
export function withRetryAfter(failure: Failure, error: unknown, now: number | undefined): Failure {
  const ms = retryAfterMs(error, now);
  return ms === undefined ? failure : { ...failure, retryAfterMs: ms };
}

/** What can be waited for: a whole number of ms, not negative, not endless. */
export function wait(ms: number | undefined): number | undefined {
  return ms !== undefined && ms >= 0 ? Math.min(Math.ceil(ms), LONGEST) : undefined;
}

function retryAfter(error: unknown, now: number | undefined): number | undefined {
  const value = header(error, "retry-after");
  if (value === undefined) return undefined;
  const seconds = decimal(value);
  if (seconds !== undefined) return wait(seconds * 1_000);
  const until = parseHttpDate(value);
  const from = parseHttpDate(header(error, "date") ?? "") ?? now;
  return until === undefined || from === undefined ? undefined : wait(Math.max(0, until - from));
}

function decimal(value: string | undefined): number | undefined {
  return value !== undefined && /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

/** A header of the response that an error carries, wherever clients put it. `name` is in lower case. */
export function header(error: unknown, name: string): string | undefined {
  for (const headers of [at(error, "response", "headers"), at(error, "headers"), at(error, "$response", "headers")]) {
    const value = isObject(headers) ? (byGet(headers, name) ?? byKey(headers, name)) : undefined;
    if (value !== undefined) return value;
  }
  return undefined;
}

/** `Headers`, `AxiosHeaders`, a `Map`. */
function byGet(headers: object, name: string): string | undefined {
  const get = at(headers, "get");
  if (typeof get !== "function") return undefined;
  return single(get.call(headers, name)) ?? single(get.call(headers, canonical(name)));
}

function byKey(headers: object, name: string): string | undefined {
  const key = Object.keys(headers).find((candidate) => candidate.toLowerCase() === name);
  return key === undefined ? undefined : single(at(headers, key));
}

/** `retry-after` as `Retry-After`, for a `Map` that was filled by hand. */
function canonical(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

function single(value: unknown): string | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  if (typeof first === "number") return String(first);
  return typeof first === "string" ? first.trim() : undefined;
}
