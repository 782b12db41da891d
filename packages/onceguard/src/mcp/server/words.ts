import type { Outcome } from "../../core/outcome.ts";

/**
 * What a model should do now. In whole sentences, because it reads nothing else as reliably; and first of all whether
 * to call again, because that is what it would do by itself.
 */
export function nextWords(outcome: Outcome): string {
  switch (outcome.status) {
    case "executed":
      return "Done. Do not call again for this intent.";
    case "replayed":
      return "This was already done earlier; nothing was sent now. Treat it as done, and do not call again.";
    case "skipped":
      return "Not done, because the same was done on this record a short while ago (see receipt). Do not call again. If it is really meant a second time, ask a person.";
    case "in_doubt":
      return `It may have happened, and nobody knows yet. Do not call again, and do not do it in any other way. ${askLater(outcome)} A person may have to decide.`;
    case "in_progress":
      return `It is under way, and continues without you. Do not start it again. ${askLater(outcome)}`;
    case "retry_later":
      return `It did not go through yet and is tried again automatically. Do not call again. ${askLater(outcome)}`;
    case "held":
      return outcome.waitsFor === "case"
        ? `Nothing was sent. It runs by itself once case ${outcome.caseId ?? ""} is final. Do not call again. ${askLater(outcome)}`
        : `Nothing was sent. A person has to approve it first: tell your user. It then runs by itself; do not call again. ${askLater(outcome)}`;
    case "review":
      return "A person has to decide what became of it: tell your user. Do not call again, and do not do it in any other way. Ask get_receipt later.";
    case "failed":
      return "It certainly did not happen. The same request gets the same answer. Tell your user why; if the input was wrong, correct it, which is a new request.";
    case "mismatch":
      return "Nothing was sent. This request id already stands for another payload or action. If this is a new intent, give it a new request_id; if it is a repetition, repeat the original payload.";
    case "denied":
      return "Nothing was sent, and it will not be. Do not call again, and do not do it in any other way. Tell your user the reason.";
    case "expired":
      return "It was settled long ago and its details are no longer kept. It never runs again. Do not call again.";
    case "halted":
      return "Nothing was sent. A person has stopped this, or a limit was reached. Stop, and tell your user; do not call again until a person has resumed it.";
    case "unavailable":
      return `Nothing was sent: the guard's store cannot be reached. Call again with exactly the same arguments ${inWords(outcome.retryAfterMs)}.`;
  }
}

function askLater({ retryAfterMs }: { readonly retryAfterMs: number }): string {
  return `Ask get_receipt with this request_id ${inWords(retryAfterMs)}.`;
}

function inWords(ms: number): string {
  return `in about ${Math.max(1, Math.ceil(ms / 1_000))} s`;
}
