import type { EffectContext } from "../core/action.ts";
import type { Duration } from "../core/duration.ts";
import type { JsonValue } from "../core/json.ts";
import type { GivenEvidence } from "../pipeline/take-evidence.ts";
import type { WebhookEvent, WebhookSource } from "./source.ts";

/** What a handler is told besides the event. */
export interface EventContext extends Pick<EffectContext, "signal" | "attemptNumber" | "requestId" | "idempotencyKey"> {
  readonly tenant: string;
}

/** Where the events come from, and what is done with them. */
export interface WebhookInboxOptions {
  readonly source: WebhookSource;
  /** Takes one event in; called after it was persisted and answered, one at a time for each object. */
  readonly handle?: (event: WebhookEvent, context: EventContext) => unknown;
  /** What the event says of a request of this guard: fed to `guard.evidence` before it is handled. */
  readonly evidence?: (
    event: WebhookEvent,
  ) => (Omit<GivenEvidence, "source" | "tenant"> & { readonly requestId: string }) | null;
  /**
   * The handler may run again for the same event, after an error or a crash. Default false: then an event whose handling did
   * not end is put before a person at once.
   */
  readonly repeatable?: boolean;
  /** What is the same event under several ids: two notices of one refund. Default: the event's id. */
  readonly same?: (event: WebhookEvent) => string | null;
  /** The business object, and when it was so, where the source's own idea of that does not fit. */
  readonly object?: (event: WebhookEvent) => string | null;
  readonly at?: (event: WebhookEvent) => number | null;
  /** Default: the source's name. Two inboxes of one guard need two names. */
  readonly name?: string;
  readonly tenant?: string;
  /** Tries before it is put before a person, and over which time. Default 10, 24 h. Needs `repeatable`. */
  readonly retry?: {
    readonly maxAttempts?: number;
    readonly maxElapsed?: Duration;
    readonly base?: Duration;
    readonly cap?: Duration;
  };
  /** Longest time for one handling. Default 60 s. */
  readonly timeout?: Duration;
  /** Largest body, in bytes. Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** Told what goes wrong where no caller waits. Default: a process warning. */
  readonly report?: (error: unknown) => void;
}

/** An event as it is recorded. */
export interface RecordedEvent {
  readonly id: string;
  readonly type: string;
  readonly object: string | null;
  readonly at: number | null;
  readonly data: JsonValue;
}
