import type { Effect } from "./contender.ts";
import type { Fault } from "./faults.ts";
import type { LedgerLine } from "./world.ts";

/** What a caller was told, in order; `nothing`: its call broke. */
export interface Told {
  readonly said: "done" | "failed" | "unknown" | "later" | "nothing";
  /** In ms since the first delivery. */
  readonly afterMs: number;
  readonly why?: string;
}

/** What came of one intent: the record of a cell, before anybody has judged it. */
export interface Case {
  readonly contender: string;
  readonly effect: Effect;
  readonly fault: string;
  readonly intent: string;
  /** How often it should have happened: 0 where the world refuses. */
  readonly wanted: 0 | 1;
  /** Whether the fault could be brought about: a contender without a store has no write to be killed at. */
  readonly hit: boolean;
  readonly told: readonly Told[];
  /** Earlier runs of it, not scored: in each a client's time-out fired that was none of the fault, on a machine too busy. */
  readonly earlier?: readonly Case[];
  /** What kept the cell from being run, if anything. */
  readonly error?: string;
}

export interface Verdict extends Case {
  /** How often it is in the ledger. */
  readonly effects: number;
  readonly duplicates: number;
  /** Said done, or never said anything final, and it has not happened. */
  readonly lost: boolean;
  /** Said failed and it happened, or said done and it did not. */
  readonly wrong: boolean;
  /** Ended with the honest answer that it is not known: a person looks. */
  readonly inDoubt: boolean;
  /** It happened, and the caller gave up without ever having been told anything final. */
  readonly untold: boolean;
  /** As often as it should, rightly told, and by itself. */
  readonly recovered: boolean;
  /** From the first delivery to the first final answer; null where there was none. */
  readonly settledMs: number | null;
}

const FINAL: ReadonlySet<Told["said"]> = new Set(["done", "failed", "unknown"]);

/** The judge of one intent is the ledger; what was said is only measured against it. */
export function judge(one: Case, ledger: readonly LedgerLine[]): Verdict {
  const effects = ledger.filter(({ intent }) => intent === one.intent).length;
  const finals = one.told.filter(({ said }) => FINAL.has(said));
  const last = finals.at(-1)?.said;
  const saidDone = finals.some(({ said }) => said === "done");
  const saidFailed = finals.some(({ said }) => said === "failed");
  const lost = one.wanted === 1 && effects === 0 && (last === "done" || last === undefined);
  const wrong = (saidFailed && effects > 0) || (saidDone && effects === 0);
  const right = one.wanted === 1 ? last === "done" : last === "failed";
  return {
    ...one,
    effects,
    duplicates: Math.max(0, effects - 1),
    lost,
    wrong,
    inDoubt: last === "unknown",
    untold: last === undefined && effects > 0,
    recovered: effects === one.wanted && right && !wrong,
    settledMs: finals[0]?.afterMs ?? null,
  };
}

export const CLASSES = ["right", "asks", "said_failed", "untold", "wrong", "lost", "duplicate"] as const;

/** The one word for an intent: the worst that can be said of it. */
export function classOf(one: Verdict): (typeof CLASSES)[number] {
  if (one.duplicates > 0) return "duplicate";
  if (one.lost) return "lost";
  if (one.wrong) return "wrong";
  if (one.untold) return "untold";
  if (one.inDoubt) return "asks";
  return one.recovered ? "right" : "said_failed";
}

/** Whether it counts: run, and with its fault, or gone wrong without it. */
export function counts({ error, hit, recovered }: Verdict): boolean {
  return error === undefined && (hit || !recovered);
}

/** What the caller was told, in order, repetitions counted. */
export function inOrder(told: readonly Told[]): string {
  const runs: { readonly said: string; times: number }[] = [];
  for (const { said } of told) {
    const last = runs.at(-1);
    if (last?.said === said) last.times++;
    else runs.push({ said, times: 1 });
  }
  return runs.map(({ said, times }) => (times === 1 ? said : `${said} (${times}x)`)).join(", ");
}

/** What a contender has to answer for, over a number of intents. */
export interface Score {
  readonly intents: number;
  readonly duplicates: number;
  readonly lost: number;
  readonly wrong: number;
  readonly inDoubt: number;
  readonly untold: number;
  /** Said failed, and rightly so, of what would have gone through: the caller has to start over. */
  readonly gaveUp: number;
  readonly recovered: number;
  /** Cells that could not be run. */
  readonly errors: number;
  readonly medianMs: number | null;
}

/** A cell whose fault could not be brought about is nobody's merit, and counts only where it went wrong all the same. */
export function score(verdicts: readonly Verdict[]): Score {
  const run = verdicts.filter(counts);
  const count = (of: (verdict: Verdict) => boolean | number): number =>
    run.reduce((sum, one) => sum + Number(of(one)), 0);
  const times = run.flatMap(({ settledMs }) => settledMs ?? []).sort((a, b) => a - b);
  return {
    intents: run.length,
    duplicates: count((one) => one.duplicates),
    lost: count((one) => one.lost),
    wrong: count((one) => one.wrong),
    inDoubt: count((one) => one.inDoubt),
    untold: count((one) => one.untold),
    gaveUp: count((one) => classOf(one) === "said_failed"),
    recovered: count((one) => one.recovered),
    errors: verdicts.filter(({ error }) => error !== undefined).length,
    medianMs: times[Math.floor(times.length / 2)] ?? null,
  };
}

/** A cell in one word, for the matrix of faults: the worst that happened in it. */
export function inAWord(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return "";
  if (verdicts.every(({ error }) => error !== undefined)) return "error";
  const { duplicates, lost, wrong, inDoubt, untold, gaveUp } = score(verdicts);
  const words = [
    duplicates > 0 && `${duplicates} dup`,
    lost > 0 && `${lost} lost`,
    wrong > 0 && `${wrong} wrong`,
    untold > 0 && `${untold} untold`,
    gaveUp > 0 && `${gaveUp} failed`,
    inDoubt > 0 && `${inDoubt} asks`,
  ].filter((word) => word !== false);
  if (words.length > 0) return words.join(", ");
  return verdicts.some(({ hit }) => hit) ? "ok" : "n/a";
}

export function wantedOf(fault: Fault): 0 | 1 {
  return fault.wanted ?? 1;
}
