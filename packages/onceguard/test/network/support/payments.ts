import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { type AnyAction, defineAction, type EffectContext, type ProbeAnswer } from "../../../src/core/action.ts";
import type { Outcome } from "../../../src/core/outcome.ts";
import { type Capability, type Receipt, resultOf } from "../../../src/core/receipt.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import type { Guard, GuardOptions } from "../../../src/pipeline/guard.ts";
import { postgresStore } from "../../../src/stores/postgres/postgres-store.ts";
import type { Effect } from "../../support/flaky-world.ts";
import { until } from "./until.ts";

export const CAPABILITIES = ["none", "probe", "downstream_key", "probe_and_downstream_key"] as const;

interface Payment {
  readonly intent: string;
}

/** The same payment, once per capability. A payment without the capability sends no key. */
function payments(worldUrl: string): readonly AnyAction[] {
  const pay = async ({ intent }: Payment, { signal, idempotencyKey }: EffectContext, withKey: boolean) => {
    const response = await fetch(`${worldUrl}/effects`, {
      method: "POST",
      body: JSON.stringify({ reference: intent, amount: 1 }),
      headers: withKey ? { "idempotency-key": idempotencyKey } : {},
      signal,
    });
    return (await response.json()) as Effect;
  };
  const probe = async ({ intent }: Payment, { signal }: EffectContext): Promise<ProbeAnswer<Effect>> => {
    const response = await fetch(`${worldUrl}/effects/${intent}`, { signal });
    if (response.status === 404) return { answer: "did_not_happen" };
    return { answer: "happened", result: (await response.json()) as Effect };
  };

  return CAPABILITIES.map((capability) => {
    const withKey = capability.includes("downstream_key");
    return defineAction({
      name: `pay.${capability}`,
      riskTier: "side_effecting",
      keyFields: ["intent"],
      record: ({ intent }: Payment) => intent,
      // Far longer than a request can still be on its way when its attempt has ended (assumption A3).
      ...(capability.includes("probe") && { probe, settleDelay: 600 }),
      ...(withKey && { downstreamKey: { lifetime: "1h" } }),
      timeout: 300,
      // Patience for hundreds of faults: whoever gives up here would hand a settled payment to a person.
      retry: { maxAttempts: 200, maxElapsed: "10m", base: 20, cap: 150 },
      execute: (payment: Payment, context) => pay(payment, context, withKey),
    });
  });
}

export interface PaymentGuard {
  readonly guard: Guard;
  /** What went wrong where nobody waits. */
  readonly background: unknown[];
  pay(capability: Capability, intent: string): Promise<Outcome<Effect>>;
}

/** A guard as an own process would have it: own store, own pool; everything short, so that faults are soon over. */
export function paymentGuard(options: {
  readonly store: GuardOptions["store"];
  readonly worldUrl: string;
  readonly sweepEvery?: number | false;
}): PaymentGuard {
  const background: unknown[] = [];
  const actions = payments(options.worldUrl);
  const guard = createGuard({
    store: options.store,
    actions,
    lease: "1s",
    wait: "1s",
    grace: "3s",
    storeTimeout: "1s",
    sweepEvery: options.sweepEvery ?? 250,
    onBackgroundError: (error) => background.push(error),
  });
  const calls = new Map(actions.map((action) => [action.name, guard.wrap(action)]));
  return {
    guard: guard as unknown as Guard,
    background,
    pay: async (capability, intent) => (await calls.get(`pay.${capability}`)?.({ intent })) as Outcome<Effect>,
  };
}

/** One caller and all it was told. */
export interface Told {
  readonly intent: string;
  readonly capability: Capability;
  readonly outcomes: Outcome<Effect>[];
  /** There must be none: an uncertain outcome is a value. */
  readonly thrown: unknown[];
}

const SETTLED: ReadonlySet<string> = new Set(["executed", "replayed", "failed", "review"]);

/** How often an agent asks again before it leaves the rest to the sweeper. */
const MOST_ASKS = 60;

