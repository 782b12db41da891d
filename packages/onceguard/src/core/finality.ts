import { OnceguardError } from "./errors.ts";

/**
 * The finality gate (docs/control.md): an action bound to a case is held until the case is FINAL, executes once,
 * and its success moves the case to SETTLED.
 *
 *   OPEN                  no evidence
 *   RESOLVED_PROVISIONAL  all sources agree, with enough confidence
 *   IN_RECONCILIATION     sources disagree, or confidence is below the threshold
 *   FINAL                 one outcome chosen, by the policy or by a person; immutable
 *   SETTLED               the action bound to the case has succeeded
 *
 * Before FINAL the state follows from the live evidence alone, so the order in which it arrived does not matter.
 */
export type FinalityState = "OPEN" | "RESOLVED_PROVISIONAL" | "IN_RECONCILIATION" | "FINAL" | "SETTLED";

/** One source's word on how the case ended. */
export interface OutcomeSignal {
  readonly id: string;
  readonly source: string;
  readonly outcome: string;
  /** From 0 to 1. */
  readonly confidence: number;
  /** When the source says it observed this, in milliseconds since the epoch. Orders one source's signals, no more. */
  readonly at: number;
}

/** When the evidence of a case is enough. */
export interface FinalityPolicy {
  /** Weighted confidence from which an outcome may become FINAL, above 0 and at most 1. Default 0.8. */
  readonly threshold: number;
  /** Sources that have to signal that outcome. Default 1. */
  readonly minSources: number;
  /** How long the outcome has to stand unchallenged, in milliseconds. Default 0. */
  readonly challengeWindowMs: number;
  /** Weight of a source by name. One with weight 0 is not heard. */
  readonly weights: Readonly<Record<string, number>>;
  /** Weight of every other source. Default 1; with 0 only named sources are heard. */
  readonly defaultWeight: number;
}

export const DEFAULT_FINALITY_POLICY: FinalityPolicy = {
  threshold: 0.8,
  minSources: 1,
  challengeWindowMs: 0,
  weights: {},
  defaultWeight: 1,
};

const isWeight = (value: unknown): boolean => typeof value === "number" && value >= 0 && Number.isFinite(value);

const POLICY: Readonly<Record<keyof FinalityPolicy, readonly [(value: unknown) => boolean, expected: string]>> = {
  threshold: [(value) => isWeight(value) && (value as number) > 0 && (value as number) <= 1, "above 0, and at most 1"],
  minSources: [(value) => Number.isInteger(value) && (value as number) >= 1, "a whole number from 1"],
  challengeWindowMs: [isWeight, "a number of milliseconds from 0"],
  weights: [
    (value) => typeof value === "object" && value !== null && Object.values(value).every(isWeight),
    "numbers from 0, by the source's name",
  ],
  defaultWeight: [isWeight, "a number from 0"],
};

/**
 * A policy that would not mean what it says must not decide: a misspelt `minSources` pays on one source's word.
 *
 * @throws OnceguardError `invalid_option`
 */
export function checkFinality(policy: Partial<FinalityPolicy>): Partial<FinalityPolicy> {
  for (const [name, value] of Object.entries(policy)) {
    const check = Object.hasOwn(POLICY, name) ? POLICY[name as keyof FinalityPolicy] : undefined;
    if (check?.[0](value)) continue;
    const problem = check
      ? `is ${JSON.stringify(value)}; it must be ${check[1]}`
      : `is no part of a finality policy; there are ${Object.keys(POLICY).join(", ")}`;
    throw new OnceguardError("invalid_option", `finality.${name} ${problem}.`, { option: `finality.${name}` });
  }
  return policy;
}

/** Who made the case FINAL, and when (milliseconds since the epoch, our clock). */
export type FinalChoice =
  | { readonly by: "policy"; readonly outcome: string; readonly at: number }
  | {
      readonly by: "person";
      readonly outcome: string;
      readonly at: number;
      readonly actor: string;
      readonly reason: string;
    };

