import type { Action, AnyAction } from "../core/action.ts";
import { type Attribution, attributionOf } from "../core/attribution.ts";
import { type Outcome, outcomeOf } from "../core/outcome.ts";
import type { Receipt } from "../core/receipt.ts";
import { attempt } from "./attempt.ts";
import type { LastKnown } from "./begin.ts";
import { definitionFor, definitionToCarryOn, knownNames } from "./compensation.ts";
import { Flight } from "./flight.ts";
import { leftByCallers } from "./left-by-callers.ts";
import { lookAtOpen } from "./look-at-open.ts";
import { nextCause } from "./next-cause.ts";
import { isUnavailable } from "./persist.ts";
import { flightKey, goOn, type Runtime } from "./runtime.ts";
import { step } from "./settle.ts";
import { recordSpilled } from "./spill.ts";
import { tellPeople } from "./tell-people.ts";
import { watchCarryOn } from "./watch.ts";

/** What one pass over everything due did. */
export interface Reconciliation {
  /** Requests whose step was taken, as they then stood. */
  readonly moved: readonly Receipt[];
  /** Requests that were due and could not be moved: their action is not registered here, or somebody else has them. */
  readonly left: readonly Receipt[];
}

/** Read per query, and at most so many at work at a time. */
const BATCH = 64;
/** What takes longer is not waited for before more is read: a slow provider must not hold up the others. */
const SLOW_MS = 1_000;

/**
 * One pass of the sweeper: takes every step that is due, and waits until all are done. Any number of processes may run it
 * at the same time, on the same requests: each step is one compare-and-set.
 */
export async function reconcileDue(runtime: Runtime): Promise<Reconciliation> {
  const pass = await takeDue(runtime, new Set(), Number.POSITIVE_INFINITY);
  return { moved: [...pass.moved.values()], left: [...pass.left.values()] };
}

interface Pass {
  readonly moved: Map<string, Receipt>;
  readonly left: Map<string, Receipt>;
}

/** Takes every step that is due, and waits for each for `patienceMs`: what is slower is still `atWork` when it returns. */
async function takeDue(runtime: Runtime, atWork: Set<Promise<unknown>>, patienceMs: number): Promise<Pass> {
  await recordSpilled(runtime);
  const pass: Pass = { moved: new Map(), left: new Map() };
  const isFresh = (receipt: Receipt): boolean => {
    const key = flightKey(receipt.tenant, receipt.requestId);
    return !pass.left.has(key) && !runtime.inFlight.has(key) && pass.moved.get(key)?.version !== receipt.version;
  };
  const takeAll = async (due: readonly Receipt[]): Promise<number> => {
    const fresh = due.filter(isFresh);
    const batch: Promise<void>[] = [];
    for (const receipt of fresh) {
      while (atWork.size >= BATCH) await Promise.race(atWork);
      const work = take(runtime, receipt, pass).finally(() => atWork.delete(work));
      work.catch(() => undefined); // of a slow one nobody may hear any more; the store keeps the question
      atWork.add(work);
      batch.push(work);
    }
    await orAfter(runtime, patienceMs, Promise.all(batch));
    return fresh.length;
  };
  // What cannot be moved stays the first of what is due, and must not hide what comes after it.
  for (let stuck = 0; ; ) {
    const limit = BATCH + stuck;
    const due = await runtime.store.due({ actions: knownNames(runtime), limit });
    if (runtime.closing.aborted) break;
    const taken = await takeAll(due);
    if (taken === 0 && due.length < limit) break;
    stuck = due.length - taken;
  }
  if (!runtime.closing.aborted) await takeAll(await leftByCallers(runtime, BATCH));
  return pass;
}

async function take(runtime: Runtime, receipt: Receipt, { moved, left }: Pass): Promise<void> {
  const key = flightKey(receipt.tenant, receipt.requestId);
  const after = await reconcileOne(runtime, receipt, true).catch((error: unknown) => {
    // A policy or a schema that throws at this one must not keep all the others waiting.
    if (isUnavailable(error)) throw error;
    runtime.report(error);
    return receipt;
  });
  if (after.version > receipt.version) moved.set(key, after);
  else left.set(key, after);
}

