/** What one contender did at one concurrency. */
export interface Measurement {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One thing to be timed: `prepare` once per run, then `operation` over and over by every caller. */
export interface Contender {
  readonly name: string;
  operation(n: number): Promise<unknown>;
}

/** Closed loop: `callers` callers, each with one operation under way, for `ms` milliseconds after a short warm-up. */
export async function measure(contender: Contender, callers: number, ms: number): Promise<Measurement> {
  await loop(contender, callers, ms / 5);
  const latencies = await loop(contender, callers, ms);
  latencies.durations.sort((a, b) => a - b);
  const at = (quantile: number): number =>
    latencies.durations[Math.min(latencies.durations.length - 1, Math.floor(latencies.durations.length * quantile))] ??
    Number.NaN;
  return {
    perSecond: latencies.durations.length / (latencies.elapsedMs / 1_000),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

let sequence = 0;

async function loop(
  contender: Contender,
  callers: number,
  ms: number,
): Promise<{ durations: number[]; elapsedMs: number }> {
  const durations: number[] = [];
  const start = performance.now();
  const end = start + ms;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let before = performance.now(); before < end; ) {
        await contender.operation(sequence++);
        const after = performance.now();
        durations.push(after - before);
        before = after;
      }
    }),
  );
  return { durations, elapsedMs: performance.now() - start };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Medians over the runs of one contender. */
export function summarise(runs: readonly Measurement[]): Measurement {
  return {
    perSecond: median(runs.map((run) => run.perSecond)),
    p50Ms: median(runs.map((run) => run.p50Ms)),
    p99Ms: median(runs.map((run) => run.p99Ms)),
  };
}
