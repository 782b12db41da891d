import { type Receipt, resultOf } from "../../src/core/receipt.ts";
import { ACTIONS, actionOf } from "./actions.ts";
import type { Evidence } from "./evidence.ts";
import type { Happened, History } from "./history.ts";
import { contradictionIn } from "./linearizable.ts";

/** Something that must not be: about which request, and what. */
export interface Violation {
  readonly requestId: string;
  readonly what: string;
}

/** Effects = ledger = receipts, and everything that anybody was ever told. */
export function violationsIn({ effects, receipts, calls }: Evidence): readonly Violation[] {
  const made = Map.groupBy(effects, ({ requestId }) => requestId);
  const called = Map.groupBy(calls, ({ requestId }) => requestId);
  const receiptOf = new Map(receipts.map((receipt) => [receipt.requestId, receipt]));
  const violations: Violation[] = [];

  for (const requestId of new Set([...made.keys(), ...called.keys(), ...receiptOf.keys()])) {
    const violate = (what: string): void => void violations.push({ requestId, what });
    const history: History = {
      requestId,
      capability: ACTIONS[actionOf(requestId)],
      calls: called.get(requestId) ?? [],
      effects: made.get(requestId) ?? [],
    };
    const wrong = problemWithReceipt(receiptOf.get(requestId), history.effects);
    if (wrong) violate(wrong);
    for (const { thrown, by, kind } of history.calls) {
      // Only a read may throw, and only because the store is away: what a call for an effect has to say is a value.
      if (thrown !== null && !(kind === "receipt" && thrown.startsWith("store_unavailable")))
        violate(`${by} was thrown ${thrown}`);
    }
    const contradiction = contradictionIn(history);
    if (contradiction) violate(contradiction);
  }
  return violations;
}

function problemWithReceipt(receipt: Receipt | undefined, effects: readonly Happened[]): string | null {
  const [effect, second] = effects;
  if (second) return `it happened ${effects.length} times: ${JSON.stringify(effects)}`;
  if (receipt === undefined) return effect ? "it happened, and there is no receipt" : null;
  const { state, conflict, mayHaveApplied } = receipt;
  if (conflict) return "evidence contradicts the receipt";
  switch (state) {
    case "succeeded": {
      const told = (resultOf(receipt) as { number?: number } | undefined)?.number;
      if (!effect) return "succeeded, and it did not happen";
      return told === effect.number ? null : `the result is ${told}, and it was ${effect.number}`;
    }
    case "failed":
      return effect ? "failed, and it happened" : null;
    case "review":
      return effect && !mayHaveApplied ? "for a person, as if it could not have happened, and it did" : null;
    default:
      return `it is ${state}, and nothing moves it any more`;
  }
}
