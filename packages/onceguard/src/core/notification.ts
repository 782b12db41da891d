import type { Route } from "./failure.ts";

/** Something a person has to know, as it is told to them: what, where, why. Never a payload or a result. */
export interface Notification {
  /** The same on every delivery: deliveries are at least once, and whoever receives them tells repeats by it. */
  readonly id: string;
  /**
   * `review`: a request waits for a person, or was ended because its approval had been tampered with. `held`: one waits for
   * approval. `conflict`: evidence contradicts a record.
   * `halted`: a run, an action or a tenant was stopped.
   */
  readonly kind: "review" | "held" | "conflict" | "halted";
  /** Whom it is for. */
  readonly route: Route;
  readonly tenant: string;
  /** Null where it is not about one request. */
  readonly requestId: string | null;
  readonly action: string | null;
  readonly recordId: string | null;
  readonly runId: string | null;
  /** Why, in a word or in words: `retries_exhausted`, `validation`, what a person wrote. */
  readonly reason: string | null;
  /** When it came about, in ms since the epoch by the store's clock. */
  readonly at: number;
}

/** Made of everything that tells one piece of news from another; no part can be mistaken for two. */
export function notificationId(kind: Notification["kind"], ...parts: readonly (string | number)[]): string {
  return [kind, ...parts.map((part) => encodeURIComponent(part))].join(":");
}

/** One way to tell people. */
export interface Notifier {
  /** For error messages: `webhook https://ops.example/hooks`. No secrets. */
  readonly name: string;
  /** Resolves once it has certainly been taken; anything else is tried again, with the same `id`. */
  deliver(notification: Notification, signal: AbortSignal): Promise<void>;
}
