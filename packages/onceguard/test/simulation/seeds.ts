import { replayLine } from "./replay-line.ts";
import { simulate } from "./simulate.ts";

/** How many seeds `npm test` runs in all; each of the files `seeds-<n>.test.ts` takes its part. */
const SEEDS = 10_000;
export const PARTS = 4;

/** What is wrong with these histories, each with the line that shows it: nothing, it is to be hoped. */
export async function brokenSeeds(part: number): Promise<readonly string[]> {
  const size = SEEDS / PARTS;
  const broken: string[] = [];
  for (let seed = part * size; seed < (part + 1) * size && broken.length < 5; seed++) {
    const { violation } = await simulate(seed);
    if (violation !== null) broken.push(`seed ${seed}: ${violation}\n  ${replayLine(seed)}`);
  }
  return broken;
}

/** On a machine that is busy with other things, too. */
export const LONGEST_MS = 300_000;
