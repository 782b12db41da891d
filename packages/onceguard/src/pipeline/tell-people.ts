import { backoffMs } from "../core/backoff.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Notification, Notifier } from "../core/notification.ts";
import type { TakenNotification } from "../core/ports.ts";
import type { Runtime } from "./runtime.ts";

/** Taken at once; the rest waits for the next pass. */
const BATCH = 16;
/** Longer than a notifier is waited for: nobody else delivers it meanwhile. */
const LEASE_MS = 120_000;
const LONGEST_DELIVERY_MS = 60_000;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 3_600_000;

/**
 * Delivers what people have to be told: at least once, to every notifier of the route, and again with growing pauses
 * until all of them have taken it. Whoever receives it tells repeats by its id.
 */
export async function tellPeople(runtime: Runtime): Promise<void> {
  const routes = [...runtime.notifiers.keys()];
  if (routes.length === 0 || runtime.closing.aborted) return;
  for (;;) {
    const taken = await runtime.store.takeNotifications({ routes, limit: BATCH, leaseMs: LEASE_MS });
    await Promise.all(taken.map((one) => deliver(runtime, one)));
    if (taken.length < BATCH || runtime.closing.aborted) return;
  }
}

async function deliver(runtime: Runtime, { notification, deliveries }: TakenNotification): Promise<void> {
  const notifiers = runtime.notifiers.get(notification.route) ?? [];
  const limit = new AbortController();
  const cancel = runtime.clock.after(LONGEST_DELIVERY_MS, () => limit.abort());
  const stopShutdown = runtime.onAbort(() => limit.abort());
  try {
    const results = await Promise.allSettled(
      notifiers.map((notifier) =>
        Promise.race([told(notifier, notification, limit.signal), outOfTime(notifier, limit)]),
      ),
    );
    const failed = results.filter((result) => result.status === "rejected");
    for (const { reason } of failed) runtime.report(reason);
    const againInMs = backoffMs({
      attempt: deliveries,
      baseMs: FIRST_PAUSE_MS,
      capMs: LONGEST_PAUSE_MS,
      random: runtime.randomness.random(),
    });
    await runtime.store.settleNotification(notification.id, failed.length === 0 ? null : againInMs);
  } finally {
    cancel();
    stopShutdown();
  }
}

/** What it throws at once counts as what it throws later. */
async function told(notifier: Notifier, notification: Notification, signal: AbortSignal): Promise<void> {
  await notifier.deliver(notification, signal);
}

/** A notifier that does not heed its signal must not keep the others, and those who wait behind them, from being told. */
function outOfTime({ name }: Notifier, { signal }: AbortController): Promise<never> {
  const problem = `${name} has not taken the notification within ${LONGEST_DELIVERY_MS} ms, or before the guard closed.`;
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(new OnceguardError("notification_failed", problem, { notifier: name }));
    if (signal.aborted) fail();
    signal.addEventListener("abort", fail, { once: true });
  });
}
