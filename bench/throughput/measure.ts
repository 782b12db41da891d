import { cpuTime } from "./cpu-time.ts";

/** What one contender did at one concurrency. */
export interface Measurement {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time per operation of this process, in microseconds; null where it was not this process that did it. */
  readonly clientMicros: number | null;
  /** Likewise of the database's processes; null without one, and where there is no /proc. */
  readonly serverMicros: number | null;
}

/** One thing to be timed. */
export interface Contender {
  readonly name: string;
  operation(n: number): Promise<unknown>;
}

/** Closed loop: `callers` callers, each with one operation under way, for `ms` milliseconds after a short warm-up. */
export async function measure(
  contender: Contender,
  callers: number,
  ms: number,
  server: number | null = null,
): Promise<Measurement> {
  await loop(contender, callers, ms / 5);
  const before = cpuTime(server);
  const { durations, elapsedMs } = await loop(contender, callers, ms);
  const after = cpuTime(server);
  const micros = (from: number | null, to: number | null): number | null =>
    from === null || to === null ? null : (1_000 * (to - from)) / durations.length;
  durations.sort((a, b) => a - b);
  return {
    perSecond: durations.length / (elapsedMs / 1_000),
    p50Ms: quantile(durations, 0.5),
    p99Ms: quantile(durations, 0.99),
    clientMicros: micros(before.clientMs, after.clientMs),
    serverMicros: micros(before.serverMs, after.serverMs),
  };
}

let sequence = 0;

/** A number that no other operation of this run has. */
export function nextNumber(): number {
  return sequence++;
}

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
        await contender.operation(nextNumber());
        const after = performance.now();
        durations.push(after - before);
        before = after;
      }
    }),
  );
  return { durations, elapsedMs: performance.now() - start };
}

/** @param sorted ascending. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
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
  const of = (pick: (run: Measurement) => number): number => median(runs.map(pick));
  const orNull = (pick: (run: Measurement) => number | null): number | null =>
    runs.some((run) => pick(run) === null) ? null : of((run) => pick(run) as number);
  return {
    perSecond: of((run) => run.perSecond),
    p50Ms: of((run) => run.p50Ms),
    p99Ms: of((run) => run.p99Ms),
    clientMicros: orNull((run) => run.clientMicros),
    serverMicros: orNull((run) => run.serverMicros),
  };
}
