import type { Action, AnyAction } from "../core/action.ts";
import { type Attribution, attributionOf } from "../core/attribution.ts";
import { type Outcome, outcomeOf } from "../core/outcome.ts";
import type { Receipt } from "../core/receipt.ts";
import { attempt } from "./attempt.ts";
import type { LastKnown } from "./begin.ts";
import { definitionToCarryOn, knownNames, settleCompensation } from "./compensation.ts";
import { settleCase } from "./finality.ts";
import { lookAtOpen } from "./look-at-open.ts";
import { nextCause } from "./next-cause.ts";
import { isUnavailable } from "./persist.ts";
import { flightKey, goOn, type InFlight, type Runtime } from "./runtime.ts";
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

/** Read per query, and settled side by side: a slow provider must not hold up the others. */
const BATCH = 64;

/**
 * One pass of the sweeper: takes every step that is due. Any number of processes may run it at the same time, on the
 * same requests: each step is one compare-and-set.
 */
export async function reconcileDue(runtime: Runtime): Promise<Reconciliation> {
  await recordSpilled(runtime);
  const moved = new Map<string, Receipt>();
  const left = new Map<string, Receipt>();
  for (;;) {
    const due = await runtime.store.due({ actions: knownNames(runtime), limit: BATCH });
    const fresh = due.filter((receipt) => {
      const key = flightKey(receipt.tenant, receipt.requestId);
      return !left.has(key) && !runtime.inFlight.has(key) && moved.get(key)?.version !== receipt.version;
    });
    if (fresh.length === 0 || runtime.closing.aborted) return { moved: [...moved.values()], left: [...left.values()] };
    await Promise.all(
      fresh.map(async (receipt) => {
        const key = flightKey(receipt.tenant, receipt.requestId);
        const after = await reconcileOne(runtime, receipt, true);
        if (after.version > receipt.version) moved.set(key, after);
        else left.set(key, after);
      }),
    );
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
  const flight: InFlight = {
    fingerprint: receipt.fingerprint,
    // Whoever joins it hears the last thing known when the store goes away; the failure itself is thrown below.
    outcome: work.then(outcomeOf, (error: unknown): Outcome => {
      if (isUnavailable(error)) return outcomeOf(known.receipt);
      throw error;
    }),
  };
  flight.outcome.catch(() => undefined);
  runtime.inFlight.set(key, flight);
  try {
    return await work;
  } finally {
    runtime.inFlight.delete(key);
  }
}

async function steps(runtime: Runtime, known: LastKnown, giveUp: boolean): Promise<Receipt> {
  const definition = definitionToCarryOn(runtime, known.receipt.action);
  for (;;) {
    const askedAt = runtime.clock.monotonicMs();
    const taken = await step(runtime, known.receipt, definition, giveUp, sweepersAttribution(known));
    known.receipt = taken.receipt;
    if (taken.claim && definition) {
      known.attempted = taken.claim.receipt.fencingToken;
      const made = await attempt(runtime, taken.claim, actionOf(taken.receipt, definition), askedAt);
      if ("status" in made) return taken.receipt;
      known.receipt = made;
    }
    const { receipt } = known;
    // By whatever way: a probe, late evidence, an attempt of its own.
    if (taken.moved && receipt.state === "succeeded" && receipt.caseId !== null) await settleCase(runtime, receipt);
    if (taken.moved) await settleCompensation(runtime, receipt);
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

/** Runs `reconcileDue` every `everyMs` until the guard closes. A store that is away is asked again next time. */
export function startSweeper(runtime: Runtime, everyMs: number): () => void {
  let running = false;
  return runtime.clock.every(everyMs, () => {
    if (running || runtime.closing.aborted) return;
    running = true;
    // What a pass finds out is told in the same pass.
    const sweep = () =>
      reconcileDue(runtime)
        .then(() => tellPeople(runtime))
        .then(() => lookAtOpen(runtime));
    const { telemetry } = runtime;
    // Timers remember the trace of whoever started them, and no pass belongs to that.
    const pass = (telemetry === null ? sweep() : telemetry.outside(sweep)).finally(() => {
      running = false;
    });
    // A store that is away is asked again next time.
    goOn(
      runtime,
      runtime.background,
      pass.catch((error: unknown) => {
        if (!isUnavailable(error)) throw error;
      }),
    );
  });
}
