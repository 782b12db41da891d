import type { Duration } from "../../core/duration.ts";
import type { Guard } from "../../pipeline/guard.ts";

/** What an answer of a handler says about its effect. */
export type Settled =
  /** It is what this request comes to, now and whenever it is repeated. */
  | "final"
  /** Nothing was done, and a repetition may do it: a limit, a maintenance window. */
  | "not_done"
  /** Nobody knows whether something was done: it is not done again under this key. */
  | "in_doubt";

/** How a server honours `Idempotency-Key`. `Source` is the framework's own request. */
export interface IdempotencyOptions<Source> {
  // biome-ignore lint/suspicious/noExplicitAny: a guard of whatever actions; these requests are none of them
  readonly guard: Guard<any>;
  /**
   * Whose key it is: a user or an account, as your own authentication has it; null for nobody in particular. Two
   * principals never share a key. It must not change when a token is renewed.
   */
  readonly principal: (source: Source) => string | null | Promise<string | null>;
  readonly tenant?: (source: Source) => string | Promise<string>;
  /** What the key is bound to besides principal and method. Default: the path. The whole URL is part of the fingerprint. */
  readonly route?: (source: Source) => string;
  /** Methods that are guarded. Default POST and PATCH; all others are repeatable by themselves. */
  readonly methods?: readonly string[];
  /** A guarded request without a key is refused with 400. Default true; false lets it through unguarded. */
  readonly required?: boolean;
  /**
   * What the bodies of two requests have to have in common to be the same request. Default: the JSON value, whatever its
   * spelling; for everything else the bytes.
   */
  readonly fingerprint?: (source: Source, body: Uint8Array) => string | Promise<string>;
  /** What an answer says about its effect, by its status. Default: see `settledBy`. */
  readonly settles?: (status: number) => Settled;
  /** How long a repetition waits for the first one to end, before it is answered 409. Default 0. */
  readonly wait?: Duration;
  /** When a handler is taken for lost: its outcome is in doubt, and what it still answers is late evidence. Default 60 s. */
  readonly timeout?: Duration;
  /** Largest request body, in bytes. Default 10 MiB. */
  readonly maxBodyBytes?: number;
  /** Largest answer that is kept and replayed, in bytes. A larger one, or an event stream, goes through. Default 512 KiB. */
  readonly maxAnswerBytes?: number;
}

/** The limits and rules in force. */
export interface Rules {
  readonly methods: ReadonlySet<string>;
  readonly required: boolean;
  readonly settles: (status: number) => Settled;
  readonly wait: Duration;
  readonly timeout: Duration;
  readonly maxBodyBytes: number;
  readonly maxAnswerBytes: number;
}

export function rulesOf(options: IdempotencyOptions<never>): Rules {
  return {
    methods: new Set((options.methods ?? ["POST", "PATCH"]).map((method) => method.toUpperCase())),
    required: options.required ?? true,
    settles: options.settles ?? settledBy,
    wait: options.wait ?? 0,
    timeout: options.timeout ?? "60s",
    maxBodyBytes: options.maxBodyBytes ?? 10 * 1_048_576,
    maxAnswerBytes: options.maxAnswerBytes ?? 512 * 1_024,
  };
}

/**
 * Below 500 a handler has decided, and the answer stands; except for what says "come again". A 5xx, or a handler that threw,
 * says nothing about what was done before.
 */
export function settledBy(status: number): Settled {
  if (status === 401 || status === 425 || status === 429) return "not_done";
  return status === 408 || status >= 500 ? "in_doubt" : "final";
}