/** A case with its evidence: what several sources say of one outcome, and what was made of it. */
export interface FinalityCase {
  readonly id: string;
  readonly state: FinalityState;
  /** The live evidence: one signal per source, ordered by source. */
  readonly signals: readonly OutcomeSignal[];
  /** Evidence that came after FINAL: logged, never applied. */
  readonly late: readonly OutcomeSignal[];
  /** The outcome that satisfies the policy, and since when by our clock: a source cannot backdate its way through. */
  readonly leading: { readonly outcome: string; readonly since: number } | null;
  readonly final: FinalChoice | null;
  /** The one request that may act on the final outcome. */
  readonly takenBy: string | null;
  /** The request whose success settled the case. */
  readonly settledBy: string | null;
}

export function openCase(id: string): FinalityCase {
  return { id, state: "OPEN", signals: [], late: [], leading: null, final: null, takenBy: null, settledBy: null };
}

/** Only a FINAL case lets its action execute. SETTLED does not: it has. */
export function mayExecute(finalityCase: FinalityCase): boolean {
  return finalityCase.state === "FINAL";
}

/**
 * What became of a signal: `live` it counts; `duplicate` already known; `outdated` the source has said something newer;
 * `late` the case was FINAL; `unusable` it has a missing field, an impossible confidence, or a source without weight.
 */
export type SignalVerdict = "live" | "duplicate" | "outdated" | "late" | "unusable";

/** Adds evidence. Never makes the case FINAL, so that signals of one instant can all be heard first: `evaluate` does. */
export function addSignal(
  finalityCase: FinalityCase,
  signal: OutcomeSignal,
  policy: FinalityPolicy,
): { readonly case: FinalityCase; readonly verdict: SignalVerdict } {
  const { signals, late } = finalityCase;
  if (!isUsable(signal, policy)) return { case: finalityCase, verdict: "unusable" };
  if ([...signals, ...late].some((known) => known.id === signal.id)) {
    return { case: finalityCase, verdict: "duplicate" };
  }
  if (isClosed(finalityCase)) return { case: { ...finalityCase, late: [...late, signal] }, verdict: "late" };
  const current = signals.find((known) => known.source === signal.source);
  if (current && !isNewer(signal, current)) return { case: finalityCase, verdict: "outdated" };
  const live = [...signals.filter((known) => known !== current), signal].sort((a, b) => (a.source < b.source ? -1 : 1));
  return { case: { ...finalityCase, signals: live, state: weigh(live, policy).state }, verdict: "live" };
}

/**
 * What the evidence amounts to by now: FINAL once one outcome has satisfied the policy for the whole challenge window,
 * which starts at the first evaluation that finds it so. Call it after every signal, and when the window is due.
 *
 * @param now milliseconds since the epoch, our clock
 */
export function evaluate(finalityCase: FinalityCase, policy: FinalityPolicy, now: number): FinalityCase {
  if (isClosed(finalityCase)) return finalityCase;
  const { state, outcome } = weigh(finalityCase.signals, policy);
  if (outcome === null) return { ...finalityCase, state, leading: null };
  const leading = finalityCase.leading?.outcome === outcome ? finalityCase.leading : { outcome, since: now };
  return now - leading.since < policy.challengeWindowMs
    ? { ...finalityCase, state, leading }
    : { ...finalityCase, state: "FINAL", leading, final: { by: "policy", outcome, at: now } };
}

export type FinalityAnswer =
  | { readonly ok: true; readonly case: FinalityCase }
  | {
      readonly ok: false;
      readonly reason: "already_final" | "not_signalled" | "not_final" | "already_settled" | "taken";
    };

/**
 * A person chooses one of the signalled outcomes, whatever the weights and the window say.
 *
 * @throws OnceguardError `missing_reason` without an actor and a reason
 */
