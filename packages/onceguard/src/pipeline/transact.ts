import type { Action, AnyAction, EffectContext } from "../core/action.ts";
import type { Claim, Start } from "../core/claim.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Failure } from "../core/failure.ts";
import { isRefusal, transition } from "../core/lifecycle.ts";
import type { ClaimAnswer, StoreTransaction } from "../core/ports.ts";
import type { Receipt } from "../core/receipt.ts";
import { claimRequest } from "./claim.ts";
import { effectContext, failureOf, unexpected } from "./execute.ts";
import { type Executed, payloadFor } from "./payload-of.ts";
import { isUnavailable, persist } from "./persist.ts";
import { recordReceipt } from "./record-receipt.ts";
import { readAfter, stateText } from "./record-state.ts";
import { revocable } from "./revocable.ts";
import type { Runtime } from "./runtime.ts";
import { storedResult } from "./stored-result.ts";
import { endingOfFailure, HAPPENED } from "./watch.ts";

/** An effect that has been made, or certainly has not, in one transaction with its record. */
export interface Done {
  readonly kind: "done";
  readonly receipt: Receipt;
}

/** What an effect in a transaction gave, between two looks at its record. */
interface Made {
  readonly value: unknown;
  readonly before: string | null;
  readonly after: string | null;
}

/** Undoes the transaction; what the effect threw is a definite failure, because everything it wrote is undone with it. */
class Undone extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Undoes the transaction: the record has moved on meanwhile, and its new owner makes the effect. */
class Stale extends Error {
  readonly receipt: Receipt;

  constructor(receipt: Receipt) {
    super("the claim was lost");
    this.receipt = receipt;
  }
}

/** Claim, effect and receipt as one commit; in the caller's own transaction where the call brings one along. */
export async function performInTransaction(
  runtime: Runtime,
  action: Action,
  start: Start,
): Promise<ClaimAnswer | Done> {
  const { definition, tenant, requestId } = action;
  const request = {
    ...claimRequest(runtime, action, start, runtime.randomness.token()),
    marked: action.tx !== undefined,
  };
  const first = async (transaction: StoreTransaction): Promise<ClaimAnswer | Done> => {
    const answer = await transaction.claim(request);
    if (answer.kind !== "claimed") return answer;
    return { kind: "done", receipt: await effectIn(runtime, transaction, answer.claim, action, action.tx) };
  };
  if (action.tx !== undefined) return joined(runtime, action, first);
  try {
    return await transacting(runtime, definition)(first);
  } catch (error) {
    if (error instanceof Undone) return recordUndone(runtime, request, definition, error.failure);
    if (!isUnavailable(error)) throw error;
    // Whether it was committed is in the store, as one fact: the record is there with its success, or nothing is.
    const found = await persist(runtime, runtime.graceMs, () => runtime.store.find(tenant, requestId));
    if (found) return { kind: "exists", receipt: found, halt: null };
    throw error;
  }
}

async function joined(
  runtime: Runtime,
  action: Action,
  first: (transaction: StoreTransaction) => Promise<ClaimAnswer | Done>,
): Promise<ClaimAnswer | Done> {
  const transaction = joinedTransaction(runtime, action.tx);
  try {
    return await first(transaction);
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
    // The transaction is the caller's, and so is what becomes of it. It must not be committed half done.
    throw new OnceguardError(
      "effect_failed",
      `The effect of action "${action.definition.name}" failed inside your transaction: ${error.failure.message}. Roll it back; nothing of this request is then recorded.`,
      { action: action.definition.name, failure: error.failure },
      { cause: error },
    );
  }
}

/** A further attempt, whose claim is committed already: effect and receipt are one commit under its fence. */
export async function attemptInTransaction(
  runtime: Runtime,
  claim: Claim,
  action: Executed,
  askedAt: number,
): Promise<Receipt> {
  const { definition } = action;
  const lease = runtime.leases.hold(claim, askedAt, () => undefined);
  try {
    return await transacting(
      runtime,
      definition,
    )((transaction) => effectIn(runtime, transaction, claim, action, undefined));
  } catch (error) {
    if (error instanceof Stale) return error.receipt;
    if (error instanceof Undone) {
      return await recordReceipt(runtime, claim, definition, { kind: "failure", failure: error.failure });
    }
    throw error;
  } finally {
    runtime.leases.release(lease);
  }
}

