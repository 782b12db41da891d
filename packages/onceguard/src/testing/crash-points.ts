import { writeSync } from "node:fs";
import type { AnyAction } from "../core/action.ts";
import type { Claim, ClaimRequest } from "../core/claim.ts";
import { OnceguardError } from "../core/errors.ts";
import { forwardingStore } from "../core/forwarding-store.ts";
import type { EventType, Transition } from "../core/lifecycle.ts";
import type { ApplyAnswer, ClaimAnswer, Store, StoreTransaction } from "../core/ports.ts";

/** Where a process can die (docs/crash-matrix.md), in the order in which a request passes them. */
export const CRASH_POINTS = [
  "before_claim_sent",
  /** The claim has been handed over; whether it is committed is open. */
  "claim_in_flight",
  "claim_sent_ack_lost",
  /** It waits for a person's consent, and nobody has heard of it; the consent is there; it is consumed, with nothing sent. */
  "held_recorded",
  "approved_ack_lost",
  "released_ack_lost",
  "after_claim_before_dispatch",
  /** With `preciseDispatch`: the mark is not yet written, and then: written, with nothing sent. */
  "before_dispatch_mark",
  "dispatch_marked",
  "in_effect_before_send",
  /** Only the effect knows when: its code calls `reach`. */
  "in_effect_after_commit_before_reply",
  "after_reply_before_record",
  /** The same, of a certain failure. */
  "failure_not_recorded",
  "record_in_flight",
  "record_sent_ack_lost",
  /** Only the host knows when: it calls `reach`. */
  "recorded_caller_not_told",
  "during_retry_wait",
  "in_doubt_recorded",
  "lapse_recorded",
  "during_probe",
  "probe_answered_not_recorded",
  /** A further attempt is claimed, and the guard has not heard of it; it has, and nothing is sent yet. */
  "reclaimed_ack_lost",
  "before_resend",
  /** The other side has it once more and has not answered. Only the effect knows when: its code calls `reach`. */
  "during_resend",
  "review_recorded",
  "resolved_ack_lost",
] as const;

/** The name of a point at which a process can be stopped. */
export type CrashPoint = (typeof CRASH_POINTS)[number];

/**
 * How it ends there: `kill` (SIGKILL to itself, nothing is cleaned up); `pause` (frozen, timers included, until the parent
 * kills it); or the process lives, and only what it was doing ends: `throw` (an error that nobody knows), `unavailable`
 * (the store cannot be reached at this moment; at a point of the store). Both are thrown once.
 */
export type CrashStop = "kill" | "pause" | "throw" | "unavailable";

/** Stops a process at one chosen point of a request's life. */
export interface CrashPoints {
  /** Stops here if this is the chosen point. */
  reach(point: CrashPoint): void;
  /** Whether it has stopped, where it lives to tell. */
  hasStopped(): boolean;
  /** The store, with the points at which the guard talks to it. */
  store(store: Store): Store;
  /** The action, with the points around its effect and its probe. */
  action<Definition extends AnyAction>(definition: Definition): Definition;
}

/**
 * Stops this process at one point of a request's life, for tests that then ask what became of it. Dying prints
 * `REACHED <point>` first, so that a test can tell a crash at its point from any other end.
 *
 * @param point where; null: nowhere.
 */
