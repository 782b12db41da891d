import type { Receipt } from "../../../core/receipt.ts";
import type { Guard } from "../../../pipeline/guard.ts";
import { needsApproval } from "../../hold-words.ts";

export interface WaitingQuery {
  readonly action?: string | undefined;
  readonly tenant?: string | undefined;
  readonly limit: number;
}

export interface Waiting {
  /** In review: a person says what became of it. Longest waiting first. */
  readonly reviews: readonly Receipt[];
  /** Held, and a person has to agree first. Longest waiting first. */
  readonly approvals: readonly Receipt[];
  /** Held, but for no person: their case, or, approved, their execution. */
  readonly otherHeld: readonly Receipt[];
  readonly inDoubt: number;
}

/** What waits for a person, and what else is open. */
export async function whatWaits(guard: Guard, { action, tenant, limit }: WaitingQuery): Promise<Waiting> {
  const of = { action, tenant, limit };
  const reviews = await guard.reviews(of);
  const held = await guard.receipts({ ...of, states: ["held"], order: "longest_due" });
  const doubtful = await guard.receipts({ ...of, states: ["in_doubt"] });
  return {
    reviews,
    approvals: held.filter(needsApproval).sort((a, b) => since(a) - since(b)),
    otherHeld: held.filter((one) => !needsApproval(one)),
    inDoubt: doubtful.length,
  };
}

/** Since when it waits for a person. */
export function since({ state, dueAt, updatedAt }: Receipt): number {
  return state === "review" ? (dueAt ?? updatedAt) : updatedAt;
}
