import { writeSync } from "node:fs";
import type { AnyAction } from "../core/action.ts";
import type { Claim, ClaimRequest } from "../core/claim.ts";
import type { EventType, Transition } from "../core/lifecycle.ts";
import type { ApplyAnswer, ClaimAnswer, Store } from "../core/ports.ts";
import { forwardingStore } from "./forwarding-store.ts";

/** Where a process can die (semantics.md section 9), in the order in which a request passes them. */
export const CRASH_POINTS = [
  "before_claim_sent",
  /** The claim has been handed over; whether it is committed is open. */
  "claim_in_flight",
  "claim_sent_ack_lost",
  "after_claim_before_dispatch",
  /** With `preciseDispatch`: the mark is not yet written, and then: written, with nothing sent. */
  "before_dispatch_mark",
  "dispatch_marked",
  "in_effect_before_send",
  /** Only the effect knows when: its code calls `reach`. */
  "in_effect_after_commit_before_reply",
  "after_reply_before_record",
  "record_in_flight",
  "record_sent_ack_lost",
  /** Only the host knows when: it calls `reach`. */
  "recorded_caller_not_told",
  "during_retry_wait",
  "in_doubt_recorded",
  "lapse_recorded",
  "during_probe",
  "probe_answered_not_recorded",
  /** A further attempt is claimed and not yet sent. */
  "before_resend",
  /** The other side has it once more and has not answered. Only the effect knows when: its code calls `reach`. */
  "during_resend",
  "review_recorded",
  "resolved_ack_lost",
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

export interface CrashPoints {
  /** Stops the process if this is the chosen point. */
  reach(point: CrashPoint): void;
  /** The store, with the points at which the guard talks to it. */
  store(store: Store): Store;
  /** The action, with the points around its effect and its probe. */
  action<Definition extends AnyAction>(definition: Definition): Definition;
}

/**
 * Stops this process at one point of a request's life, for tests that then ask a fresh process what became of it.
 * Stopping prints `REACHED <point>` first, so that a test can tell a crash at its point from any other end.
 *
 * @param point where; null: nowhere.
 * @param stop `kill` (SIGKILL to itself, nothing is cleaned up) or `pause` (frozen, timers included, until the parent
 *   kills it).
 */
export function crashPoints(point: CrashPoint | null, stop: "kill" | "pause" = "kill"): CrashPoints {
  const reach = (here: CrashPoint): void => {
    if (here !== point) return;
    writeSync(1, `REACHED ${here}\n`);
    if (stop === "kill") process.kill(process.pid, "SIGKILL");
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
  return {
    reach,
    store: (store) => crashingStore(store, point, reach),
    action: (definition) => ({
      ...definition,
      execute: (payload, context) => {
        reach(context.attemptNumber === 1 ? "in_effect_before_send" : "before_resend");
        return definition.execute(payload, context);
      },
      probe:
        definition.probe &&
        (async (payload, context) => {
          reach("during_probe");
          const answer = await definition.probe?.(payload, context);
          reach("probe_answered_not_recorded");
          return answer;
        }),
    }),
  };
}

/** Reached when the store has answered, and nobody has seen the answer yet. */
const ANSWERED: Partial<Record<EventType, CrashPoint>> = {
  dispatch: "dispatch_marked",
  success: "record_sent_ack_lost",
  indefinite: "in_doubt_recorded",
  lapse: "lapse_recorded",
  give_up: "review_recorded",
  resolve: "resolved_ack_lost",
};

/** The points at which the guard talks to its store. */
function crashingStore(store: Store, point: CrashPoint | null, reach: (point: CrashPoint) => void): Store {
  /** Once what is under way has left this process. */
  const inFlight = (here: CrashPoint): void => {
    if (point === here) setImmediate(() => reach(here));
  };
  /** The guard has the claim and turns to it, with nothing dispatched yet. */
  const onFirstUse = (claim: Claim): Claim => {
    if (point !== "after_claim_before_dispatch") return claim;
    return Object.defineProperty({ ...claim }, "receipt", {
      get: () => {
        reach("after_claim_before_dispatch");
        return claim.receipt;
      },
    });
  };
  return forwardingStore(store, {
    claim: async (request: ClaimRequest, readFirst?: boolean): Promise<ClaimAnswer> => {
      reach("before_claim_sent");
      const asked = store.claim(request, readFirst);
      inFlight("claim_in_flight");
      const answer = await asked;
      reach("claim_sent_ack_lost");
      return answer.kind === "claimed" ? { kind: "claimed", claim: onFirstUse(answer.claim) } : answer;
    },
    apply: async (transition: Transition): Promise<ApplyAnswer> => {
      const { event, next } = transition;
      if (event === "success") reach("after_reply_before_record");
      if (event === "dispatch") reach("before_dispatch_mark");
      const asked = store.apply(transition);
      if (event === "success") inFlight("record_in_flight");
      const answer = await asked;
      const answered = ANSWERED[event];
      if (answered) reach(answered);
      // A turn later the guard has read the answer and waits.
      if (next.state === "retry_wait") inFlight("during_retry_wait");
      return answer;
    },
  });
}
