import type { Outcome } from "../core/outcome.ts";

/** What a caller can do here. */
export interface Ways {
  /** What is approved or tried again later runs without another call. */
  readonly goesOnAlone: boolean;
  /** The same arguments are the same intent, so that the call itself asks what became of it. */
  readonly sameCallAsks: boolean;
  /** The argument by which a caller names its intent. Null: there is none. */
  readonly keyArgument: string | null;
}

/**
 * What a model should do now, where it has no other tool to ask. It asks with the call itself, if that never does it a
 * second time; otherwise it is told not to call.
 */
export function outcomeWords(outcome: Outcome, { goesOnAlone, sameCallAsks, keyArgument }: Ways): string {
  const later = (retryAfterMs: number): string =>
    sameCallAsks ? sameCall(retryAfterMs) : "Do not call again: that would be a new request. Tell your user.";
  switch (outcome.status) {
    case "executed":
      return "Done.";
    case "replayed":
      return `This call was already made, and this is what came of it; nothing was sent now. If it is really meant a second time, ${again(keyArgument)}.`;
    case "skipped":
      return `Not done, because the same was done on this record a short while ago (see receipt). If it is really meant a second time, ${again(keyArgument)}.`;
    case "in_doubt":
      return `It may have happened, and nobody knows yet. Do not do it in any other way. ${later(outcome.retryAfterMs)} A person may have to decide.`;
    case "in_progress":
      return `It is under way, and continues without you. Do not start it in another way. ${later(outcome.retryAfterMs)}`;
    case "retry_later":
      return goesOnAlone
        ? `It did not go through yet and is tried again automatically. ${later(outcome.retryAfterMs)}`
        : sameCallAsks
          ? `It did not go through yet. Call again with exactly the same arguments ${inWords(outcome.retryAfterMs)}: then it is tried again.`
          : "It did not go through yet. Tell your user; do not call again by yourself.";
    case "held":
      return goesOnAlone
        ? `Nothing was sent. A person has to approve it first: tell your user. It then runs by itself. ${later(outcome.retryAfterMs)}`
        : `Nothing was sent. A person has to approve it first: tell your user.${sameCallAsks ? " Once that is done, call again with exactly the same arguments." : ""}`;
    case "review":
      return `A person has to decide what became of it: tell your user. Do not do it in any other way. ${sameCallAsks ? "The same call later says what was decided, and never does it a second time." : "Do not call again."}`;
    case "failed":
      return keyArgument !== null
        ? `It certainly did not happen. Tell your user why. If the input was wrong, correct it, and if you gave an ${keyArgument}, give a new one.`
        : "It certainly did not happen. The same request gets the same answer. Tell your user why.";
    case "mismatch":
      return `Nothing was sent. This identity already stands for another call. If it is a repetition, repeat the original arguments. If this is a new intent, ${keyArgument !== null ? `give it a new ${keyArgument}` : "it must differ in what names it: ask a person"}.`;
    case "denied":
      return "Nothing was sent, and it will not be. Do not do it in any other way. Tell your user the reason.";
    case "expired":
      return "It was settled long ago and its details are no longer kept. It never runs again.";
    case "halted":
      return "Nothing was sent. A person has stopped this, or a limit was reached. Stop, and tell your user; do not call again until a person has resumed it.";
    case "unavailable":
      return sameCallAsks
        ? `Nothing was sent: the guard's store cannot be reached. Call again with exactly the same arguments ${inWords(outcome.retryAfterMs)}.`
        : "Nothing was sent: the guard's store cannot be reached. Tell your user.";
  }
}

function again(keyArgument: string | null): string {
  return keyArgument !== null ? `call with another ${keyArgument}` : "ask a person";
}

function sameCall(ms: number): string {
  return `To learn what became of it, call again with exactly the same arguments ${inWords(ms)}: that never does it a second time.`;
}

function inWords(ms: number): string {
  return `in about ${Math.max(1, Math.ceil(ms / 1_000))} s`;
}
