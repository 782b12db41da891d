import {
  type ActionDefinition,
  type Capability,
  defineAction,
  type EffectContext,
  type ProbeAnswer,
  type Schema,
} from "../../src/index.ts";
import { insertEffect } from "../support/guarded-worker-effects.ts";
import { askOutside } from "./outside.ts";

export interface Payment {
  readonly reference: string;
}

interface Paid {
  readonly number: number;
}

export const ACTIONS = {
  pay_none: "none",
  pay_precise: "none",
  pay_probe: "probe",
  pay_key: "downstream_key",
  pay_probe_and_key: "probe_and_downstream_key",
  pay_transaction: "transaction",
} as const satisfies Record<string, Capability>;

export type ActionName = keyof typeof ACTIONS;

const NAMES = Object.keys(ACTIONS) as ActionName[];

/** Each number has its action, so that everybody who makes the payment makes it the same way. */
export function actionOf(reference: string): ActionName {
  return NAMES[Number(reference.slice(1)) % NAMES.length] as ActionName;
}

const input: Schema<Payment, Payment> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value as Payment }) },
};

/** One payment by each capability. */
export function longRunActions(world: number): readonly ActionDefinition<ActionName, Payment, Payment, Paid>[] {
  async function send({ reference }: Payment, { fencingToken, signal }: EffectContext, key: string | null) {
    const { status, number } = await askOutside(world, { look: false, reference, fence: fencingToken, key }, signal);
    if (status !== 200 || number === undefined)
      throw Object.assign(new Error(`the world answered ${status}`), { status, retryAfterMs: 50 });
    return { number };
  }
  const probe = async ({ reference }: Payment, { signal }: EffectContext): Promise<ProbeAnswer<Paid>> => {
    const { number } = await askOutside(world, { look: true, reference, fence: 0, key: null }, signal);
    return number === undefined ? { answer: "did_not_happen" } : { answer: "happened", result: { number } };
  };
  const common = {
    riskTier: "irreversible",
    input,
    timeout: "20s",
    // Whoever gives up here would hand to a person what a machine can settle.
    retry: { maxAttempts: 1_000, maxElapsed: "1h", base: "20ms", cap: "200ms" },
  } as const;
  const unkeyed = (payment: Payment, context: EffectContext) => send(payment, context, null);
  const keyed = (payment: Payment, context: EffectContext) => send(payment, context, context.idempotencyKey);
  // Far longer than a request is on its way after its sender's death (assumption A3).
  const probed = { probe, settleDelay: "500ms" } as const;
  const downstreamKey = { lifetime: "24h" } as const;
  return [
    defineAction({ ...common, name: "pay_none", execute: unkeyed }),
    defineAction({ ...common, name: "pay_precise", preciseDispatch: true, execute: unkeyed }),
    defineAction({ ...common, ...probed, name: "pay_probe", execute: unkeyed }),
    defineAction({ ...common, downstreamKey, name: "pay_key", execute: keyed }),
    defineAction({ ...common, ...probed, downstreamKey, name: "pay_probe_and_key", execute: keyed }),
    defineAction({
      ...common,
      name: "pay_transaction",
      transaction: true,
      execute: async ({ reference }: Payment, { tx }) => ({ number: await insertEffect(tx, reference, 1) }),
    }),
  ];
}
