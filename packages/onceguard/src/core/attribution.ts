import type { Receipt } from "./receipt.ts";

/**
 * Why an attempt, or a repeated call, was made:
 *
 *   first            the first attempt of the request
 *   same_process     the call that made an earlier attempt makes another one: its own backoff, its own re-send
 *   sweeper          a guard carries on what nobody waits for any more
 *   framework_retry  the host ran the same call once more: same scope, same call id
 *   redelivery       a queue or a webhook delivered the same message again; only the caller knows, and says so
 *   replanned        the model planned anew: another call id, or other prose, for the same effect
 *   human            a person had it tried again
 *   unknown          somebody asked again and left no trace of why
 */
export type Cause =
  | "first"
  | "same_process"
  | "sweeper"
  | "framework_retry"
  | "redelivery"
  | "replanned"
  | "human"
  | "unknown";

/** What a caller may say of itself; the others the guard finds out. */
export type CallerCause = Extract<Cause, "framework_retry" | "redelivery" | "replanned" | "human">;

export const CALLER_CAUSES: readonly CallerCause[] = ["framework_retry", "redelivery", "replanned", "human"];

/** Where a call came from, besides who made it: the run, the host's own ids, the trace. */
export interface Origin {
  readonly runId: string | null;
  /** The host's thread, workflow or queue. */
  readonly hostScope: string | null;
  /** The host's id of the call in it: a tool call, a message. Another one for every attempt of some hosts. */
  readonly hostCallId: string | null;
  readonly traceId: string | null;
}

/** Who did it, from where, and why it is done again. */
export interface Attribution extends Origin {
  readonly actor: string | null;
  /** Null for what is no attempt and no repeated call. */
  readonly cause: Cause | null;
}

/** A caller, before it is known what its call means. */
export interface Caller extends Origin {
  readonly actor: string | null;
  readonly cause: CallerCause | null;
}

/** Why a call came again for a request that is known: as the caller says, or as its host's ids and its prose give away. */
export function causeOfRepeat(
  first: Origin & Pick<Receipt, "payload">,
  again: Caller & { readonly canonical: string },
): Cause {
  if (again.cause !== null) return again.cause;
  if (first.hostCallId !== null && again.hostCallId !== null) {
    const isSameCall = first.hostCallId === again.hostCallId && first.hostScope === again.hostScope;
    return isSameCall ? "framework_retry" : "replanned";
  }
  return first.payload !== null && first.payload !== again.canonical ? "replanned" : "unknown";
}

/** As the record has it: whoever made the first call. */
export function attributionOf(receipt: Origin & Pick<Receipt, "actor">, cause: Cause | null): Attribution {
  const { runId, hostScope, hostCallId, traceId, actor } = receipt;
  return { runId, hostScope, hostCallId, traceId, actor, cause };
}
