import { part, post } from "../api/client.ts";
import type { Receipt } from "../api/types.ts";

export type Decision = "happened" | "did_not_happen" | "retry" | "approve" | "deny" | "reopen";

interface DecisionWords {
  readonly key: string;
  readonly label: string;
  readonly explain: string;
  readonly tone: "good" | "bad" | "plain";
}

export const DECISIONS: Readonly<Record<Decision, DecisionWords>> = {
  happened: {
    key: "h",
    label: "Happened",
    explain: "You say that the effect is there. It counts as done, and every repetition is answered so.",
    tone: "good",
  },
  did_not_happen: {
    key: "d",
    label: "Did not happen",
    explain: "You say that the effect is not there, and it is not to be tried again. It counts as failed.",
    tone: "bad",
  },
  retry: {
    key: "r",
    label: "Retry",
    explain:
      "You say that the effect is not there, and it is sent again, under a new downstream key. If it is there after all, it happens twice.",
    tone: "plain",
  },
  approve: {
    key: "a",
    label: "Approve",
    explain: "You consent to this payload, once. It then runs by itself.",
    tone: "good",
  },
  deny: { key: "x", label: "Deny", explain: "It ends for good; nothing is sent.", tone: "bad" },
  reopen: {
    key: "o",
    label: "Reopen",
    explain: "It certainly did not happen, and is tried again, under a new downstream key.",
    tone: "plain",
  },
};

export function decisionsFor({ state, hold, conflict }: Receipt): readonly Decision[] {
  if (state === "held")
    return hold?.waits_for === "approval" && hold.approval === null ? ["approve", "deny"] : ["deny"];
  if (state === "review" || state === "in_doubt") return ["happened", "did_not_happen", "retry"];
  if (conflict) return ["happened", "did_not_happen"];
  return state === "failed" ? ["reopen"] : [];
}

/** Bound to the version that was looked at: when it has moved since, the API refuses. */
export async function decide(receipt: Receipt, decision: Decision, reason: string): Promise<void> {
  const id = part(receipt.request_id);
  const body = { reason, expected_version: receipt.version };
  switch (decision) {
    case "approve":
    case "deny":
      await post(`/v1/proposals/${id}/${decision}`, body);
      return;
    case "reopen":
      await post(`/v1/reviews/${id}/reopen`, body);
      return;
    default:
      await post(`/v1/reviews/${id}/resolve`, { ...body, decision });
  }
}
