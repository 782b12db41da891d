import type { AnyAction, CallContext } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Failure } from "../core/failure.ts";
import type { Outcome } from "../core/outcome.ts";
import type { Receipt } from "../core/receipt.ts";
import type { CallBeginning, CallEnding, EffectEnding, Telemetry, ToldReceipt } from "../core/telemetry.ts";
import type { Runtime } from "./runtime.ts";

/** A call under the eyes of the telemetry; it is recorded with the trace that it belongs to. */
export async function watchCall<Answer>(
  telemetry: Telemetry,
  verb: CallBeginning["verb"],
  { name: action, riskTier }: AnyAction,
  context: CallContext,
  work: (traced: CallContext) => Promise<Answer>,
  endingOf: (answer: Answer) => CallEnding,
): Promise<Answer> {
  const call = telemetry.call({ verb, action, riskTier, hostCallId: context.host?.callId ?? null });
  const { traceId } = call;
  const traced = traceId === null || context.traceId !== undefined ? context : { ...context, traceId };
  try {
    const answer = await call.within(() => work(traced));
    call.end(endingOf(answer));
    return answer;
  } catch (error) {
    call.end({ error: codeOf(error) });
    throw error;
  }
}

/** The same, where there may be no telemetry. */
export function watchIfTold<Answer>(
  { telemetry }: Runtime,
  verb: CallBeginning["verb"],
  definition: AnyAction,
  context: CallContext,
  work: (traced: CallContext) => Promise<Answer>,
  endingOf: (answer: Answer) => CallEnding,
): Promise<Answer> {
  return telemetry === null ? work(context) : watchCall(telemetry, verb, definition, context, work, endingOf);
}

/** Of an outcome, or of a claim that was granted. */
export function endingOfOutcome(
  outcome: Outcome | { status: "claimed"; requestId: string; receipt: ToldReceipt },
): CallEnding {
  const { status, requestId, receipt } = outcome;
  return { status, requestId, receipt, failure: "failure" in outcome ? outcome.failure : null };
}

export function endingOfProposal(proposed: {
  readonly verdict: string;
  readonly requestId: string;
  readonly receipt: ToldReceipt | null;
}): CallEnding {
  const { verdict, requestId, receipt } = proposed;
  return { status: verdict, requestId, receipt, failure: null };
}

/** A stored request that goes on without its caller. */
export async function watchCarryOn(
  telemetry: Telemetry,
  receipt: Receipt,
  work: () => Promise<Receipt>,
): Promise<Receipt> {
  const watched = telemetry.carryOn(receipt);
  try {
    const after = await watched.within(work);
    watched.end({ receipt: after });
    return after;
  } catch (error) {
    watched.end({ error: codeOf(error) });
    throw error;
  }
}

export const HAPPENED: EffectEnding = { answer: "happened", failure: null };

export function endingOfFailure(failure: Failure): EffectEnding {
  return { answer: failure.certainty === "definite" ? "did_not_happen" : "cannot_tell", failure };
}

/** Never the message: it may have words of the payload in it. */
export function codeOf(error: unknown): string {
  return error instanceof OnceguardError ? error.code : "unexpected";
}
