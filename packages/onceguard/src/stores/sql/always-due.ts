import type { State } from "../../core/receipt.ts";

/** In these states a request always has its `due_at`; the index of what is due holds them, and few others. */
const ALWAYS_DUE: ReadonlySet<State> = new Set(["held", "running", "retry_wait", "in_doubt", "review"]);

/** Said in the query, it lets the database use that partial index: a list of what is open must not read what is settled. */
export function areAlwaysDue(states: readonly State[]): boolean {
  return states.every((state) => ALWAYS_DUE.has(state));
}
