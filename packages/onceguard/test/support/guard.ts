import type { AnyAction } from "../../src/core/action.ts";
import type { Store } from "../../src/core/ports.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import type { Guard, GuardOptions } from "../../src/pipeline/guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { type FakeClock, fakeClock } from "../../src/testing/fake-clock.ts";

export interface TestGuard<Actions extends readonly AnyAction[]> {
  readonly guard: Guard<Actions>;
  readonly clock: FakeClock;
  readonly store: Store;
  /** Lets time pass until the promise has settled. */
  settle<T>(promise: Promise<T>): Promise<T>;
}

/** A guard's options, with a clock that a test can move. */
export type TestOptions = Partial<Omit<GuardOptions, "clock">> & { readonly clock?: FakeClock };

let tokens = 0;

/** A guard in virtual time: backoffs are as long as they can be, and nothing waits for the wall clock. */
export function testGuard<const Actions extends readonly AnyAction[]>(
  actions: Actions,
  { clock = fakeClock(), ...options }: TestOptions = {},
): TestGuard<Actions> {
  const store = options.store ?? memoryStore({ clock: clock.now });
  const guard = createGuard({
    sweepEvery: false,
    clock,
    randomness: { random: () => 0.999, token: () => `token-${++tokens}` },
    ...options,
    store,
    actions,
  });
  return { guard, clock, store, settle: (promise) => settle(clock, promise) };
}

/** At most a day of virtual time: a promise that needs longer does not settle. */
const LONGEST_MS = 86_400_000;

export async function settle<T>(clock: FakeClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const watched = promise.finally(() => {
    settled = true;
  });
  watched.catch(() => undefined);
  const end = clock.monotonicMs() + LONGEST_MS;
  while (!settled) {
    await clock.advance(0);
    if (settled) break;
    const next = clock.nextInMs();
    if (next === null || clock.monotonicMs() > end) {
      await new Promise((resolve) => setImmediate(resolve));
      if (clock.nextInMs() === null && !settled && ++idle > 1_000) throw new Error("nothing is left to wait for");
      continue;
    }
    idle = 0;
    await clock.advance(next);
  }
  return watched;
}

let idle = 0;

export { forwardingStore as withVerbs } from "../../src/core/forwarding-store.ts";
