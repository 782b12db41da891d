import type { EventType } from "../../../packages/onceguard/src/core/lifecycle.ts";
import type { State } from "../../../packages/onceguard/src/core/receipt.ts";
import type { Tone } from "./svg.ts";

/** What each event means. The compiler sees to it that none is left out. */
export const EVENT_WORDS: Readonly<Record<EventType, string>> = {
  claim: "a first call, and the policy allows it",
  hold: "a first call that needs a person's consent, or whose case is not final",
  enqueue: "recorded now, to be executed later (the outbox)",
  doubt: "a first call that an earlier life of a restored store may have sent",
  approve: "a person consents; the consent is kept with the record",
  keep_held: "it still has to wait",
  release: "what it waited for is there; the consent is used up",
  deny: "a person or the policy says no, or its time to wait is over",
  dispatch: "about to be sent; written with `preciseDispatch`",
  success: "the effect was observed",
  definite_failure: "it certainly did not happen",
  indefinite: "it may have happened: a timeout, a reset, an unknown error",
  shutdown: "the process stops while it runs",
  lapse: "the lease ran out, by the store's clock",
  retry: "the next attempt, when it is due",
  resend: "the same key again, while it is certainly remembered",
  probe_happened: "asked, and it happened",
  probe_did_not_happen: "asked, and it did not happen",
  probe_cannot_tell: "asked, and nobody can tell yet",
  give_up: "nothing automatic is left",
  resolve: "a person says what became of it",
  reopen: "a person starts a failed request again",
  late_success: "a success that arrives late, from its owner or the provider",
  late_denial: "the provider says that it did not happen after all",
  restored: "the store was put back to an older state",
  compensate: "its effect is about to be undone, by a request of its own",
  compensated: "it was undone",
  compensation_failed: "it could not be undone",
  expire: "retention has passed",
};

/** The conditions of the rows that have one, by row, event and where it leads. A test holds them to the table. */
export const CONDITIONS: Readonly<Record<string, string>> = {
  "3 release running": "nothing contradicts the record",
  "8 definite_failure in_doubt": "an earlier attempt may have had its effect",
  "6 definite_failure retry_wait": "attempts and time are left",
  "7 definite_failure review": "a person can mend it",
  "9 lapse retry_wait": "it is certain that nothing was sent",
  "10 retry running": "nothing contradicts the record",
  "11 resend running": "nothing contradicts the record",
  "18 probe_did_not_happen same": "somebody else has said that it did; marked as a conflict",
  "13 probe_did_not_happen retry_wait": "attempts and time are left",
  "16 resolve succeeded": "happened",
  "16 resolve retry_wait": "retry, and no effect was observed; under a new key",
  "16 resolve failed": "did not happen, and no effect was observed",
  "16 resolve same": "it ends a conflict; the record stands",
  "17 late_success succeeded": "no newer attempt was sent, or it used the same key",
};

export const TONES: Readonly<Record<State | "absent", Tone>> = {
  absent: "plain",
  held: "held",
  running: "moving",
  retry_wait: "moving",
  in_doubt: "doubt",
  review: "doubt",
  succeeded: "good",
  failed: "bad",
  denied: "bad",
  compensating: "moving",
  compensated: "good",
  expired: "over",
};