/** The effect, then its success under the claim's fence; anything else undoes both. */
async function effectIn(
  runtime: Runtime,
  transaction: StoreTransaction,
  claim: Claim,
  action: Executed,
  own: unknown,
): Promise<Receipt> {
  const { receipt } = claim;
  const watched = runtime.telemetry?.effect(receipt);
  const handle = own ?? transaction.handle;
  let made: Made;
  try {
    made = await (watched
      ? watched.within(() => call(runtime, receipt, action, handle, own === undefined))
      : call(runtime, receipt, action, handle, own === undefined));
    watched?.end(HAPPENED);
  } catch (error) {
    watched?.end(error instanceof Undone ? endingOfFailure(error.failure) : { answer: "cannot_tell", failure: null });
    throw error;
  }
  const result = storedResult(made.value, runtime.maxResultBytes, action.definition.privacy);
  const { before, after } = made;
  const change = transition(claim.receipt, { type: "success", result, before, after }, claim.ownerToken);
  if (isRefusal(change)) throw new Stale(claim.receipt);
  const answer = await transaction.apply(change);
  if (answer.kind === "applied") return answer.receipt;
  throw new Stale(answer.receipt ?? claim.receipt);
}

/** The action's code with `ctx.tx`. Past its time limit the handle is dead: what it still writes must not be kept. */
async function call(
  runtime: Runtime,
  receipt: Receipt,
  action: Executed,
  handle: unknown,
  isOurs: boolean,
): Promise<Made> {
  const { definition } = action;
  const controller = new AbortController();
  const tx = isOurs ? revocable(handle) : { handle, revoke: () => undefined };
  let cancel: () => void = () => undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = runtime.clock.after(definition.timeoutMs, () => {
      controller.abort();
      reject(new Undone({ ...TOO_LATE, message: `No end within ${definition.timeoutMs} ms; everything was undone.` }));
    });
  });
  try {
    const context = { ...effectContext(receipt, controller.signal), tx: tx.handle };
    return await Promise.race([madeIn(runtime, receipt, action, context), late]);
  } catch (error) {
    if (error instanceof Undone) throw error;
    const failure = failureOf(error, action, receipt);
    throw new Undone({ ...failure, certainty: "definite" });
  } finally {
    cancel();
    tx.revoke();
  }
}

/** The effect between two looks at its record, all of them in the transaction. */
async function madeIn(runtime: Runtime, receipt: Receipt, action: Executed, context: EffectContext) {
  const { definition } = action;
  let before: string | null = null;
  if (definition.before) {
    const read: unknown = await definition.before(payloadFor(action, receipt), context);
    const failure = unexpected(receipt, action, read);
    if (failure) throw new Undone(failure);
    const state = stateText(read, runtime.maxResultBytes, definition.privacy);
    before = "json" in state ? state.json : null;
  }
  const value: unknown = await definition.execute(payloadFor(action, receipt), context);
  return { value, before, after: await readAfter(runtime, action, receipt, context, value) };
}

const TOO_LATE = { certainty: "definite", tier: "transient", code: "timeout" } as const;

/** After the rollback: that it was tried, and what came of it, so that retries and reviews work as everywhere. */
async function recordUndone(
  runtime: Runtime,
  request: ReturnType<typeof claimRequest>,
  definition: AnyAction,
  failure: Failure,
): Promise<ClaimAnswer | Done> {
  const answer = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.claim(request));
  if (answer.kind !== "claimed") return answer;
  return {
    kind: "done",
    receipt: await recordReceipt(runtime, answer.claim, definition, { kind: "failure", failure }),
  };
}

function transacting(runtime: Runtime, definition: AnyAction) {
  const { store } = runtime;
  if (store.transact) return store.transact.bind(store);
  throw unsupported(store.name, `action "${definition.name}" has transaction: true`);
}

/** @throws OnceguardError `transaction_unsupported` | `invalid_option` */
export function joinedTransaction(runtime: Runtime, handle: unknown): StoreTransaction {
  const { store } = runtime;
  if (store.join) return store.join(handle);
  throw unsupported(store.name, "the call brings a transaction along");
}

function unsupported(store: string, what: string): OnceguardError {
  return new OnceguardError(
    "transaction_unsupported",
    `The store ${store} has no transactions to share, and ${what}. Use sqliteStore or postgresStore.`,
    { store },
  );
}
