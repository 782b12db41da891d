import type { Duration } from "../core/duration.ts";
import { messageOf } from "../core/failure.ts";
import type { Notification, Notifier } from "../core/notification.ts";
import { type NotifierClock, processClock, timeoutMs, underDeadline, whyStopped } from "./deadline.ts";
import { foreignText, notificationFailed } from "./notification-failed.ts";

/**
 * Takes a notification: whatever it returns or resolves to counts as delivered, a throw as not. It may see the same
 * `id` again. When the signal fires nobody waits for it any more.
 */
export type NotificationCallback = (notification: Notification, signal: AbortSignal) => unknown;

/** Options of `callbackNotifier`. */
export interface CallbackNotifierOptions {
  /** For error messages. Default: the function's name. */
  readonly name?: string;
  /** How long one delivery may take. Default 10 s. */
  readonly timeout?: Duration;
  /** Default: the process's. */
  readonly clock?: NotifierClock;
}

/**
 * Tells people by a function of yours, in this process.
 *
 * @throws OnceguardError `invalid_option`; from `deliver`: `notification_failed`.
 */
export function callbackNotifier(callback: NotificationCallback, options: CallbackNotifierOptions = {}): Notifier {
  const name = `callback ${options.name ?? (callback.name || "(anonymous)")}`;
  const limits = { name, clock: options.clock ?? processClock, timeoutMs: timeoutMs(options.timeout) };
  return {
    name,
    deliver: (notification, outer) =>
      underDeadline(limits, notification, outer, async (signal) => {
        try {
          // A callback that does not heed the signal must not hold up what waits behind it.
          await Promise.race([fired(signal), (async () => callback(notification, signal))()]);
        } catch (cause) {
          const stopped = whyStopped(signal);
          const problem = stopped === null ? `it threw: ${foreignText(messageOf(cause))}` : `${stopped}.`;
          throw notificationFailed(name, notification, problem, {}, cause);
        }
      }),
  };
}

function fired(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
