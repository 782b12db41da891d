import type { Action, AnyAction, CallContext } from "../core/action.ts";
import type { Start } from "../core/claim.ts";
import { type Duration, durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import { isExternal } from "../core/external-action.ts";
import { type Failure, routeOf } from "../core/failure.ts";
import { idempotencyKey } from "../core/idempotency-key.ts";
import type { JsonValue } from "../core/json.ts";
import { isRefusal, type LifecycleEvent, transition } from "../core/lifecycle.ts";
import { halted, mismatch, notItsTurn, type Outcome, outcomeOf, skipped } from "../core/outcome.ts";
import { withoutPrivate } from "../core/privacy.ts";
import { isLapsed, type Receipt } from "../core/receipt.ts";
import { lengthPrefixed } from "../core/request-id.ts";
import { retryInMs } from "../core/retry.ts";
import { afterRestore, claimRequest } from "./claim.ts";
import { found } from "./decide.ts";
import { sha256 } from "./digest.ts";
import { DEFAULT_TENANT } from "./identify.ts";
import { deniedBy, intake, startOf } from "./intake.ts";
import { payloadOf } from "./payload-of.ts";
import { unavailable } from "./perform.ts";
import { isUnavailable, persist } from "./persist.ts";
import { propose } from "./propose.ts";
import { keepLine, recordLateSuccess } from "./record-receipt.ts";
import { isMismatch } from "./replay.ts";
import type { Runtime } from "./runtime.ts";
import { step } from "./settle.ts";
import { settleDependents } from "./settle-dependents.ts";
import { storedResult } from "./stored-result.ts";
import { underKey } from "./under-key.ts";
import { endingOfOutcome, watchIfTold } from "./watch.ts";

/** For effects that somebody outside performs: claim, do it, complete. */
export interface ExternalClaims {
  /**
   * The right to perform it now; or what is known of it already.
   *
   * @throws OnceguardError for misuse, as `guard.execute` does
   */
  claim(action: string, payload: unknown, context?: ExternalContext): Promise<ExternalClaim | Outcome>;
  /** Keeps a claim. An outcome instead when it is lost: stop, if that is still possible. */
  renew(requestId: string, held: HeldClaim): Promise<ExternalClaim | Outcome>;
  /** It was done. A claim that was lost meanwhile makes it late evidence, which is never refused. */
  complete(requestId: string, held: HeldClaim & { readonly result?: unknown }): Promise<Outcome>;
  /** It certainly was not done, or nobody knows. */
  fail(requestId: string, held: HeldClaim & { readonly failure: ExternalFailure }): Promise<Outcome>;
}

export interface ExternalContext extends Omit<CallContext, "wait" | "signal" | "tx" | "expected"> {
  /** How long the claim lasts without renewal. Default 5 min, at most 24 h. */
  readonly lease?: Duration;
  /** The claimant's own token: the same claim asked again with it, because its answer was lost, is answered alike. */
  readonly claimToken?: string;
}

export interface ExternalClaim {
  readonly status: "claimed";
  readonly requestId: string;
  readonly fencingToken: number;
  /** To be sent downstream wherever the other side takes one. */
  readonly idempotencyKey: string;
  readonly leaseMs: number;
  readonly receipt: Receipt;
}

export interface HeldClaim {
  readonly fencingToken: number;
  readonly tenant?: string;
  readonly lease?: Duration;
}

export interface ExternalFailure extends Pick<Failure, "certainty" | "code" | "message"> {
  readonly tier?: Failure["tier"];
}

const DEFAULT_LEASE = "5m";
const LONGEST_LEASE_MS = 86_400_000;

/** @throws OnceguardError `invalid_action` for a definition that `externalAction` has not made */
export function externalClaims(
  runtime: Runtime,
  ready: () => Promise<void>,
  definitions: readonly AnyAction[],
): ExternalClaims {
  const known = new Map(definitions.map((definition) => [definition.name, definition]));
  for (const { name } of definitions.filter((definition) => !isExternal(definition))) {
    throw new OnceguardError(
      "invalid_action",
      `Action "${name}" is the guard's own to execute; it cannot be claimed.`,
      {
        action: name,
      },
    );
  }
  const named = (name: string): AnyAction => {
    const definition = known.get(name);
    if (definition) return definition;
    const names = [...known.keys()].sort().join(", ") || "none";
    throw new OnceguardError("unknown_action", `There is no action "${name}" to claim. Known: ${names}.`, {
      action: name,
    });
  };
  /** The record, if it is one of these: a request that the guard executes itself is not for others to complete. */
  const ours = async (requestId: string, { tenant = DEFAULT_TENANT }: HeldClaim): Promise<[Receipt, AnyAction]> => {
    await ready();
    const receipt = await found(runtime, tenant, requestId);
    return [receipt, named(receipt.action)];
  };
  return {
    claim: async (action, payload, context = {}) => {
      const definition = named(action);
      const leaseMs = leaseOf(context.lease);
      const work = async (traced: CallContext): Promise<ExternalClaim | Outcome> => {
        const valid = await propose(definition, payload, runtime.limits);
        const { identified, judgement } = intake(runtime, definition, valid, traced);
        const { requestId } = identified;
        if (judgement.verdict === "deny") return deniedBy(requestId, judgement.reasons.join("; "));
        try {
          await ready();
          const proposed = await underKey(runtime, identified);
          const start = startOf(runtime, proposed, judgement);
          const first = start.state === "running" ? { ...start, leaseMs } : start;
          return await claimOutside(runtime, proposed, first, leaseMs, tokenOf(runtime, proposed, context));
        } catch (error) {
          if (isUnavailable(error)) return unavailable(runtime, requestId, error.message);
          throw error;
        }
      };
      return watchIfTold(runtime, "claim", definition, context, work, endingOfOutcome);
    },
    renew: async (requestId, held) => {
      const [receipt] = await ours(requestId, held);
      return renewed(runtime, receipt, held.fencingToken, leaseOf(held.lease));
    },
    complete: async (requestId, { result, ...held }) => {
      const [receipt, definition] = await ours(requestId, held);
      const kept = storedResult(result, runtime.maxResultBytes, definition.privacy);
      const written = await settle(runtime, receipt, held.fencingToken, () => ({ type: "success", result: kept }));
      if (written !== null) return outcomeOf(written, "executed");
      const current = await found(runtime, receipt.tenant, receipt.requestId);
      // Asked again because the answer was lost: the same success, and no further evidence.
      if (current.state === "succeeded" && current.fencingToken === held.fencingToken) return outcomeOf(current);
      const of = { ...current, fencingToken: givenOut(current, held) };
      // Which key an earlier attempt was sent under is not known here: it must not pass for the current one's.
      return outcomeOf(await recordLateSuccess(runtime, of, current, kept, false));
    },
    fail: async (requestId, { failure, ...held }) => {
      const [receipt, definition] = await ours(requestId, held);
      const { tier = null, certainty, code, message } = failure;
      const said = withoutPrivate(
        { certainty, tier, code, message },
        definition.privacy,
        payloadOf(receipt) as JsonValue,
      );
      const written = await settle(runtime, receipt, held.fencingToken, (now) =>
        eventOf(runtime, now, definition, said),
      );
      if (written !== null) return outcomeOf(written);
      const current = await found(runtime, receipt.tenant, receipt.requestId);
      const of = { ...current, fencingToken: givenOut(current, held) };
      await keepLine(runtime, current, "late_failure", of, JSON.stringify({ failure: said }));
      return outcomeOf(current);
    },
  };
}

/** @throws OnceguardError `invalid_option` */
function leaseOf(lease: Duration = DEFAULT_LEASE): number {
  const ms = durationMs(lease, "lease");
  if (ms >= 1_000 && ms <= LONGEST_LEASE_MS) return ms;
  throw new OnceguardError("invalid_option", "A claim lasts at least 1 s and at most 24 h.", { option: "lease" });
}

/** Bound to who asks and for what, so that nobody comes into a claim by guessing a token. */
function tokenOf(runtime: Runtime, { tenant, requestId, actor }: Action, { claimToken }: ExternalContext): string {
  if (claimToken === undefined) return runtime.randomness.token();
  return sha256(lengthPrefixed(["onceguard/external-claim/v1", tenant, requestId, actor ?? "", claimToken]));
}

async function claimOutside(
  runtime: Runtime,
  action: Action,
  start: Start,
  leaseMs: number,
  ownerToken: string,
): Promise<ExternalClaim | Outcome> {
  const { requestId } = action;
  const ask = (from: Start) =>
    persist(runtime, runtime.storeTimeoutMs, () =>
      runtime.store.claim(claimRequest(runtime, action, from, ownerToken)),
    );
  let answer = await ask(start);
  if (answer.kind === "new_epoch") answer = await ask(afterRestore(answer));
  switch (answer.kind) {
    case "claimed":
      // Asked again after its lease was over: the claim is as good as lost, and its effect a question.
      if (isLapsed(answer.claim.receipt)) return followOutside(runtime, action, answer.claim.receipt, leaseMs);
      return granted(answer.claim.receipt);
    case "recorded":
      return followOutside(runtime, action, answer.receipt, leaseMs);
    case "exists":
      if (isMismatch(answer.receipt, action)) return mismatch(requestId);
      if (answer.halt) return halted(requestId, answer.halt, answer.receipt);
      return followOutside(runtime, action, answer.receipt, leaseMs);
    case "halted":
      return halted(requestId, answer.halt, null);
    case "skipped":
      return skipped(requestId, answer.earlier);
    case "busy":
      return notItsTurn(requestId, answer.recordId);
    case "new_epoch":
      throw new Error("a claim in a new epoch is asked again as a question");
  }
}

/** The steps that are due, until one of them makes the record ours or nothing more can be done now. */
async function followOutside(
  runtime: Runtime,
  { definition, requestId }: Action,
  receipt: Receipt,
  leaseMs: number,
): Promise<ExternalClaim | Outcome> {
  let current = receipt;
  for (;;) {
    // A question is asked when that is due, and not whenever somebody comes.
    if (current.state === "in_doubt" && (current.dueAt ?? 0) > current.readAt) return outcomeOf(current);
    const taken = await step(runtime, current, definition, false);
    if (taken.halt) return halted(requestId, taken.halt, taken.receipt);
    if (taken.claim) return renewed(runtime, taken.claim.receipt, taken.claim.receipt.fencingToken, leaseMs);
    if (!taken.moved) return outcomeOf(taken.receipt);
    current = taken.receipt;
  }
}

function granted(receipt: Receipt): ExternalClaim {
  const { tenant, requestId, generation, fencingToken, dueAt, readAt } = receipt;
  const key = idempotencyKey(sha256, tenant, requestId, generation);
  const leaseMs = Math.max(0, (dueAt ?? readAt) - readAt);
  return { status: "claimed", requestId, fencingToken, idempotencyKey: key, leaseMs, receipt };
}

/** The row count is the answer: a claim that is not ours any more is not extended. */
async function renewed(
  runtime: Runtime,
  receipt: Receipt,
  fencingToken: number,
  leaseMs: number,
): Promise<ExternalClaim | Outcome> {
  const { tenant, requestId } = receipt;
  const refused = await persist(runtime, runtime.storeTimeoutMs, () =>
    runtime.store.renew([{ tenant, requestId, fencingToken, leaseMs }]),
  );
  const current = await found(runtime, tenant, requestId);
  return refused.length === 0 && current.fencingToken === fencingToken ? granted(current) : outcomeOf(current);
}

/** Writes the outcome under its fence; null when the claim is no longer held. */
async function settle(
  runtime: Runtime,
  receipt: Receipt,
  fencingToken: number,
  eventFor: (receipt: Receipt) => LifecycleEvent,
): Promise<Receipt | null> {
  let current = receipt;
  while (current.fencingToken === fencingToken) {
    const change = transition(current, eventFor(current), runtime.randomness.token());
    if (isRefusal(change)) return null;
    const answer = await persist(runtime, runtime.graceMs, () => runtime.store.apply(change));
    if (answer.kind === "applied") {
      await settleDependents(runtime, answer.receipt);
      return answer.receipt;
    }
    if (answer.receipt === null) return null;
    current = answer.receipt;
  }
  return null;
}

/** As for an attempt of the guard's own; only that the next attempt waits until somebody claims it. */
function eventOf(runtime: Runtime, receipt: Receipt, { retry }: AnyAction, failure: Failure): LifecycleEvent {
  if (failure.certainty !== "definite") return { type: "indefinite", failure, nextInMs: 0 };
  const isTransient = failure.tier === "transient";
  const again = isTransient ? retryInMs(receipt, failure, retry, runtime.randomness.random()) : null;
  const reason = isTransient ? "retries_exhausted" : failure.tier;
  return { type: "definite_failure", failure, retryInMs: again, route: routeOf(failure.tier), reason };
}

/** @throws OnceguardError `version_conflict` for a token that was never given out */
function givenOut({ requestId, fencingToken }: Receipt, held: HeldClaim): number {
  if (held.fencingToken >= 1 && held.fencingToken <= fencingToken) return held.fencingToken;
  throw new OnceguardError(
    "version_conflict",
    `Request "${requestId}" has never been claimed with fencing token ${held.fencingToken}. Nothing was recorded.`,
    { requestId, expected: held.fencingToken, actual: fencingToken },
  );
}
