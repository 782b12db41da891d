import type { Capability, State } from "../../src/core/receipt.ts";
import type { Answer, History } from "./history.ts";

/**
 * The sequential object that one request has to look like (semantics.md sections 4 and 5), written down a second time, from
 * the outside: what a caller may be told after what others were told before.
 *
 * Sweepers move it at any time, so between two operations it may take any steps of `stepsFrom`. No person acts.
 */
export interface Standing {
  readonly state: State | "absent";
  readonly fence: number;
  /** The least that it can be. */
  readonly version: number;
  /** Its number in the ledger, once it has happened. */
  readonly effect: number | null;
  /** Some caller was told that its call executed it. */
  readonly told: boolean;
}

export const ABSENT: Standing = { state: "absent", fence: 0, version: 0, effect: null, told: false };

export type Operation = { readonly from: number; readonly to: number; readonly what: string } & (
  | { readonly does: "claim"; readonly fence: number }
  | { readonly does: "happen"; readonly fence: number; readonly number: number }
  | { readonly does: "tell"; readonly answer: Answer }
);

export interface Facts {
  readonly capability: Capability;
  /** When somebody first asked for it; before that there is nothing. */
  readonly askedAt: number;
}

/** What has to be put in one order. An open call has told nobody anything: only that it was made counts. */
export function operationsOf({ calls, effects }: History): readonly Operation[] {
  const told = calls.flatMap(({ answer, from, to, by, kind }): Operation[] => {
    if (answer === null || (answer.state === null && answer.effect === null)) return [];
    const what = `${by} ${kind}: ${answer.status ?? "read"} ${answer.state} #${answer.fence} v${answer.version} effect ${answer.effect}`;
    const tells: Operation = { does: "tell", answer, from, to, what };
    // Whoever says that it executed has claimed within its call, and under that very fence.
    return answer.status === "executed"
      ? [{ does: "claim", fence: answer.fence, from, to, what: `${by} claims #${answer.fence}` }, tells]
      : [tells];
  });
  const happened = effects.map(({ number, fence, from, to }): Operation => {
    const of = fence || fenceTold(calls, number);
    return { does: "happen", number, fence: of, from, to, what: `effect ${number} of #${of}` };
  });
  return [...told, ...happened];
}

/** A table does not say which attempt has written a row; it is one commit with the receipt, and that says it. 0: nobody does. */
function fenceTold(calls: History["calls"], number: number): number {
  return calls.find(({ answer }) => answer?.effect === number && answer.state === "succeeded")?.answer?.fence ?? 0;
}

export function factsOf({ capability, calls }: History): Facts {
  const asked = calls.filter(({ kind }) => kind === "execute").map(({ from }) => from);
  return { capability, askedAt: asked.reduce((first, from) => Math.min(first, from), Number.POSITIVE_INFINITY) };
}

/** The object after an operation; null where it cannot take place. */
export function take(before: Standing, operation: Operation, facts: Facts): Standing | null {
  const after = taken(before, operation, facts);
  const began = before.state === "absent" && after?.state !== "absent";
  return began && operation.to < facts.askedAt ? null : after;
}

function taken(before: Standing, operation: Operation, facts: Facts): Standing | null {
  switch (operation.does) {
    case "claim":
      return before.fence < operation.fence ? running(before, operation.fence, facts) : null;
    case "happen": {
      const during = sentIn(before, operation.fence, facts);
      return during && before.effect === null ? { ...during, effect: operation.number } : null;
    }
    case "tell":
      return toldOf(before, operation.answer, facts);
  }
}

/**
 * The object while the attempt with this fence (0: the last one) is under way, or may be: as it is, or after its claim. An
 * earlier attempt than the last one only counts where both are one effect by their key.
 */
function sentIn(before: Standing, fence: number, facts: Facts): Standing | null {
  const isOpen = before.state === "running" || before.state === "in_doubt" || before.state === "review";
  const isOneOfThese = fence === 0 || fence === before.fence || (fence < before.fence && resends(facts.capability));
  if (isOpen && isOneOfThese) return before;
  const next = fence === 0 ? before.fence + 1 : fence;
  return next > before.fence ? running(before, next, facts) : null;
}

function running(before: Standing, fence: number, facts: Facts): Standing | null {
  const after: Standing = { ...before, state: "running", fence, version: before.version + 1 };
  return canBecome(before, after, facts) ? after : null;
}

function toldOf(before: Standing, answer: Answer, facts: Facts): Standing | null {
  const { status, state, fence, version, effect } = answer;
  if (effect !== null && effect !== before.effect) return null;
  if (state === null) return before;
  const succeeded = status === "executed" || status === "replayed";
  if (succeeded && (state !== "succeeded" || effect === null)) return null;
  if ((status === "failed" || status === "review") && state !== status) return null;
  if (state === "succeeded" && before.effect === null) return null;
  if ((state === "failed" || state === "retry_wait") && before.effect !== null) return null;
  if (status === "executed" && before.told) return null;
  const after: Standing = { ...before, state, fence, version, told: before.told || status === "executed" };
  const isSame = before.state === state && before.fence === fence;
  if (version < before.version || (version === before.version && !isSame)) return null;
  if (version > before.version && !canBecome(before, after, facts)) return null;
  return after;
}

/** One step that the object may take by itself. */
function stepsFrom(
  state: Standing["state"],
  happened: boolean,
  capability: Capability,
): readonly (State | "claimed")[] {
  const probes = capability === "probe" || capability === "probe_and_downstream_key";
  switch (state) {
    case "absent":
      return ["claimed"];
    case "running":
      return happened
        ? ["running", "succeeded", "in_doubt"]
        : ["running", "failed", "retry_wait", "in_doubt", "review"];
    case "retry_wait":
      return happened ? [] : ["claimed", "review"];
    case "in_doubt":
      return [
        "in_doubt",
        "review",
        ...(happened ? (["succeeded"] as const) : []),
        ...(probes && !happened ? (["retry_wait", "failed"] as const) : []),
        ...(resends(capability) ? (["claimed"] as const) : []),
      ];
    case "review":
      // Late evidence; whatever else becomes of it, a person would have to say.
      return happened ? ["succeeded"] : [];
    default:
      return [];
  }
}

/** Whether one or more such steps lead there. */
function canBecome(before: Standing, after: Standing, { capability }: Facts): boolean {
  const happened = before.effect !== null;
  const reached = new Set<string>();
  const open: Pick<Standing, "state" | "fence">[] = [before];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const step of stepsFrom(at.state, happened, capability)) {
      const next =
        step === "claimed" ? { state: "running" as const, fence: at.fence + 1 } : { state: step, fence: at.fence };
      if (next.state === after.state && next.fence === after.fence) return true;
      const key = `${next.state}#${next.fence}`;
      if (next.fence > after.fence || reached.has(key)) continue;
      reached.add(key);
      open.push(next);
    }
  }
  return false;
}

function resends(capability: Capability): boolean {
  return capability === "downstream_key" || capability === "probe_and_downstream_key";
}
