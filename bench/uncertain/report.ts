import { cpus, totalmem } from "node:os";
import type { Fault } from "./faults.ts";
import { classOf, inAWord, inOrder, type Score, score, type Verdict } from "./judge.ts";
import type { Entry } from "./load-contenders.ts";
import { IN_WORDS } from "./offers.ts";
import { type Compared, comparedWith } from "./reported.ts";

export interface Row {
  readonly contender: string;
  readonly version: string;
  readonly advice: string;
  readonly score: Score;
}

/** All that a run says. */
export interface Report {
  readonly date: string;
  readonly tookMs: number;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGb: number; readonly node: string };
  readonly rows: readonly Row[];
  readonly faults: readonly Fault[];
  readonly verdicts: readonly Verdict[];
  /** Others' published experiments, beside the same shape here. */
  readonly reported: readonly Compared[];
}

export function reportOf(run: {
  readonly entries: readonly Entry[];
  readonly faults: readonly Fault[];
  readonly verdicts: readonly Verdict[];
  readonly tookMs: number;
}): Report {
  const rows = run.entries.map(({ contender: { name, version, advice } }) => ({
    contender: name,
    version,
    advice,
    score: score(run.verdicts.filter(({ contender }) => contender === name)),
  }));
  return {
    date: new Date().toISOString(),
    tookMs: Math.round(run.tookMs),
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 1024 ** 3),
      node: process.version,
    },
    rows,
    faults: run.faults,
    verdicts: run.verdicts,
    reported: comparedWith(run.verdicts),
  };
}

const COMPARED = [
  "experiment",
  "reported, unguarded",
  "naive here",
  "reported, guarded",
  "Onceguard here, nothing to ask",
  "Onceguard here, key or look-up",
];

export const COLUMNS: readonly (readonly [string, (score: Score) => string])[] = [
  ["intents", ({ intents }) => String(intents)],
  ["duplicates", ({ duplicates }) => String(duplicates)],
  ["lost", ({ lost }) => String(lost)],
  ["wrong answers", ({ wrong }) => String(wrong)],
  ["never told", ({ untold }) => String(untold)],
  ["said failed", ({ gaveUp }) => String(gaveUp)],
  ["asks a person", ({ inDoubt }) => String(inDoubt)],
  ["recovered alone", ({ recovered }) => String(recovered)],
  ["median", ({ medianMs }) => (medianMs === null ? "-" : `${(medianMs / 1_000).toFixed(2)} s`)],
];

/** What is kept of a run: every cell in a few words. */
export function raw({ verdicts, faults, ...report }: Report): string {
  const cells = verdicts.map((one) => ({
    contender: one.contender,
    world: one.effect,
    fault: one.fault,
    hit: one.hit,
    happened: one.effects,
    told: inOrder(one.told),
    why: one.error ?? one.told.find(({ why }) => why !== undefined)?.why ?? null,
    verdict: classOf(one),
    settledMs: one.settledMs,
    earlier: (one.earlier ?? []).map(({ intent, told }) => ({ intent, told: inOrder(told) })),
  }));
  const schedule = faults.map(({ name, group, sentence }) => ({ name, group, sentence }));
  return `${JSON.stringify({ ...report, schedule, cells }, null, 2)}\n`;
}

export function terminal({ rows, faults, verdicts }: Report): string {
  const head = ["contender", ...COLUMNS.map(([name]) => name)];
  const body = rows.map((row) => [row.contender, ...COLUMNS.map(([, of]) => of(row.score))]);
  return `\n${aligned([head, ...body])}\n${aligned(matrix(rows, faults, verdicts))}`;
}

export function markdown({ rows, faults, verdicts, reported, date, machine, tookMs }: Report): string {
  const head = ["contender", "version", ...COLUMNS.map(([name]) => name)];
  const body = rows.map((row) => [row.contender, row.version, ...COLUMNS.map(([, of]) => of(row.score))]);
  const worlds = Object.entries(IN_WORDS).map(([effect, words]) => `${effect}: ${words}`);
  return [
    `Run of ${date.slice(0, 10)}, Node ${machine.node}, ${machine.cores} cores (${machine.cpu}), ${Math.round(tookMs / 60_000)} minutes.`,
    "",
    table([head, ...body]),
    "",
    `One intent per fault and world (${worlds.join("; ")}). \`n/a\`: the contender has no such point.`,
    "",
    table(matrix(rows, faults, verdicts)),
    "",
    table([COMPARED, ...reported.map((one) => Object.values(one).map(String))]),
    "",
  ].join("\n");
}

/** Faults by contenders; a cell says the worst that happened in its worlds. */
function matrix(rows: readonly Row[], faults: readonly Fault[], verdicts: readonly Verdict[]): string[][] {
  const cell = (fault: string, contender: string): string =>
    inAWord(verdicts.filter((one) => one.fault === fault && one.contender === contender));
  return [
    ["fault", ...rows.map(({ contender }) => contender)],
    ...faults.map(({ name }) => [name, ...rows.map(({ contender }) => cell(name, contender))]),
  ];
}

function table([head = [], ...body]: string[][]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, n) => (n === 0 ? "---" : "---:"))), ...body.map(line)].join("\n");
}

function aligned(lines: string[][]): string {
  const widths = (lines[0] ?? []).map((_, n) => Math.max(...lines.map((line) => (line[n] ?? "").length)));
  return lines.map((line) => `${line.map((cell, n) => cell.padEnd(widths[n] as number)).join("  ")}\n`).join("");
}
