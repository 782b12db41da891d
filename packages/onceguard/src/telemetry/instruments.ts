import { type Counter, type Gauge, type Histogram, type Meter, type MeterProvider, metrics } from "@opentelemetry/api";
import { METRIC } from "./semantic-conventions.ts";

/** From a few milliseconds to minutes, as the GenAI conventions advise. */
const CALL_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const STORE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Instruments {
  readonly executions: Counter;
  readonly replays: Counter;
  readonly duplicatesPrevented: Counter;
  readonly inDoubt: Gauge;
  readonly reviewsOpen: Gauge;
  readonly reconcileAge: Gauge;
  readonly effectDuration: Histogram;
  readonly storeDuration: Histogram;
  readonly toolDuration: Histogram;
}

/** Made anew when another provider is registered: instruments, unlike tracers, do not wait for theirs. */
export function instruments(scope: string, version: string, given: MeterProvider | undefined): () => Instruments {
  let made: { readonly provider: MeterProvider; readonly instruments: Instruments } | null = null;
  return () => {
    const provider = given ?? metrics.getMeterProvider();
    if (made?.provider !== provider) made = { provider, instruments: create(provider.getMeter(scope, version)) };
    return made.instruments;
  };
}

function create(meter: Meter): Instruments {
  const seconds = (description: string, explicitBucketBoundaries: number[]) => ({
    description,
    unit: "s",
    advice: { explicitBucketBoundaries },
  });
  const counted = (description: string, what: string) => ({ description, unit: `{${what}}` });
  return {
    executions: meter.createCounter(METRIC.executions, counted("Requests whose effect was made.", "request")),
    replays: meter.createCounter(METRIC.replays, counted("Calls answered from a stored receipt.", "call")),
    duplicatesPrevented: meter.createCounter(
      METRIC.duplicatesPrevented,
      counted("Calls that would have made an effect again: replayed, skipped, or already under way.", "call"),
    ),
    inDoubt: meter.createGauge(METRIC.inDoubt, counted("Requests whose effect may have happened.", "request")),
    reviewsOpen: meter.createGauge(METRIC.reviewsOpen, counted("Requests that wait for a person.", "request")),
    reconcileAge: meter.createGauge(METRIC.reconcileAge, {
      description: "How long the oldest request in doubt has been so.",
      unit: "s",
    }),
    effectDuration: meter.createHistogram(
      METRIC.effectDuration,
      seconds("Time from an effect's dispatch to its answer, or to when nobody waits for it any more.", CALL_SECONDS),
    ),
    storeDuration: meter.createHistogram(METRIC.storeDuration, seconds("Time of one store call.", STORE_SECONDS)),
    toolDuration: meter.createHistogram(METRIC.toolDuration, seconds("Time of one guarded call.", CALL_SECONDS)),
  };
}
