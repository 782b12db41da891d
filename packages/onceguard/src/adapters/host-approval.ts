import { OnceguardError } from "../core/errors.ts";
import type { Held, InDoubt, InReview, Outcome } from "../core/outcome.ts";
import type { Guard } from "../pipeline/guard.ts";

/** Outcomes that a host's own way to pause waits out better than a model does. */
export type Open<Result> = Held | InDoubt<Result> | InReview;

/** Whether nothing more comes of it now, until a person, a probe or a finality case has settled it. */
export function isOpen<Result>(outcome: Outcome<Result>): outcome is Open<Result> {
  return outcome.status === "held" || outcome.status === "in_doubt" || outcome.status === "review";
}

/** Whether a person's consent is what it waits for. */
export function waitsForApproval(outcome: Outcome): outcome is Held {
  return outcome.status === "held" && outcome.waitsFor === "approval";
}

/** Whose the decisions are that a host's user makes about a call. Null: nobody's, and they do not count. */
export type Approver<Call> = string | ((call: Call) => string | null | Promise<string | null>);

/**
 * Takes what somebody decided in the host for a decision in the guard, about just this request. Only where the program says
 * whose it is: what a host's client holds can be forged.
 *
 * @returns whether it is worth while to run the request once more
 */
export async function decideFromHost<Call>(
  guard: Guard,
  { requestId, receipt }: Held,
  approver: Approver<Call> | undefined,
  call: Call,
  { approve, reason }: { readonly approve: boolean; readonly reason: string },
): Promise<boolean> {
  const actor = typeof approver === "function" ? await approver(call) : (approver ?? null);
  if (actor === null || receipt === null) return false;
  const decision = { actor, reason, tenant: receipt.tenant, expectedVersion: receipt.version };
  try {
    await (approve ? guard.approve(requestId, decision) : guard.deny(requestId, decision));
    return true;
  } catch (error) {
    const code = error instanceof OnceguardError ? error.code : null;
    // Who asked for it cannot consent to it: another person has to.
    if (code === "approver_is_proposer") return false;
    // Somebody has decided in between: the request itself says what.
    if (code === "version_conflict" || code === "not_resolvable") return true;
    throw error;
  }
}
