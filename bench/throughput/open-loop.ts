import { type Contender, nextNumber, quantile } from "./measure.ts";

/** What one contender did under arrivals that did not wait for it. */
export interface OpenMeasurement {
  /** Arrivals per second, as intended. */
  readonly rate: number;
  /** Completions per second, until the last arrival was answered: below the rate, it did not keep up. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/**
 * Open loop: an operation begins every 1/`rate` seconds, whether the earlier ones are done or not, and its latency counts
 * from the moment when it was meant to begin. A closed loop stops asking while it waits, and so leaves out just the
 * operations that a stall would have met (coordinated omission).
 */
export async function measureOpen(contender: Contender, rate: number, ms: number): Promise<OpenMeasurement> {
  await arrivals(contender, rate, ms / 5);
  const { latencies, elapsedMs } = await arrivals(contender, rate, ms);
  latencies.sort();
  const sorted = [...latencies];
  return {
    rate,
    perSecond: latencies.length / (elapsedMs / 1_000),
    p50Ms: quantile(sorted, 0.5),
    p90Ms: quantile(sorted, 0.9),
    p99Ms: quantile(sorted, 0.99),
    p999Ms: quantile(sorted, 0.999),
    maxMs: sorted.at(-1) ?? Number.NaN,
  };
}

async function arrivals(
  { operation }: Contender,
  rate: number,
  ms: number,
): Promise<{ latencies: Float64Array; elapsedMs: number }> {
  const count = Math.max(1, Math.floor((rate * ms) / 1_000));
  const latencies = new Float64Array(count);
  const pending: Promise<void>[] = [];
  const start = performance.now();
  const intended = (n: number): number => start + (n * 1_000) / rate;
  for (let n = 0; n < count; ) {
    for (; n < count && intended(n) <= performance.now(); n++) pending.push(arrive(n));
    await turn(intended(n) - performance.now());
  }
  await Promise.all(pending);
  return { latencies, elapsedMs: performance.now() - start };

  async function arrive(n: number): Promise<void> {
    await operation(nextNumber());
    latencies[n] = performance.now() - intended(n);
  }
}

/** Timers are a millisecond late: what is due sooner is waited for turn by turn. */
function turn(ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (ms > 2) setTimeout(resolve, ms - 2);
    else setImmediate(resolve);
  });
}
