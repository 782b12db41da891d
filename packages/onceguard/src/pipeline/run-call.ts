import type { AnyAction, CallContext } from "../core/action.ts";
import { durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Outcome } from "../core/outcome.ts";
import { tierDemands } from "../core/policy.ts";
import { tenantOf } from "./identify.ts";
import { deniedBy, type Intake, intake } from "./intake.ts";
import { amountOf, judgeProposal } from "./judge-request.ts";
import { perform, unavailable } from "./perform.ts";
import { performSafe } from "./perform-safe.ts";
import { isUnavailable } from "./persist.ts";
import { propose, type ValidPayload } from "./propose.ts";
import { goOn, type Runtime } from "./runtime.ts";
import { logRefusal } from "./side-log.ts";
import { underKey } from "./under-key.ts";
import { endingOfOutcome, watchCall } from "./watch.ts";

/** One call, from its payload as given to what became of it. */
export function runCall(
  runtime: Runtime,
  ready: () => Promise<void>,
  definition: AnyAction,
  input: unknown,
  context: CallContext,
): Promise<Outcome> {
  const { telemetry } = runtime;
  if (telemetry === null) return run(runtime, ready, definition, input, context);
  const work = (traced: CallContext) => run(runtime, ready, definition, input, traced);
  return watchCall(telemetry, "execute", definition, context, work, endingOfOutcome);
}

async function run(
  runtime: Runtime,
  ready: () => Promise<void>,
  definition: AnyAction,
  input: unknown,
  context: CallContext,
): Promise<Outcome> {
  const valid = await propose(definition, input, runtime.limits);
  const waitMs = context.wait === undefined ? runtime.waitMs : durationMs(context.wait, "wait");
  if (!tierDemands(definition.riskTier).claim) return runSafe(runtime, definition, valid, context, waitMs);
  const { identified, judgement } = intake(runtime, definition, valid, context);
  if (judgement.verdict === "deny") return denied(runtime, ready, identified, judgement);
  requireTransaction(definition, context);
  try {
    await ready();
    const action = await underKey(runtime, identified);
    const until = runtime.clock.monotonicMs() + waitMs;
    const patience = { until, signal: context.signal };
    const outcome = await perform(runtime, action, judgement, patience);
    logRefusal(runtime, action, outcome);
    return outcome;
  } catch (error) {
    // Not into the middle of the caller's transaction: it would be committed without what it asked for.
    if (isUnavailable(error) && context.tx === undefined)
      return unavailable(runtime, identified.requestId, error.message);
    throw error;
  }
}

/** A no needs no store; only its line in the log does. */
export function denied(
  runtime: Runtime,
  ready: () => Promise<void>,
  identified: Intake["identified"],
  { reasons }: Intake["judgement"],
): Outcome {
  const outcome = deniedBy(identified.requestId, reasons.join("; "));
  const logged = ready().then(
    () => logRefusal(runtime, identified, outcome),
    () => undefined,
  );
  goOn(runtime, runtime.background, logged);
  return outcome;
}

/** There is nothing to hold a safe action in: what would need a person is refused. */
function runSafe(
  runtime: Runtime,
  definition: AnyAction,
  valid: ValidPayload,
  context: CallContext,
  waitMs: number,
): Outcome | Promise<Outcome> {
  const requestId = context.requestId ?? runtime.randomness.token();
  const judgement = judgeProposal(runtime, definition, valid.payload, {
    tenant: tenantOf(context),
    recordId: definition.record ? String(definition.record(valid.payload)) : null,
    runId: context.runId ?? null,
    actor: context.actor ?? null,
    amount: amountOf(definition, valid.payload),
  });
  return judgement.verdict === "allow"
    ? performSafe(runtime, definition, valid, requestId, context, waitMs)
    : deniedBy(requestId, judgement.reasons.join("; "));
}

/** A transaction of the caller's can only take in an effect that is in it. @throws OnceguardError `transaction_unsupported` */
function requireTransaction(definition: AnyAction, context: CallContext): void {
  if (context.tx === undefined || definition.transaction) return;
  throw new OnceguardError(
    "transaction_unsupported",
    `Action "${definition.name}" reaches outside the database, so it cannot be part of your transaction. Use guard.enqueue: it is executed after you commit.`,
    { action: definition.name },
  );
}
