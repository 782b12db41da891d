import type { OpenRequests } from "../core/telemetry.ts";
import type { Instruments } from "./instruments.ts";
import { ATTRIBUTE } from "./semantic-conventions.ts";

/** Names beyond this many are counted, and not remembered. */
const MOST_ACTIONS = 1_000;

/** What waits in a store, by action; an action that has nothing open any more reads zero, and does not vanish. */
export class OpenGauges {
  readonly #actions = new Set<string>();

  knows(action: string): void {
    if (this.#actions.size < MOST_ACTIONS) this.#actions.add(action);
  }

  record({ store, inDoubt, reviews }: OpenRequests, to: Instruments): void {
    for (const { action } of [...inDoubt, ...reviews]) this.knows(action);
    const doubts = counted(inDoubt);
    const waiting = counted(reviews);
    for (const action of this.#actions) {
      const about = { [ATTRIBUTE.store]: store, [ATTRIBUTE.action]: action };
      to.inDoubt.record(doubts.get(action) ?? 0, about);
      to.reviewsOpen.record(waiting.get(action) ?? 0, about);
    }
    const oldestMs = inDoubt.reduce((oldest, { ageMs }) => Math.max(oldest, ageMs), 0);
    to.reconcileAge.record(oldestMs / 1_000, { [ATTRIBUTE.store]: store });
  }
}

function counted(requests: readonly { readonly action: string }[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { action } of requests) counts.set(action, (counts.get(action) ?? 0) + 1);
  return counts;
}
