import { join } from "node:path";
import { createGuard, defineAction, type EffectContext, type Outcome, type Schema } from "onceguard";
import { postgresStore } from "onceguard/postgres";
import { provider } from "onceguard/providers";
import type { Contender, Intent, Said, Stores, World } from "../contender.ts";
import { LATER, versionOf } from "./engine/engine.ts";

type Payment = Omit<Intent, "delivery">;
const input: Schema<Payment, Payment> = {
  "~standard": { version: 1, vendor: "bench", validate: (value) => ({ value: value as Payment }) },
};

/** By what the world offers: its key, its look-up, or nothing. */
function actionFor(world: World, uses: World["offers"]) {
  const { key, lookup } = uses;
  return defineAction({
    name: "act",
    riskTier: "irreversible",
    input,
    keyFields: ["id"],
    volatile: ["payload.note", "payload.toolCallId"],
    // Payments answer a repeated key with the error they gave first, like Stripe; the contract says so.
    ...(key ? { downstreamKey: provider("stripe", { lifetime: key.lifetimeMs }) } : {}),
    ...(lookup
      ? {
          settleDelay: lookup.lagMs,
          probe: async (payment: Payment) => {
            const result = await world.lookup({ ...payment, delivery: 1 });
            return result ? ({ answer: "happened", result } as const) : ({ answer: "did_not_happen" } as const);
          },
        }
      : {}),
    retry: { maxAttempts: 5, base: "100ms", cap: "1s" },
    execute: (payment: Payment, { idempotencyKey, signal }: EffectContext) =>
      world.act({ ...payment, delivery: 1 }, { signal, ...(key ? { key: idempotencyKey } : {}) }),
  });
}

function guardOf(world: World, { postgres, directory }: Stores, uses: World["offers"]) {
  return createGuard({
    store: postgresStore({ url: postgres }),
    actions: [actionFor(world, uses)],
    lease: "4s", // as long as the other contenders' workers may be silent
    sweepEvery: "250ms",
    wait: "3s",
    spill: join(directory, "spill"),
    onBackgroundError: () => undefined,
  });
}

function contender(name: string, usesOf: (world: World) => World["offers"]): Contender {
  return {
    name,
    version: versionOf("onceguard"),
    advice: "docs/uncertain-completion.md",
    needs: ["postgres"],
    start: async (world, stores) => {
      const guard = guardOf(world, stores, usesOf(world));
      return {
        perform: async ({ delivery: _, ...payment }) => said(await guard.execute("act", payment)),
        close: () => guard.close(),
      };
    },
    // docs/recovery.md, "A restored backup": before any guard works on it.
    restored: async (stores, backupAt) => {
      const guard = createGuard({ store: postgresStore({ url: stores.postgres }), sweepEvery: false });
      await guard.restore({ backupAt, actor: "operator", reason: "the disk was lost" });
      await guard.close();
    },
  };
}

function said(outcome: Outcome<{ readonly id: string }>): Said {
  switch (outcome.status) {
    case "executed":
    case "replayed":
      return { said: "done", result: outcome.result };
    case "failed":
      return { said: "failed", why: outcome.failure.message };
    case "review":
      // Waits for a person: about data that was refused, or about a question that nobody else can answer.
      return outcome.receipt?.mayHaveApplied === false && outcome.failure?.certainty === "definite"
        ? { said: "failed", why: outcome.failure.message }
        : { said: "unknown", why: outcome.reason };
    case "in_doubt":
    case "in_progress":
    case "retry_later":
    case "unavailable":
      return LATER;
    default:
      throw new Error(`unexpected: ${outcome.status}`);
  }
}

export default [
  contender("Onceguard", ({ offers }) => offers),
  contender("Onceguard without capability", () => ({ key: false, lookup: false })),
];
