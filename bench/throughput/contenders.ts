import { createGuard, defineAction, type Guard, type Store } from "onceguard";
import type { Contender } from "./measure.ts";

export const PAYLOAD = { orderId: "A1", amount: 500, currency: "EUR", note: "a short note that a model wrote" };
/** What the effect, which does nothing, answers. */
export const RESULT = { paid: PAYLOAD.amount };
/** Ids that were executed before anything is measured. */
export const KNOWN = 1_000;
/** No run meets the ids of another one. */
export const unique = `${Date.now().toString(36)}${process.pid}`;

const pay = defineAction({
  name: "pay",
  riskTier: "side_effecting",
  keyFields: ["orderId"],
  execute: (payload: typeof PAYLOAD) => ({ paid: payload.amount }),
});

export interface GuardContenders {
  readonly guard: Guard<[typeof pay]>;
  readonly first: Contender;
  readonly replay: Contender;
}

/**
 * The guard over a store: a first execution per id, and replays of ids that are known.
 *
 * @param tenant of the n-th call; everybody's is the default one without it.
 */
export async function guardContenders(
  name: string,
  store: Store,
  tenant?: (n: number) => string,
): Promise<GuardContenders> {
  const guard = createGuard({ store, actions: [pay], sweepEvery: false });
  const call = (orderId: string, n: number) =>
    guard.execute("pay", { ...PAYLOAD, orderId }, tenant === undefined ? {} : { tenant: tenant(n) });
  for (let n = 0; n < KNOWN; n += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, i) => call(`known-${n + i}`, n + i)));
  }
  return {
    guard,
    first: {
      name: `${name}: first execution`,
      operation: async (n) => expect(await call(`${unique}-${n}`, n), "executed"),
    },
    replay: {
      name: `${name}: replay`,
      operation: async (n) => expect(await call(`known-${n % KNOWN}`, n % KNOWN), "replayed"),
    },
  };
}

export function expect(outcome: { status: string }, status: string): void {
  if (outcome.status !== status) throw new Error(`expected ${status}, got ${JSON.stringify(outcome)}`);
}
