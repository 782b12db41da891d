import { backoffMs } from "../core/backoff.ts";
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
      notifiers.map(async (notifier) => notifier.deliver(notification, limit.signal)),
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