async function orAfter(runtime: Runtime, ms: number, work: Promise<unknown>): Promise<void> {
  if (ms === Number.POSITIVE_INFINITY) return void (await work);
  const enough = Promise.withResolvers<void>();
  const cancel = runtime.clock.after(ms, enough.resolve);
  try {
    await Promise.race([work, enough.promise]);
  } finally {
    cancel();
  }
}

/** Takes the steps of one record that are due now; executes where that is the step. */
export async function reconcileOne(runtime: Runtime, receipt: Receipt, giveUp: boolean): Promise<Receipt> {
  const key = flightKey(receipt.tenant, receipt.requestId);
  if (runtime.inFlight.has(key)) return receipt;
  const known: LastKnown = { receipt, attempted: null };
  const { telemetry } = runtime;
  const work =
    telemetry === null
      ? steps(runtime, known, giveUp)
      : watchCarryOn(telemetry, receipt, () => steps(runtime, known, giveUp));
  // Whoever joins it hears the last thing known when the store goes away; the failure itself is thrown below.
  const outcome = work.then(outcomeOf, (error: unknown): Outcome => {
    if (isUnavailable(error)) return outcomeOf(known.receipt);
    throw error;
  });
  runtime.inFlight.set(key, new Flight(runtime.clock, receipt.fingerprint, outcome));
  try {
    return await work;
  } finally {
    runtime.inFlight.delete(key);
  }
}

async function steps(runtime: Runtime, known: LastKnown, giveUp: boolean): Promise<Receipt> {
  const { action } = known.receipt;
  const carriedOn = definitionToCarryOn(runtime, action);
  const definition = carriedOn ?? runtime.settledOnly.get(action) ?? definitionFor(runtime, action);
  const executes = carriedOn !== null;
  for (;;) {
    const askedAt = runtime.clock.monotonicMs();
    const taken = await step(runtime, known.receipt, definition, giveUp, sweepersAttribution(known), executes);
    known.receipt = taken.receipt;
    if (taken.claim && definition) {
      known.attempted = taken.claim.receipt.fencingToken;
      const made = await attempt(runtime, taken.claim, actionOf(taken.receipt, definition), askedAt);
      if ("status" in made) return taken.receipt;
      known.receipt = made;
    }
    const { receipt } = known;
    const isDue = receipt.dueAt !== null && receipt.dueAt <= receipt.readAt;
    if (!taken.moved || !isDue || receipt.state === "review") return receipt;
  }
}

/** Nobody waits for it: a guard carries it on, or a person wanted it tried again. */
function sweepersAttribution({ receipt, attempted }: LastKnown): Attribution {
  return attributionOf(receipt, nextCause(receipt, attempted === null ? "sweeper" : "same_process"));
}

/** The action as its record has it: what was validated and identified then is what runs now. */
function actionOf(receipt: Receipt, definition: AnyAction): Action {
  const canonical = receipt.payload ?? "null";
  const boundTo = receipt.caseId === null ? null : { id: receipt.caseId, outcome: receipt.hold?.outcome ?? null };
  return {
    ...receipt,
    definition,
    canonical,
    recorded: canonical,
    payload: JSON.parse(canonical),
    boundTo,
    cause: null,
    tx: undefined,
  };
}

/** Runs `reconcileDue` every `everyMs` until the guard closes, and tells people beside it. */
export function startSweeper(runtime: Runtime, everyMs: number): () => void {
  const atWork = new Set<Promise<unknown>>();
  let running = false;
  let telling = false;
  const tell = (): void => {
    if (telling) return;
    telling = true;
    const told = tellPeople(runtime).finally(() => {
      telling = false;
    });
    goOn(runtime, runtime.background, unlessAway(told));
  };
  return runtime.clock.every(everyMs, () => {
    if (running || runtime.closing.aborted) return;
    running = true;
    // What a pass finds out is told at once. Nobody waits for that: people are slow to reach, and retries are due.
    const sweep = () =>
      takeDue(runtime, atWork, SLOW_MS)
        .then(tell)
        .then(() => lookAtOpen(runtime));
    const { telemetry } = runtime;
    // Timers remember the trace of whoever started them, and no pass belongs to that.
    const pass = (telemetry === null ? sweep() : telemetry.outside(sweep)).finally(() => {
      running = false;
    });
    goOn(runtime, runtime.background, unlessAway(pass));
  });
}

/** A store that is away is asked again next time. */
async function unlessAway(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isUnavailable(error)) throw error;
  }
}
