/**
 * Simulated histories of the guard, each from its seed: the same seed gives the same history, to the last step.
 *
 *   npx node packages/onceguard/test/simulation/run.ts [--seeds 1000000] [--from 0] [--jobs 2] [--failures 5] [--counts]
 *   npx node packages/onceguard/test/simulation/run.ts --seed 4711 [--trace]
 *
 * Ends with 1 when a rule was broken, and after so many `failures`. Progress goes to stderr; `--counts` tells how often
 * what has happened.
 */
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { replayLine } from "./replay-line.ts";
import { simulate } from "./simulate.ts";

/** Seeds per message: a worker that is done with them is given the next. */
const BATCH = 250;

interface Batch {
  readonly from: number;
  readonly until: number;
  /** Enough failures to stop at. */
  readonly failures: number;
}

interface Found {
  readonly seeds: number;
  readonly steps: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly violations: readonly (readonly [seed: number, what: string])[];
}

async function runBatch({ from, until, failures }: Batch): Promise<Found> {
  const counts = new Map<string, number>();
  const violations: [number, string][] = [];
  let steps = 0;
  let seed = from;
  for (; seed < until && violations.length < failures; seed++) {
    const simulated = await simulate(seed);
    steps += simulated.steps;
    for (const [what, count] of simulated.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    if (simulated.violation !== null) violations.push([seed, simulated.violation]);
  }
  return { seeds: seed - from, steps, counts, violations };
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "10000" },
      from: { type: "string", default: "0" },
      jobs: { type: "string", default: "1" },
      failures: { type: "string", default: "5" },
      seed: { type: "string" },
      trace: { type: "boolean", default: false },
      counts: { type: "boolean", default: false },
    },
  });
  if (values.seed !== undefined) return one(number(values.seed, "--seed"), values.trace);
  const from = number(values.from, "--from");
  const end = from + number(values.seeds, "--seeds");
  return many(from, end, number(values.jobs, "--jobs"), number(values.failures, "--failures"), values.counts);
}

async function one(seed: number, traced: boolean): Promise<number> {
  const { violation, steps, trace } = await simulate(seed, { traced });
  for (const line of trace) console.log(line);
  console.log(`seed ${seed}: ${steps} steps, ${violation ?? "every rule held"}`);
  if (violation !== null && !traced) console.log(replayLine(seed));
  return violation === null ? 0 : 1;
}

async function many(
  from: number,
  end: number,
  jobs: number,
  mostFailures: number,
  withCounts: boolean,
): Promise<number> {
  const started = performance.now();
  const counts = new Map<string, number>();
  let next = from;
  let seeds = 0;
  let steps = 0;
  let failures = 0;
  const take = (): Batch | null => {
    if (next >= end || failures >= mostFailures) return null;
    const batch = { from: next, until: Math.min(end, next + BATCH), failures: mostFailures - failures };
    next = batch.until;
    return batch;
  };
  const perSecond = (): number => Math.round((seeds * 1_000) / (performance.now() - started));
  const progress = setInterval(() => {
    process.stderr.write(`${seeds} of ${end - from} seeds, ${perSecond()} per second, ${failures} failed\n`);
  }, 5_000);
  const hear = (found: Found): void => {
    seeds += found.seeds;
    steps += found.steps;
    for (const [what, count] of found.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    for (const [seed, what] of found.violations) {
      failures += 1;
      console.log(`seed ${seed}: ${what}\n  ${replayLine(seed)}`);
    }
  };
  if (jobs <= 1) for (let batch = take(); batch !== null; batch = take()) hear(await runBatch(batch));
  else await Promise.all(Array.from({ length: jobs }, () => work(take, hear)));
  clearInterval(progress);
  if (withCounts) for (const [what, count] of [...counts].sort()) console.log(`${String(count).padStart(9)}  ${what}`);
  console.log(`${seeds} seeds, ${steps} steps, ${perSecond()} seeds per second, ${failures} failed`);
  return failures === 0 ? 0 : 1;
}

/** A thread that is given batches until there are none left. */
function work(take: () => Batch | null, hear: (found: Found) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: "simulate" });
    const giveNext = (): void => {
      const batch = take();
      if (batch !== null) worker.postMessage(batch);
      else void worker.terminate().then(() => resolve());
    };
    worker.on("message", (found: Found) => {
      hear(found);
      giveNext();
    });
    worker.on("error", reject);
    giveNext();
  });
}

function number(text: string, option: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`${option} takes a whole number, not "${text}".`);
  process.exit(2);
}

if (isMainThread) process.exitCode = await main();
else if (workerData === "simulate") {
  parentPort?.on("message", (batch: Batch) => void runBatch(batch).then((found) => parentPort?.postMessage(found)));
}
