import type { Runtime } from "./runtime.ts";

/** Counted up to here: what matters is whether it is none, some or too many. */
const COUNTED = 1_000;
/** A sweeper passes more often than anybody reads a gauge. */
const EVERY_MS = 15_000;

const lastLooks = new WeakMap<Runtime, number>();

/** Tells the telemetry what waits in the store: for an answer, or for a person. */
export async function lookAtOpen(runtime: Runtime): Promise<void> {
  const { telemetry, store, clock } = runtime;
  if (telemetry === null) return;
  const now = clock.monotonicMs();
  if (now - (lastLooks.get(runtime) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return;
  lastLooks.set(runtime, now);
  const open = (state: "in_doubt" | "review") => store.list({ states: [state], order: "longest_due", limit: COUNTED });
  try {
    const [inDoubt, reviews] = await Promise.all([open("in_doubt"), open("review")]);
    telemetry.open({
      store: store.name,
      inDoubt: inDoubt.map(({ action, readAt, attemptEndedAt, updatedAt }) => ({
        action,
        ageMs: readAt - (attemptEndedAt ?? updatedAt),
      })),
      reviews: reviews.map(({ action }) => ({ action })),
    });
  } catch {
    // A store that is away is looked at again next time; the pass itself has said so.
  }
}
