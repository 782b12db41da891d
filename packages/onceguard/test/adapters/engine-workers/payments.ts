import type { JobRule } from "../../../src/adapters/guarded-job.ts";
import { createGuard, type Guard } from "../../../src/index.ts";
import { sqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import type { Effect } from "../../support/flaky-world.ts";
import { flakyWorldClient } from "../../support/flaky-world-client.ts";

/** The job of all engines' workers: a payment, of which the world's ledger tells how often it was made. */
export interface Payment {
  readonly reference: string;
  readonly amount: number;
}

/** How a worker process does it. */
export interface PaymentOptions {
  /** The port of a flaky world. */
  readonly world: number;
  /** The SQLite file that all workers of a story share. */
  readonly store: string;
  /** False: the control, in which the engine's own handler pays. */
  readonly guarded: boolean;
  /** The world can be asked whether it was paid. */
  readonly probe?: boolean;
  /** Nothing names a payment but the engine's own ids. */
  readonly nameless?: boolean;
}

/** A payment as it is made without a guard, and what is said of it to one. */
export function payments(options: PaymentOptions) {
  const world = flakyWorldClient(options.world);
  const pay = ({ reference, amount }: Payment): Promise<Effect> => world.send(reference, amount);
  const rule: JobRule<Payment, Effect, unknown> = {
    action: "pay",
    riskTier: "side_effecting",
    ...(!options.nameless && { keyFields: ["reference"] }),
    ...(options.probe && {
      probe: async ({ reference }: Payment) => {
        const result = await world.lookUp(reference);
        return result ? { answer: "happened", result } : { answer: "did_not_happen" };
      },
    }),
    retry: { maxAttempts: 3, base: "10ms" },
    parked: "500ms",
  };
  return { pay, rule };
}

/** Short leases: whoever comes after a killed worker waits for the end of its lease. */
export function guardOn(store: string): Guard {
  return createGuard({
    store: sqliteStore({ path: store }),
    lease: "1s",
    sweepEvery: "200ms",
    onBackgroundError: () => undefined,
  });
}
