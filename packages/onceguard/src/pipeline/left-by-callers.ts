import type { AnyAction } from "../core/action.ts";
import type { Receipt } from "../core/receipt.ts";
import { elapsedMs } from "../core/retry.ts";
import { isCarriedOnByCallersOnly } from "./compensation.ts";
import type { Runtime } from "./runtime.ts";

/**
 * What callers have left open of actions that only they execute: doubts that are due, and whatever nobody has come for
 * while there was time. A sweeper settles those or hands them to a person, and sends nothing.
 */
export async function leftByCallers(runtime: Runtime, limit: number): Promise<readonly Receipt[]> {
  const { store } = runtime;
  const pages = await Promise.all(
    onlyCallersExecute(runtime).map(async (definition) => {
      const open = (state: "in_doubt" | "retry_wait") =>
        store.list({ states: [state], action: definition.name, order: "longest_due", limit });
      const found = await Promise.all([open("in_doubt"), open("retry_wait")]);
      return found
        .flat()
        .filter((receipt) => isDue(receipt) && (isAskable(receipt, definition) || isLate(receipt, definition)));
    }),
  );
  return pages.flat();
}

function onlyCallersExecute({ actions, settledOnly }: Runtime): AnyAction[] {
  const unregistered = [...settledOnly.values()].filter(({ name }) => !actions.has(name));
  return [...unregistered, ...[...actions.values()].filter(isCarriedOnByCallersOnly)];
}

function isDue({ dueAt, readAt }: Receipt): boolean {
  return dueAt !== null && dueAt <= readAt;
}

/** With a payload from which something is missing, a probe would ask about something else. */
function isAskable({ state }: Receipt, definition: AnyAction): boolean {
  return state === "in_doubt" && !isCarriedOnByCallersOnly(definition);
}

function isLate(receipt: Receipt, { retry }: AnyAction): boolean {
  const { state, readAt, attemptEndedAt, updatedAt } = receipt;
  const sinceMs = state === "retry_wait" ? elapsedMs(receipt) : readAt - (attemptEndedAt ?? updatedAt);
  return sinceMs >= retry.maxElapsedMs;
}