export function crashPoints(point: CrashPoint | null, stop: CrashStop = "kill"): CrashPoints {
  let stopped = false;
  const reach = (here: CrashPoint): void => {
    if (here !== point || stopped) return;
    stopped = true;
    if (stop === "throw") throw new Error(`thrown at ${here}`);
    if (stop === "unavailable") throw unavailableAt(here);
    writeSync(1, `REACHED ${here}\n`);
    if (stop === "kill") process.kill(process.pid, "SIGKILL");
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
  return {
    reach,
    hasStopped: () => stopped,
    store: (store) => crashingStore(store, point, stop, reach),
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

/** At these the store has not been asked yet. */
const NOT_ASKED: readonly CrashPoint[] = [
  "before_claim_sent",
  "after_claim_before_dispatch",
  "before_dispatch_mark",
  "after_reply_before_record",
  "failure_not_recorded",
  "during_retry_wait",
];

function unavailableAt(point: CrashPoint): OnceguardError {
  const applied = NOT_ASKED.includes(point) ? "no" : "unknown";
  return new OnceguardError("store_unavailable", `The store cannot be reached: cut off at ${point}`, { applied });
}

/** Reached when the store has been told of an outcome that is not yet sent to it. */
const ASKING: Partial<Record<EventType, CrashPoint>> = {
  dispatch: "before_dispatch_mark",
  success: "after_reply_before_record",
  definite_failure: "failure_not_recorded",
};

/** Reached when the store has answered, and nobody has seen the answer yet. */
const ANSWERED: Partial<Record<EventType, CrashPoint>> = {
  approve: "approved_ack_lost",
  release: "released_ack_lost",
  dispatch: "dispatch_marked",
  success: "record_sent_ack_lost",
  indefinite: "in_doubt_recorded",
  lapse: "lapse_recorded",
  retry: "reclaimed_ack_lost",
  resend: "reclaimed_ack_lost",
  give_up: "review_recorded",
  resolve: "resolved_ack_lost",
};

/** The points at which the guard talks to its store. */
function crashingStore(
  store: Store,
  point: CrashPoint | null,
  stop: CrashStop,
  reach: (point: CrashPoint) => void,
): Store {
  const dies = stop === "kill" || stop === "pause";
  /** Something is claimed and not yet dispatched; and: it waits for its retry. */
  let claimed = false;
  let waits = false;

  /** Stops once what is under way has left this process; nobody here sees the answer. */
  async function inFlight<Answer>(here: CrashPoint, asked: Promise<Answer>): Promise<Answer> {
    if (point !== here) return asked;
    asked.catch(() => undefined);
    if (dies) await new Promise<void>((left) => setImmediate(left));
    reach(here);
    return asked;
  }

  /** The guard has the claim and turns to it, with nothing dispatched yet. */
  function onFirstUse(claim: Claim): Claim {
    if (point !== "after_claim_before_dispatch") return claim;
    return Object.defineProperty({ ...claim }, "receipt", {
      get: () => {
        reach("after_claim_before_dispatch");
        return claim.receipt;
      },
    });
  }

  async function claiming(ask: () => Promise<ClaimAnswer>, canLookAgain: boolean): Promise<ClaimAnswer> {
    reach("before_claim_sent");
    const answer = await inFlight("claim_in_flight", ask());
    reach("claim_sent_ack_lost");
    if (answer.kind === "recorded") reach("held_recorded");
    if (answer.kind !== "claimed") return answer;
    claimed = true;
    // A store that is away is met by the last look before the dispatch, where there is one.
    const isMetLater = stop === "unavailable" && canLookAgain;
    return isMetLater ? answer : { kind: "claimed", claim: onFirstUse(answer.claim) };
  }

  /** Effect and record in one commit: the outcome is recorded when that is done, not before. */
  async function transact<Answer>(
    begin: NonNullable<Store["transact"]>,
    work: (transaction: StoreTransaction) => Promise<Answer>,
  ): Promise<Answer> {
    let records = false;
    const done = Promise.withResolvers<void>();
    const asked = begin(async (transaction) => {
      const answer = await work({
        handle: transaction.handle,
        claim: (request) => claiming(() => transaction.claim(request), false),
        apply: async (transition) => {
          const asking = ASKING[transition.event];
          if (asking) reach(asking);
          records ||= transition.event === "success";
          return transaction.apply(transition);
        },
      });
      done.resolve();
      return answer;
    });
    await Promise.race([done.promise, asked]);
    const answer = await (records ? inFlight("record_in_flight", asked) : asked);
    if (records) reach("record_sent_ack_lost");
    return answer;
  }

  return forwardingStore(store, {
    claim: (request: ClaimRequest, readFirst?: boolean) => claiming(() => store.claim(request, readFirst), true),
    apply: async (transition: Transition): Promise<ApplyAnswer> => {
      const { event, next } = transition;
      const asking = ASKING[event];
      if (asking) reach(asking);
      const asked = store.apply(transition);
      const answer = await (event === "success" ? inFlight("record_in_flight", asked) : asked);
      const answered = ANSWERED[event];
      if (answered) reach(answered);
      waits = next.state === "retry_wait";
      // A turn later the guard has read the answer and waits.
      if (waits && dies && point === "during_retry_wait") setImmediate(() => reach("during_retry_wait"));
      return answer;
    },
    // The two looks at which an absent store is met in between: before a dispatch, and at the end of a wait.
    haltFor: async (subject) => {
      if (claimed && !dies) reach("after_claim_before_dispatch");
      return store.haltFor(subject);
    },
    find: async (tenant, requestId) => {
      if (waits && !dies) reach("during_retry_wait");
      return store.find(tenant, requestId);
    },
    ...(store.transact && { transact: (work) => transact(store.transact?.bind(store) as never, work) }),
  });
}
