import { OnceguardError } from "../core/errors.ts";
import { idempotencyKey } from "../core/idempotency-key.ts";
import { isRefusal, type LifecycleEvent, transition } from "../core/lifecycle.ts";
import { lineOf } from "../core/log-line.ts";
import type { Receipt } from "../core/receipt.ts";
import { isTerminal } from "../core/receipt.ts";
import { problemWithName } from "../core/request-id.ts";
import { retryInMs } from "../core/retry.ts";
import { definitionFor } from "./compensation.ts";
import { found } from "./decide.ts";
import { sha256 } from "./digest.ts";
import { persist } from "./persist.ts";
import { flightKey, type Runtime } from "./runtime.ts";
import { settleDependents } from "./settle-dependents.ts";
import { storedResult } from "./stored-result.ts";
import { privacyOf } from "./under-key.ts";

/** What the outside world says of a request without having been asked. */
export interface GivenEvidence {
  readonly answer: "happened" | "did_not_happen";
  /** Who says so: `stripe webhook evt_1`. Kept in the log. */
  readonly source: string;
  /** With `happened`: the result that replays will answer. */
  readonly result?: unknown;
  /** The key the provider names. Without one the evidence is taken to speak of the newest attempts. */
  readonly idempotencyKey?: string;
  readonly tenant?: string;
}

/**
 * Late evidence (rows 17 and 18): settles what is open, and marks a contradiction to what is settled. Never refused:
 * whatever does not change the record is kept in its log.
 *
 * @throws OnceguardError `receipt_not_found` | `invalid_context`
 */
export async function takeEvidence(
  runtime: Runtime,
  tenant: string,
  requestId: string,
  given: GivenEvidence,
): Promise<Receipt> {
  check(given);
  let receipt = await found(runtime, tenant, requestId);
  for (;;) {
    const event = eventOf(runtime, receipt, given);
    const change = transition(receipt, event, runtime.randomness.token());
    if (isRefusal(change)) return receipt;
    const { next } = change;
    const isSettled = isTerminal(receipt.state) && next.state === receipt.state && next.conflict === receipt.conflict;
    if (isSettled) {
      const line = lineOf(receipt, event.type, { actor: given.source, detail: change.detail });
      await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.append(line));
      return receipt;
    }
    const answer = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.apply(change));
    if (answer.kind === "applied") await settleDependents(runtime, answer.receipt);
    if (answer.kind === "applied" || answer.receipt === null) return answer.receipt ?? receipt;
    receipt = answer.receipt;
  }
}

function eventOf(runtime: Runtime, receipt: Receipt, given: GivenEvidence): LifecycleEvent {
  const { source, idempotencyKey: key } = given;
  const current = idempotencyKey(sha256, receipt.tenant, receipt.requestId, receipt.generation);
  const sameKey = key === undefined || key === current;
  if (given.answer === "happened") {
    const result = storedResult(given.result, runtime.maxResultBytes, privacyOf(runtime, receipt.action));
    return { type: "late_success", fencingToken: null, result, sameKey, source };
  }
  // An answer about an earlier key says nothing about what may have been sent under the current one.
  if (receipt.state !== "in_doubt" || !sameKey) return { type: "late_denial", source, sameKey };
  const definition = definitionFor(runtime, receipt.action);
  // Of several attempts it is about one, and nobody can tell which: a reason to ask, and no answer.
  const isAboutAll = receipt.attemptNumber === 1 && !runtime.pending.has(flightKey(receipt.tenant, receipt.requestId));
  if (!isAboutAll) return { type: "probe_cannot_tell", nextInMs: 0, source };
  const again = definition ? retryInMs(receipt, receipt.failure, definition.retry, runtime.randomness.random()) : null;
  return { type: "probe_did_not_happen", retryInMs: again, source };
}

function check(given: GivenEvidence): void {
  const problem = problemWithName(given.source);
  if (problem !== null) {
    throw new OnceguardError("invalid_context", `The evidence's source is ${problem}.`, { what: "source", problem });
  }
  if (given.answer === "happened" || given.answer === "did_not_happen") return;
  throw new OnceguardError("invalid_context", "Evidence answers happened or did_not_happen.", { what: "answer" });
}
