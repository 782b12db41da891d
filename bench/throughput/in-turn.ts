import { type Contender, type Measurement, measure, median } from "./measure.ts";
import type { Settings } from "./settings.ts";

/** A contender, or what measures itself (pgbench is a program of its own). */
export interface Timed {
  readonly name: string;
  measure(callers: number): Promise<Measurement>;
}

export function timed(contender: Contender, settings: Settings, server: number | null = null): Timed {
  return {
    name: contender.name,
    measure: (callers) => measure(contender, callers, settings.seconds * 1_000, server),
  };
}

/**
 * Each of them in turn, over and over, so that a machine that slows down slows all; and nobody is always the one after the
 * same. One list of runs per contender, in the order given.
 */
export async function inTurn(
  contenders: readonly Timed[],
  callers: number,
  settings: Settings,
): Promise<readonly (readonly Measurement[])[]> {
  const runs = contenders.map((): Measurement[] => []);
  for (let run = 0; run < settings.runs; run++) {
    for (let n = 0; n < contenders.length; n++) {
      const at = (n + run) % contenders.length;
      runs[at]?.push(await (contenders[at] as Timed).measure(callers));
    }
  }
  return runs;
}

/** How many times as much as the other: the median of the ratios of neighbouring runs. */
export function ratio(
  ours: readonly Measurement[],
  theirs: readonly Measurement[],
  of: (run: Measurement) => number = (run) => run.perSecond,
): number {
  return median(ours.map((run, n) => of(run) / of(theirs[n] as Measurement)));
}
