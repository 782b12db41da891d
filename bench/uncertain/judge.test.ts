import { describe, expect, test } from "vitest";
import { type Case, classOf, inAWord, inOrder, judge, score, type Told } from "./judge.ts";
import type { LedgerLine } from "./world.ts";

const told = (...words: Told["said"][]): readonly Told[] => words.map((said, n) => ({ said, afterMs: 10 * (n + 1) }));
const ledger = (...intents: string[]): readonly LedgerLine[] =>
  intents.map((intent, n) => ({ number: n + 1, at: n, effect: "payment", intent, key: null }));
const planted = (more: Partial<Case>): Case => ({
  contender: "c",
  effect: "payment",
  fault: "f",
  intent: "i",
  wanted: 1,
  hit: true,
  told: [],
  ...more,
});

describe("one intent, judged by a planted ledger", () => {
  test.each<[string, Partial<Case>, number, object]>([
    ["done once", { told: told("done") }, 1, { recovered: true, duplicates: 0, lost: false, wrong: false }],
    ["done after it broke", { told: told("nothing", "later", "done") }, 1, { recovered: true, settledMs: 30 }],
    ["done twice", { told: told("nothing", "done") }, 2, { duplicates: 1, recovered: false, wrong: false }],
    ["done six times, never told", { told: told("nothing", "nothing") }, 6, { duplicates: 5, untold: true }],
    ["said done, did not", { told: told("done") }, 0, { lost: true, wrong: true, recovered: false }],
    ["said failed, happened", { told: told("failed") }, 1, { wrong: true, lost: false, recovered: false }],
    ["said failed, did not", { told: told("failed") }, 0, { wrong: false, lost: false, recovered: false }],
    ["given up, did not", { told: told("nothing", "later") }, 0, { lost: true, untold: false, settledMs: null }],
    ["given up, happened", { told: told("later", "later") }, 1, { lost: false, untold: true, recovered: false }],
    ["honest, did not", { told: told("later", "unknown") }, 0, { inDoubt: true, lost: false, wrong: false }],
    ["honest, happened", { told: told("unknown") }, 1, { inDoubt: true, wrong: false, recovered: false }],
    ["refused and told so", { wanted: 0, told: told("failed") }, 0, { recovered: true, wrong: false, lost: false }],
    ["refused, said done", { wanted: 0, told: told("done") }, 0, { wrong: true, recovered: false }],
    ["refused, given up", { wanted: 0, told: told("nothing") }, 0, { lost: false, wrong: false, recovered: false }],
    ["first failed, then done", { told: told("failed", "done") }, 1, { wrong: true, recovered: false }],
    ["done, then in doubt", { told: told("done", "unknown") }, 1, { inDoubt: true, wrong: false, recovered: false }],
  ])("%s", (_what, one, times, expected) => {
    const lines = ledger("another", ...Array.from({ length: times }, () => "i"), "another");
    expect(judge(planted(one), lines)).toMatchObject({ effects: times, ...expected });
  });
});

const verdicts = (...cases: readonly [Partial<Case>, number][]) =>
  cases.map(([one, times]) => judge(planted(one), ledger(...Array.from({ length: times }, () => "i"))));

test("a score adds them up, and takes the median of the times to the first final answer", () => {
  const all = verdicts(
    [{ told: told("done") }, 1],
    [{ told: told("nothing", "done") }, 3],
    [{ told: told("nothing", "later", "unknown") }, 0],
    [{ told: told("nothing") }, 0],
    [{ told: told("failed") }, 0],
  );
  expect(score(all)).toEqual({
    intents: 5,
    duplicates: 2,
    lost: 1,
    wrong: 0,
    inDoubt: 1,
    untold: 0,
    gaveUp: 1,
    recovered: 1,
    errors: 0,
    medianMs: 20,
  });
  expect(all.map(classOf)).toEqual(["right", "duplicate", "asks", "lost", "said_failed"]);
});

test("a fault that could not be brought about is no merit, and what went wrong without it counts", () => {
  const missed = verdicts([{ hit: false, told: told("done") }, 1]);
  expect(score(missed)).toMatchObject({ intents: 0, recovered: 0 });
  expect(inAWord(missed)).toBe("n/a");
  expect(score(verdicts([{ hit: false, told: told("done") }, 2]))).toMatchObject({ intents: 1, duplicates: 1 });
});

test("a cell that could not be run is counted apart", () => {
  const broken = verdicts([{ error: "it does not start" }, 0]);
  expect(score(broken)).toMatchObject({ intents: 0, errors: 1, lost: 0 });
  expect(inAWord(broken)).toBe("error");
});

test("a cell in a word says the worst first", () => {
  expect(inAWord(verdicts([{ told: told("done") }, 1]))).toBe("ok");
  const both = verdicts([{ told: told("unknown") }, 0], [{ told: told("done") }, 2]);
  expect(inAWord(both)).toBe("1 dup, 1 asks");
  expect(inAWord([])).toBe("");
});

test("what was told, in order, repetitions counted", () => {
  expect(inOrder(told("nothing", "later", "later", "done"))).toBe("nothing, later (2x), done");
});
