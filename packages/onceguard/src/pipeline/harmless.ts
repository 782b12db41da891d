import { problemWithName } from "../core/request-id.ts";
import type { Telemetry, Watched, WatchedCall } from "../core/telemetry.ts";

type Result<T> = { readonly value: T } | { readonly thrown: unknown };

/**
 * A telemetry that can do no harm: nothing it throws reaches a caller, and what it is to run is run once, whatever it
 * does. What goes wrong is reported the first time only.
 */
export function harmless(telemetry: Telemetry, report: (error: unknown) => void): Telemetry {
  let isReported = false;
  const safely = <T>(work: () => T, otherwise: T): T => {
    try {
      return work();
    } catch (error) {
      if (!isReported) {
        isReported = true;
        safely(() => report(error), undefined);
      }
      return otherwise;
    }
  };
  const runOnce = <T>(run: (work: () => T) => T, work: () => T): T => {
    let result: Result<T> | undefined;
    const once = (): Result<T> => {
      result ??= resultOf(work);
      return result;
    };
    safely(() => {
      run(() => {
        const done = once();
        return ("value" in done ? done.value : undefined) as T;
      });
    }, undefined);
    const done = once();
    if ("thrown" in done) throw done.thrown;
    return done.value;
  };
  const watched = <Ending>(given: Watched<Ending>): Watched<Ending> => ({
    within: (work) => runOnce((once) => given.within(once), work),
    end: (ending) => safely(() => given.end(ending), undefined),
  });
  const begin = <Ending>(begun: () => Watched<Ending>): Watched<Ending> => watched(safely(begun, UNWATCHED));
  return {
    call: (beginning) => {
      const call = safely<WatchedCall>(() => telemetry.call(beginning), UNWATCHED);
      const traceId = safely(() => call.traceId, null) ?? null;
      // The guard refuses other text in a caller's context, and this is not the caller's fault.
      return { ...watched(call), traceId: problemWithName(traceId) === null ? traceId : null };
    },
    carryOn: (receipt) => begin(() => telemetry.carryOn(receipt)),
    effect: (effect) => begin(() => telemetry.effect(effect)),
    probe: (receipt) => begin(() => telemetry.probe(receipt)),
    store: (store, verb) => begin(() => telemetry.store(store, verb)),
    open: (requests) => safely(() => telemetry.open(requests), undefined),
    outside: (work) => runOnce((once) => telemetry.outside(once), work),
  };
}

/** What could not begin. */
const UNWATCHED = { within: <T>(work: () => T) => work(), end: () => undefined, traceId: null };

function resultOf<T>(work: () => T): Result<T> {
  try {
    return { value: work() };
  } catch (thrown) {
    return { thrown };
  }
}
