import { setTimeout as sleep } from "node:timers/promises";
import type { Intent } from "./contender.ts";
import type { Told } from "./judge.ts";
import type { Answer, Delivery } from "./worker-handle.ts";

/** Deliveries whose call broke, before an agent gives up. */
const MAX_BROKEN = 6;
/** How long a caller goes on asking one that says `later`, in ms. */
const PATIENCE_MS = 20_000;
/** Between two deliveries, in ms; doubled from one to the next, up to the longest. */
const [SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS] = [100, 400];

/** How long a caller waits for one call, in ms. */
export const CALL_TIMEOUT_MS = 6_000;

export type Deliver = (intent: Intent, delivery: Delivery) => Promise<Answer>;

export interface CallerOptions {
  /** With the first delivery only. */
  readonly first?: Delivery;
  /** When the first delivery has been answered, or its call has broken. */
  readonly onFirst?: () => Promise<void> | void;
}

/**
 * A caller as agents are: delivers, waits for what it is told, and delivers again when its call broke or it is told to
 * come later, until something final is said or it gives up. What it was told goes to `told`, final or not.
 */
export async function call(intent: Intent, deliver: Deliver, told: Told[], options: CallerOptions = {}): Promise<void> {
  const start = performance.now();
  let broken = 0;
  let pauseMs = SHORTEST_PAUSE_MS;
  for (let delivery = intent.delivery; ; delivery++) {
    const isFirst = delivery === intent.delivery;
    const answer = await deliver({ ...intent, delivery }, (isFirst ? options.first : undefined) ?? {});
    const afterMs = Math.round(performance.now() - start);
    told.push({ said: answer.said, afterMs, ...("why" in answer ? { why: answer.why } : {}) });
    if (isFirst) await options.onFirst?.();
    if (answer.said === "done" || answer.said === "failed" || answer.said === "unknown") return;
    if (answer.said === "nothing" && ++broken >= MAX_BROKEN) return;
    if (afterMs > PATIENCE_MS) return;
    await sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
