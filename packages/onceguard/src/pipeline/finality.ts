import { OnceguardError } from "../core/errors.ts";
import {
  addSignal,
  checkFinality,
  DEFAULT_FINALITY_POLICY,
  evaluate,
  type FinalityCase,
  type FinalityPolicy,
  finalizeByPerson,
  type OutcomeSignal,
  openCase,
  release,
  type SignalVerdict,
  settle,
  take,
} from "../core/finality.ts";
import type { StoredCase } from "../core/ports.ts";
import type { Receipt } from "../core/receipt.ts";
import { problemWithName } from "../core/request-id.ts";
import { persist } from "./persist.ts";
import type { Runtime } from "./runtime.ts";

/** One finality case, as the guard gives it out. */
export interface GuardCase {
  /** Adds what a source says. Repeats, older words of a source, and whatever comes after FINAL change nothing. */
  signal(signal: OutcomeSignal): Promise<{ readonly verdict: SignalVerdict; readonly case: FinalityCase }>;
  /** A person chooses one of the signalled outcomes. @throws OnceguardError `case_refused` | `missing_reason` */
  finalize(choice: {
    readonly outcome: string;
    readonly actor: string;
    readonly reason: string;
  }): Promise<FinalityCase>;
  /** How it stands by now; a case nobody has signalled is OPEN. */
  get(): Promise<FinalityCase>;
}

const REFUSALS: Readonly<Record<string, string>> = {
  already_final: "it is final already, and stays so",
  not_signalled: "no source has signalled that outcome",
};

/** How often a request looks whether its case is final, should the word not have reached it, in ms. */
const LOOK_AGAIN_MS = 60_000;

export function guardCase(
  runtime: Runtime,
  ready: () => Promise<void>,
  tenant: string,
  id: string,
  policy: Partial<FinalityPolicy> | undefined,
): GuardCase {
  const problem = problemWithName(id);
  if (problem !== null) {
    throw new OnceguardError("invalid_context", `The case's id is ${problem}.`, { what: "case", problem });
  }
  checkFinality(policy ?? {});
  const change = async <Answer>(
    to: (value: FinalityCase, stored: StoredCase, now: number) => { case: FinalityCase; answer: Answer },
  ): Promise<{ case: FinalityCase; answer: Answer }> => {
    await ready();
    return changeCase(runtime, tenant, id, policy, to);
  };
  return {
    signal: async (signal) => {
      const changed = await change((value, stored, now) => {
        // First what it has come to by now: a challenge after its window is late, whether somebody has looked or not.
        const added = addSignal(evaluate(value, stored.policy, now), signal, stored.policy);
        return { case: evaluate(added.case, stored.policy, now), answer: added.verdict };
      });
      return { verdict: changed.answer, case: changed.case };
    },
    finalize: async (choice) => {
      const changed = await change((value, _stored, now) => {
        const chosen = finalizeByPerson(value, choice, now);
        if (chosen.ok) return { case: chosen.case, answer: null };
        throw new OnceguardError(
          "case_refused",
          `Case "${id}" cannot be finalized as "${choice.outcome}": ${REFUSALS[chosen.reason] ?? chosen.reason}.`,
          { caseId: id, reason: chosen.reason },
        );
      });
      return changed.case;
    },
    get: async () => {
      const { case: value } = await change((found, stored, now) => ({
        case: evaluate(found, stored.policy, now),
        answer: null,
      }));
      return settledIfDone(runtime, tenant, value);
    },
  };
}

