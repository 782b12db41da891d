import { AsyncLocalStorage } from "node:async_hooks";
import { type ActionOptions, type AnyAction, defineAction, type Schema } from "../../src/core/action.ts";
import type { ProviderContract } from "../../src/core/provider-contract.ts";
import type { Life } from "./life.ts";
import type { Oracle } from "./oracle.ts";
import type { Call } from "./outcome-rules.ts";
import type { ActionPlan } from "./scenario.ts";
import type { SentPayload, World } from "./world.ts";

/** Which call the code that runs now works for; a sweep has none. */
export const servedCall = new AsyncLocalStorage<Call>();

export type SimulatedOptions = ActionOptions<string, SentPayload, SentPayload, unknown>;

const anything: Schema<SentPayload, SentPayload> = {
  "~standard": { version: 1, vendor: "simulation", validate: (value) => ({ value: value as SentPayload }) },
};

/** What a process declares of an action. `distort`: how a test of the harness makes a lie of it. */
export function actionOf(
  plan: ActionPlan,
  life: Life,
  world: World,
  oracle: Oracle,
  distort: (options: SimulatedOptions, plan: ActionPlan) => SimulatedOptions,
): AnyAction {
  const { key } = plan;
  const options: SimulatedOptions = {
    name: plan.name,
    riskTier: plan.tier,
    input: anything,
    record: (payload) => payload.record,
    amount: (payload) => payload.amount,
    volatile: ["note"],
    ...(plan.byKey ? { keyFields: ["id"] } : {}),
    ...(plan.serialize ? { serialize: true } : {}),
    ...(plan.dedup === null ? {} : { dedupWindow: { window: "7d", behaviour: plan.dedup } }),
    ...(plan.bound ? { case: (payload: SentPayload) => ({ id: payload.case as string, outcome: "won" }) } : {}),
    ...(plan.looksBefore
      ? { before: () => world.look(life), expect: (_: SentPayload, before: unknown) => isOpen(before) }
      : {}),
    ...(key === null
      ? {}
      : {
          downstreamKey: {
            lifetime: key.lifetimeMs,
            margin: key.marginMs,
            ...(key.repeatsErrors ? { contract: REPEATS_ERRORS } : {}),
          },
        }),
    ...(plan.probe === null
      ? {}
      : { probe: (_payload, context) => world.probe(life, plan, context), settleDelay: plan.settleMs }),
    preciseDispatch: plan.precise,
    timeout: plan.timeoutMs,
    retry: plan.retry,
    execute: async (payload, context) => {
      oracle.dispatched(life, plan, payload, context, servedCall.getStore());
      const { requestId, fencingToken } = context;
      life.pending.set(requestId, fencingToken);
      try {
        return await world.send(life, plan, payload, context);
      } finally {
        life.pending.delete(requestId);
      }
    },
  };
  return defineAction(distort(options, plan)) as AnyAction;
}

function isOpen(before: unknown): boolean {
  return (before as { state?: string }).state === "open";
}

const REPEATS_ERRORS: ProviderContract = {
  name: "simulated",
  title: "Simulated",
  kind: "payments",
  key: { where: "a header", covers: "everything" },
  onRepeat: "replays",
  onMismatch: "error",
  cachesErrors: "server_errors",
  lookup: null,
  concurrent: "waits",
  source: "simulation",
  checked: "2026-01-01",
};
