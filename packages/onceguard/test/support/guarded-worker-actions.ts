import { type ActionDefinition, defineAction, type EffectContext, type Policy, type Schema } from "../../src/index.ts";
import type { CrashPoints } from "../../src/testing/crash-points.ts";
import { flakyWorldClient } from "./flaky-world-client.ts";
import type { ActionName, Payment } from "./guarded-worker.ts";
import { insertEffect } from "./guarded-worker-effects.ts";

const input: Schema<Payment, Payment> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value as Payment }) },
};

export interface GuardedActionsOptions {
  /** The port of a flaky world. */
  readonly world: number;
  readonly points: CrashPoints;
  /** The effects ignore their abort signal. */
  readonly deaf?: boolean | undefined;
}

/** Pays, and answers with the number of the payment in the world's ledger. */
export type GuardedAction = ActionDefinition<ActionName, Payment, Payment, { number: number }>;

/** One payment by each capability: what the processes of the tests guard. */
export function guardedActions({ world, points, deaf = false }: GuardedActionsOptions): readonly GuardedAction[] {
  const outside = flakyWorldClient(world);

  const committed = ({ attemptNumber }: EffectContext): void =>
    points.reach(attemptNumber === 1 ? "in_effect_after_commit_before_reply" : "during_resend");

  /** Sends a payment, and tells the crash points what only the effect can know. */
  async function send({ reference, amount }: Payment, context: EffectContext, key?: string) {
    const { number } = await outside.send(reference, amount, {
      ...(key !== undefined && { key }),
      ...(!deaf && { signal: context.signal }),
      onCommitted: () => committed(context),
    });
    return { number };
  }

  const probe = async ({ reference }: Payment) => {
    const effect = await outside.lookUp(reference);
    return effect
      ? ({ answer: "happened", result: { number: effect.number } } as const)
      : ({ answer: "did_not_happen" } as const);
  };

  const common = {
    riskTier: "irreversible",
    input,
    timeout: "60s",
    retry: { maxAttempts: 5, base: "20ms", cap: "100ms" },
  } as const;
  const downstreamKey = { lifetime: "1h" } as const;
  const unkeyed = (payment: Payment, context: EffectContext) => send(payment, context);
  const keyed = (payment: Payment, context: EffectContext) => send(payment, context, context.idempotencyKey);

  const actions: readonly GuardedAction[] = [
    defineAction({ ...common, name: "pay_none", execute: unkeyed }),
    defineAction({ ...common, name: "pay_precise", preciseDispatch: true, execute: unkeyed }),
    defineAction({ ...common, name: "pay_probe", probe, execute: unkeyed }),
    defineAction({ ...common, name: "pay_downstream_key", downstreamKey, execute: keyed }),
    defineAction({ ...common, name: "pay_probe_and_key", probe, downstreamKey, execute: keyed }),
    defineAction({
      ...common,
      name: "pay_transaction",
      transaction: true,
      execute: async ({ reference, amount, failing = 0 }: Payment, context) => {
        const number = await insertEffect(context.tx, reference, amount);
        committed(context);
        if (context.attemptNumber <= failing) throw busy();
        return { number };
      },
    }),
  ];
  return actions.map((action) => points.action(action));
}

/** As the world rejects for the moment: with a wait that is long enough to die in. */
function busy(): Error {
  return Object.assign(new Error("busy"), { status: 429, retryAfterMs: 250 });
}

/** A payment that says so needs a person's consent. */
export const paymentPolicy: Policy = ({ payload }) =>
  (payload as unknown as Payment).held ? { verdict: "review", reason: "large" } : { verdict: "allow" };