/** Calls as agents do: the same input again until there is an answer that settles it. */
export async function agent(pay: PaymentGuard["pay"], capability: Capability, intent: string): Promise<Told> {
  const told: Told = { intent, capability, outcomes: [], thrown: [] };
  for (let asks = 0; asks < MOST_ASKS; asks++) {
    try {
      const outcome = await pay(capability, intent);
      told.outcomes.push(outcome);
      if (SETTLED.has(outcome.status)) break;
      // Nothing but a person settles a question about an action without a capability.
      if (capability === "none" && outcome.status === "in_doubt" && asks >= 3) break;
      await sleep(Math.min("retryAfterMs" in outcome ? outcome.retryAfterMs : 0, 50));
    } catch (error) {
      told.thrown.push(error);
      await sleep(50);
    }
  }
  return told;
}

/** Waits until no request has a step left that a machine could take. Without faults, and past the proxies. */
export async function settled(url: string, guard: Guard): Promise<readonly Receipt[]> {
  const store = postgresStore({ url, maxConnections: 2 });
  await store.open();
  try {
    const states = ["running", "retry_wait", "in_doubt"] as const;
    await until(async () => {
      await guard.reconcile().catch(() => undefined); // a connection that died in the last fault is replaced with the next
      return (await store.list({ states, limit: 1 })).length === 0;
    }, 40_000);
    return await store.list({ limit: 100_000 });
  } finally {
    await store.close();
  }
}

export interface Verdict {
  readonly intents: number;
  readonly effects: number;
  readonly told: Record<string, number>;
  readonly states: Record<string, number>;
}

/** The ledger against the receipts and against every single thing that any caller was told. */
export function judge(ledger: readonly Effect[], receipts: readonly Receipt[], told: readonly Told[]): Verdict {
  const effects = Map.groupBy(ledger, (effect) => effect.reference);
  const receiptOf = new Map(receipts.map((receipt) => [receipt.recordId, receipt]));
  const capabilityOf = new Map(told.map(({ intent, capability }) => [intent, capability]));
  const wrong: unknown[] = [];
  const expectThat = (fine: boolean, problem: string, about: unknown): void => {
    if (!fine) wrong.push({ problem, about });
  };

  for (const [intent, capability] of capabilityOf) {
    const made = effects.get(intent) ?? [];
    const receipt = receiptOf.get(intent);
    expectThat(made.length <= 1, "duplicate effect", { intent, capability, made, receipt });
    if (capability !== "none") {
      expectThat(made.length === 1, "no effect", { intent, capability, receipt });
      expectThat(receipt?.state === "succeeded", "not settled as succeeded", { intent, capability, receipt });
    }
    if (!receipt) continue;
    const result = resultOf(receipt) as Effect | undefined;
    if (receipt.state === "succeeded") {
      expectThat(
        result?.number !== undefined && result.number === made[0]?.number,
        "receipt without its effect",
        receipt,
      );
    }
    const deniesEffect = receipt.state === "failed" || (receipt.state === "review" && !receipt.mayHaveApplied);
    expectThat(!deniesEffect || made.length === 0, "says it did not happen, and it did", receipt);
    expectThat(!receipt.conflict, "contradicting evidence", receipt);
  }

  for (const { intent, outcomes, thrown } of told) {
    for (const error of thrown) expectThat(false, "an exception for a caller", { intent, error: String(error) });
    for (const outcome of outcomes) {
      const number = effects.get(intent)?.[0]?.number;
      switch (outcome.status) {
        case "executed":
        case "replayed":
          expectThat(
            outcome.result?.number === number && number !== undefined,
            "told of an effect that is not there",
            outcome,
          );
          expectThat(receiptOf.get(intent)?.state === "succeeded", "an acknowledged receipt is lost", outcome);
          break;
        case "failed":
          expectThat(number === undefined, "told failed, and it happened", outcome);
          break;
        case "unavailable":
          expectThat(outcome.dispatched === false, "unavailable, but dispatched", outcome);
          break;
        case "in_doubt":
        case "in_progress":
        case "retry_later":
        case "review":
          break;
        default:
          expectThat(false, "an answer that has no place here", outcome);
      }
    }
  }

  expect(wrong.slice(0, 5), `${wrong.length} things are wrong`).toEqual([]);
  return {
    intents: capabilityOf.size,
    effects: ledger.length,
    told: countBy(told.flatMap(({ outcomes }) => outcomes.map((outcome) => outcome.status))),
    states: countBy(receipts.map((receipt) => receipt.state)),
  };
}

function countBy(names: readonly string[]): Record<string, number> {
  const count: Record<string, number> = {};
  for (const name of names) count[name] = (count[name] ?? 0) + 1;
  return count;
}