/** Read, change, compare-and-set; again when somebody else was faster. Nothing is written where nothing changed. */
async function changeCase<Answer>(
  runtime: Runtime,
  tenant: string,
  id: string,
  policy: Partial<FinalityPolicy> | undefined,
  to: (value: FinalityCase, stored: StoredCase, now: number) => { case: FinalityCase; answer: Answer },
): Promise<{ case: FinalityCase; answer: Answer }> {
  for (;;) {
    const found = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.findCase(tenant, id));
    const stored = found ?? {
      tenant,
      case: openCase(id),
      policy: { ...DEFAULT_FINALITY_POLICY, ...runtime.finality, ...policy },
      version: 0,
    };
    const now = await runtime.store.now();
    const changed = to(stored.case, stored, now);
    if (JSON.stringify(changed.case) === JSON.stringify(stored.case)) return changed;
    const next = { ...stored, case: changed.case };
    const saved = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.saveCase(next));
    if (saved) return changed;
  }
}

type CaseAnswer =
  | { readonly kind: "free" }
  | { readonly kind: "never"; readonly reason: string }
  | { readonly kind: "wait"; readonly againInMs: number }
  | { readonly kind: "taken"; readonly by: string | null };

/** What a case says to a request that is bound to it; `free` takes it for this request. */
export async function askCase(
  runtime: Runtime,
  tenant: string,
  id: string,
  outcome: string | null,
  requestId: string,
): Promise<Exclude<CaseAnswer, { kind: "taken" }>> {
  const { answer } = await changeCase<CaseAnswer>(runtime, tenant, id, undefined, (found, stored, now) => {
    const value = evaluate(found, stored.policy, now);
    if (value.final === null) {
      const window = value.leading ? value.leading.since + stored.policy.challengeWindowMs - now : LOOK_AGAIN_MS;
      return { case: value, answer: { kind: "wait", againInMs: Math.max(1, Math.min(window, LOOK_AGAIN_MS)) } };
    }
    if (outcome !== null && value.final.outcome !== outcome) {
      return { case: value, answer: { kind: "never", reason: `the case is final as "${value.final.outcome}"` } };
    }
    const taken = take(value, requestId);
    if (taken.ok) return { case: taken.case, answer: { kind: "free" } };
    const by = value.settledBy ?? value.takenBy;
    return { case: value, answer: by === requestId ? { kind: "free" } : { kind: "taken", by } };
  });
  if (answer.kind !== "taken") return answer;
  const holder = answer.by === null ? null : await runtime.store.find(tenant, answer.by);
  const ended = holder?.state === "expired" ? holder.reason : holder?.state;
  if (holder && ended === "succeeded") {
    return { kind: "never", reason: `the case was settled by request ${holder.requestId}` };
  }
  if (!holder || (ended !== "failed" && ended !== "denied")) return { kind: "wait", againInMs: LOOK_AGAIN_MS };
  await freeCase(runtime, tenant, id, holder.requestId);
  return askCase(runtime, tenant, id, outcome, requestId);
}

/** What had the case has certainly come to nothing. */
async function freeCase(runtime: Runtime, tenant: string, id: string, by: string): Promise<void> {
  await changeCase(runtime, tenant, id, undefined, (value) => ({
    case: value.state === "FINAL" && value.takenBy === by ? release(value) : value,
    answer: null,
  }));
}

/** The success of the request that has the case moves it to SETTLED. */
export async function settleCase(runtime: Runtime, receipt: Receipt): Promise<void> {
  const { tenant, caseId, requestId } = receipt;
  if (caseId === null) return;
  await changeCase(runtime, tenant, caseId, undefined, (value) => {
    const settled = settle(value, requestId);
    return { case: settled.ok ? settled.case : value, answer: null };
  });
}

/** A process that died between the two commits leaves a FINAL case whose request has succeeded. */
async function settledIfDone(runtime: Runtime, tenant: string, value: FinalityCase): Promise<FinalityCase> {
  if (value.state !== "FINAL" || value.takenBy === null) return value;
  const receipt = await runtime.store.find(tenant, value.takenBy);
  const ended = receipt?.state === "expired" ? receipt.reason : receipt?.state;
  if (!receipt || ended !== "succeeded") return value;
  await settleCase(runtime, receipt);
  return (await runtime.store.findCase(tenant, value.id))?.case ?? value;
}