export function finalizeByPerson(
  finalityCase: FinalityCase,
  choice: { readonly outcome: string; readonly actor: string; readonly reason: string },
  now: number,
): FinalityAnswer {
  const { outcome, actor, reason } = choice;
  if (!actor?.trim() || !reason?.trim()) {
    throw new OnceguardError("missing_reason", "A case is finalized by someone, for a reason: give actor and reason.", {
      caseId: finalityCase.id,
    });
  }
  if (isClosed(finalityCase)) return { ok: false, reason: "already_final" };
  if (!finalityCase.signals.some((signal) => signal.outcome === outcome)) return { ok: false, reason: "not_signalled" };
  return {
    ok: true,
    case: { ...finalityCase, state: "FINAL", final: { by: "person", outcome, at: now, actor, reason } },
  };
}

/** Lets one request act on the final outcome. The same one again changes nothing; another one is refused. */
export function take(finalityCase: FinalityCase, requestId: string): FinalityAnswer {
  if (finalityCase.state !== "FINAL") {
    return { ok: false, reason: finalityCase.state === "SETTLED" ? "already_settled" : "not_final" };
  }
  const { takenBy } = finalityCase;
  if (takenBy !== null && takenBy !== requestId) return { ok: false, reason: "taken" };
  return { ok: true, case: { ...finalityCase, takenBy: requestId } };
}

/** What it was taken for did certainly not happen: another request may act on it. */
export function release(finalityCase: FinalityCase): FinalityCase {
  return { ...finalityCase, takenBy: null };
}

/** The bound action succeeded. Settling again for the same request changes nothing; for another one it is refused. */
export function settle(finalityCase: FinalityCase, requestId: string): FinalityAnswer {
  if (finalityCase.settledBy === requestId) return { ok: true, case: finalityCase };
  if (finalityCase.state === "SETTLED") return { ok: false, reason: "already_settled" };
  if (finalityCase.state !== "FINAL") return { ok: false, reason: "not_final" };
  return { ok: true, case: { ...finalityCase, state: "SETTLED", takenBy: requestId, settledBy: requestId } };
}

function isClosed({ state }: FinalityCase): boolean {
  return state === "FINAL" || state === "SETTLED";
}

function isUsable({ id, source, outcome, confidence, at }: OutcomeSignal, policy: FinalityPolicy): boolean {
  const named = id !== "" && source !== "" && outcome !== "";
  return named && confidence >= 0 && confidence <= 1 && Number.isFinite(at) && weightOf(source, policy) > 0;
}

/** By the source's own time; the id decides between two of one instant, so that arrival order does not. */
function isNewer(a: OutcomeSignal, b: OutcomeSignal): boolean {
  return a.at > b.at || (a.at === b.at && a.id > b.id);
}

function weightOf(source: string, policy: FinalityPolicy): number {
  return Object.hasOwn(policy.weights, source) ? (policy.weights[source] as number) : policy.defaultWeight;
}

/** Takes up the slack of floating point: 0.7 * 0.8 / 0.7 is a hair below 0.8. */
const ROUNDING = 1e-9;

/** The state that the live evidence amounts to, and the one outcome that satisfies the policy, if there is one. */
function weigh(
  signals: readonly OutcomeSignal[],
  policy: FinalityPolicy,
): { readonly state: FinalityState; readonly outcome: string | null } {
  const tally = new Map<string, { weight: number; sources: number }>();
  let total = 0;
  for (const { source, outcome, confidence } of signals) {
    const weight = weightOf(source, policy);
    const { weight: before, sources } = tally.get(outcome) ?? { weight: 0, sources: 0 };
    tally.set(outcome, { weight: before + weight * confidence, sources: sources + 1 });
    total += weight;
  }
  if (tally.size === 0) return { state: "OPEN", outcome: null };
  const confident = [...tally].filter(([, { weight }]) => weight / total + ROUNDING >= policy.threshold);
  const state = tally.size === 1 && confident.length === 1 ? "RESOLVED_PROVISIONAL" : "IN_RECONCILIATION";
  // With a threshold of one half or less, two outcomes can pass at once; then neither leads.
  const [leader] = confident.length === 1 ? confident : [];
  return { state, outcome: leader && leader[1].sources >= policy.minSources ? leader[0] : null };
}
