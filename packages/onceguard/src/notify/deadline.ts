import { type Duration, durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Notification } from "../core/notification.ts";
import type { Clock } from "../core/ports.ts";
import { notificationFailed } from "./notification-failed.ts";

/** The time a notifier lives by; a `fakeClock` of `onceguard/testing` is one. */
export interface NotifierClock extends Pick<Clock, "after"> {
  /** Milliseconds since the epoch. */
  now(): number;
}

export const processClock: NotifierClock = {
  now: () => Date.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

export const DEFAULT_TIMEOUT: Duration = "10s";

/** Node fires a longer timer at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** @throws OnceguardError `invalid_option`. */
export function timeoutMs(timeout: Duration = DEFAULT_TIMEOUT): number {
  const ms = durationMs(timeout, "timeout");
  if (ms >= 1 && ms <= LONGEST_TIMER_MS) return ms;
  throw new OnceguardError(
    "invalid_option",
    `timeout is ${JSON.stringify(timeout)}; it has to be from 1ms to 24d. Without an end, one delivery that hangs would hold up all others.`,
    { option: "timeout", value: timeout },
  );
}

/** What bounds the deliveries of one notifier. */
export interface Limits {
  readonly name: string;
  readonly clock: NotifierClock;
  readonly timeoutMs: number;
}

/**
 * Does `work` under a signal that fires with the caller's, or when time is up; returns when `work` does.
 *
 * @param outer the caller's signal, which may live as long as the process: it is left without a listener.
 */
export async function underDeadline(
  { name, clock, timeoutMs }: Limits,
  notification: Notification,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (outer.aborted) throw notificationFailed(name, notification, "it was called off before it began.");
  const controller = new AbortController();
  const stop = (): void => controller.abort(new Error("it was called off"));
  const cancel = clock.after(timeoutMs, () => controller.abort(new Error(`it took longer than ${timeoutMs} ms`)));
  outer.addEventListener("abort", stop, { once: true });
  try {
    await work(controller.signal);
  } finally {
    cancel();
    outer.removeEventListener("abort", stop);
  }
}

/** Why a signal of `underDeadline` has fired, in words; null if it has not. */
export function whyStopped(signal: AbortSignal): string | null {
  return signal.aborted ? (signal.reason as Error).message : null;
}
