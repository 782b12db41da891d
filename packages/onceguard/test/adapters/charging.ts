import { z } from "zod";
import type { JobRule } from "../../src/adapters/guarded-job.ts";
import { createGuard, type Store } from "../../src/index.ts";
import type { Guard } from "../../src/pipeline/guard.ts";
import { flakyWorldClient } from "../support/flaky-world-client.ts";
import type { StoreAddress } from "../support/guarded-worker.ts";

/** What the jobs of these tests are about: a charge, in a world that knows no idempotency keys. */
export interface Charge {
  readonly reference: string;
  readonly amount: number;
}

export interface Paid {
  readonly number: number;
}

/** The three sides of each story: without the guard; with it; with it and nothing to ask in a doubt. */
export const SIDES = ["plain", "guarded", "unsettled"] as const;
export type Side = (typeof SIDES)[number];

/** What a worker process is told, by `engine-stories.ts`. */
export interface WorkerOptions {
  /** The engine's package: its current major, or the one before. */
  readonly engine: string;
  /** Where the engine keeps its jobs. */
  readonly address: string;
  /** Each side has a queue of its own: `queueOf`. */
  readonly story: string;
  readonly world: number;
  readonly store: StoreAddress;
  /** Dies (kill -9) when so many handlers have returned, before the engine hears of it. */
  readonly diesAfter?: number;
}

export function queueOf(story: string, side: Side): string {
  return `${story}-${side}`;
}

export async function openGuard(store: StoreAddress): Promise<Guard> {
  return createGuard({
    store: await openStore(store),
    lease: "2s",
    sweepEvery: "500ms",
    onBackgroundError: () => undefined,
  });
}

async function openStore(address: StoreAddress): Promise<Store> {
  if (address.kind === "sqlite") {
    const { sqliteStore } = await import("../../src/stores/sqlite/sqlite-store.ts");
    return sqliteStore({ path: address.path });
  }
  const { postgresStore } = await import("../../src/stores/postgres/postgres-store.ts");
  return postgresStore({ url: address.url, maxConnections: 4 });
}

/** The handlers' code, the same on all sides, and the rule of the guarded ones. */
export function charging(worldPort: number) {
  const world = flakyWorldClient(worldPort);
  const charge = async ({ reference, amount }: Charge): Promise<Paid> => {
    const { number } = await world.send(reference, amount);
    return { number };
  };
  const rule = (side: "guarded" | "unsettled") =>
    ({
      action: `charge_${side}`,
      riskTier: "irreversible",
      input: z.object({ reference: z.string(), amount: z.number() }),
      keyFields: ["reference"],
      retry: { base: "50ms", cap: "200ms" },
      parked: "300ms",
      ...(side === "guarded" && {
        probe: async ({ reference }: Charge) => {
          const found = await world.lookUp(reference);
          return found ? { answer: "happened", result: { number: found.number } } : { answer: "did_not_happen" };
        },
      }),
    }) satisfies JobRule<Charge, Paid, unknown> as JobRule<Charge, Paid, unknown>;
  return { charge, rule };
}

/** Wraps what the engine calls: the process dies when so many calls have returned, with none of them acknowledged. */
export function dyingAfter(calls: number | undefined) {
  let returned = 0;
  return async <Answer>(handling: Promise<Answer>): Promise<Answer> => {
    const answer = await handling;
    if (calls === undefined) return answer;
    if (++returned === calls) process.kill(process.pid, "SIGKILL");
    return new Promise(() => undefined);
  };
}

/** Says that the worker works; stops it when it is told to, and ends with the test. */
export function working(stop: () => Promise<unknown>): void {
  process.once("SIGTERM", async () => {
    await stop();
    process.exit();
  });
  process.once("disconnect", () => process.exit());
  process.send?.({ ready: true });
}
