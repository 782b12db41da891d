import type { Outcome } from "../../core/outcome.ts";
import { KEY_ARGUMENT } from "./idempotency-argument.ts";

/** What a caller can do here. */
export interface Ways {
  /** What is approved or tried again later runs without another call. */
  readonly goesOnAlone: boolean;
  /** A key of the caller's names its intent. */
  readonly takesKey: boolean;
}

/**
 * What a model should do now. Behind a gateway it has no other tool to ask, so it asks with the call itself: the same
 * call never does it a second time.
 */
export function gatewayWords(outcome: Outcome, { goesOnAlone, takesKey }: Ways): string {
  switch (outcome.status) {
    case "executed":
      return "Done.";
    case "replayed":
      return `This call was already made, and this is what came of it; nothing was sent now. If it is really meant a second time, ${again(takesKey)}.`;
    case "skipped":
      return `Not done, because the same was done on this record a short while ago (see receipt). If it is really meant a second time, ${again(takesKey)}.`;
    case "in_doubt":
      return `It may have happened, and nobody knows yet. Do not do it in any other way. ${sameCall(outcome.retryAfterMs)} A person may have to decide.`;
    case "in_progress":
      return `It is under way, and continues without you. Do not start it in another way. ${sameCall(outcome.retryAfterMs)}`;
    case "retry_later":
      return goesOnAlone
        ? `It did not go through yet and is tried again automatically. ${sameCall(outcome.retryAfterMs)}`
        : `It did not go through yet. Call again with exactly the same arguments ${inWords(outcome.retryAfterMs)}: then it is tried again.`;
    case "held":
      return goesOnAlone
        ? `Nothing was sent. A person has to approve it first: tell your user. It then runs by itself. ${sameCall(outcome.retryAfterMs)}`
        : "Nothing was sent. A person has to approve it first: tell your user. Once that is done, call again with exactly the same arguments.";
    case "review":
      return "A person has to decide what became of it: tell your user. Do not do it in any other way. The same call later says what was decided, and never does it a second time.";
    case "failed":
      return takesKey
        ? `It certainly did not happen. Tell your user why. If the input was wrong, correct it, and if you gave an ${KEY_ARGUMENT}, give a new one.`
        : "It certainly did not happen. The same request gets the same answer. Tell your user why.";
    case "mismatch":
      return `Nothing was sent. This identity already stands for another call. If it is a repetition, repeat the original arguments. If this is a new intent, ${takesKey ? `give it a new ${KEY_ARGUMENT}` : "it must differ in what names it: ask a person"}.`;
    case "denied":
      return "Nothing was sent, and it will not be. Do not do it in any other way. Tell your user the reason.";
    case "expired":
      return "It was settled long ago and its details are no longer kept. It never runs again.";
    case "halted":
      return "Nothing was sent. A person has stopped this, or a limit was reached. Stop, and tell your user; do not call again until a person has resumed it.";
    case "unavailable":
      return `Nothing was sent: the guard's store cannot be reached. Call again with exactly the same arguments ${inWords(outcome.retryAfterMs)}.`;
  }
}

function again(takesKey: boolean): string {
  return takesKey ? `call with another ${KEY_ARGUMENT}` : "ask a person";
}

function sameCall(ms: number): string {
  return `To learn what became of it, call again with exactly the same arguments ${inWords(ms)}: that never does it a second time.`;
}

function inWords(ms: number): string {
  return `in about ${Math.max(1, Math.ceil(ms / 1_000))} s`;
}
