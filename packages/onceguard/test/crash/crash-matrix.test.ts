import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CRASH_POINTS } from "../../src/testing/crash-points.ts";
import { type FlakyWorld, startFlakyWorld } from "../support/flaky-world.ts";
import { STORE_KINDS } from "../support/test-stores.ts";
import { killCells } from "./kill-cells.ts";
import { type Bench, openBench, referenceOf } from "./matrix-bench.ts";
import { type Cell, cellsOf, impossibleIn, impossibleLines, ROWS } from "./matrix-rows.ts";
import { MatrixSummary } from "./matrix-summary.ts";
import { throwCell } from "./throw-cell.ts";

// Whoever dies, wherever, and whatever the action can do about it: the judge is the outside world's own ledger, and for
// `transaction` the table in the database. docs/crash-matrix.md says what follows at each point.

let world: FlakyWorld;

beforeAll(async () => {
  world = await startFlakyWorld();
});

afterAll(() => world.stop());

describe.each(STORE_KINDS)("on %s, whoever dies at", (kind) => {
  const summary = new MatrixSummary(kind);
  let bench: Bench;

  beforeAll(async () => {
    bench = await openBench(kind, world);
  });

  afterAll(async () => {
    await bench.close();
    console.log(summary.text());
  });

  describe.concurrent("a point", () => {
    it.each(ROWS)(
      "$title",
      async (row) => {
        for (const impossible of impossibleIn(row)) summary.cannot(impossible);
        const cells = cellsOf(row);
        const killed = cells.filter(({ death }) => death !== "thrown");
        const thrown = cells.filter(({ death }) => death === "thrown");
        await Promise.all([
          killCells(bench, row, killed, judged),
          ...thrown.map((cell) => judged(cell, () => throwCell(bench, cell))),
        ]);
        const failures = cells.flatMap((cell) => summary.failure(cell) ?? []);
        if (failures.length > 0) throw new Error(failures.join("\n\n"));
      },
      180_000,
    );
  });

  /** Runs a part of a cell; what fails is kept with the cell and its history, and the others go on. */
  async function judged(cell: Cell, part: () => Promise<void>): Promise<void> {
    try {
      await part();
      summary.passed(cell);
    } catch (error) {
      const reference = referenceOf(bench, cell);
      const trails = await Promise.all([reference, `${reference}-throw`, `${reference}-unavailable`].map(trailOf));
      summary.failed(cell, [(error as Error).message, ...trails.flat()].join("\n  "));
    }
  }

  async function trailOf(reference: string): Promise<readonly string[]> {
    const log = await bench.witness.log(reference);
    return log.length === 0
      ? []
      : [`${reference}: ${log.map(({ event, state }) => `${event} -> ${state}`).join(", ")}`];
  }

  it("leaves nothing behind: every record is settled, and says what the ledger says", async () => {
    const { witness } = bench;
    expect(await witness.reconcileDue()).toEqual({ moved: [], left: [] });
    const receipts = (await witness.receipts()).filter(({ state }) => state !== "failed");
    const happened = await bench.references();
    expect(new Set(happened).size, "duplicates").toBe(happened.length);
    expect(receipts.map(({ requestId, state, conflict }) => ({ requestId, state, conflict })).sort(byId)).toEqual(
      happened.map((requestId) => ({ requestId, state: "succeeded", conflict: false })).sort(byId),
    );
  });
});

it("has a row for every crash point, and the 13 of them once each", () => {
  expect(CRASH_POINTS.filter((point) => !ROWS.some(({ points }) => points.at(-1) === point))).toEqual([]);
  expect(ROWS.flatMap(({ main }) => main ?? [])).toEqual(Array.from({ length: 13 }, (_, n) => n + 1));
});

it("is what the documentation says, the impossible cells and their reasons included", () => {
  const page = readFileSync(new URL("../../../../docs/crash-matrix.md", import.meta.url), "utf8");
  expect(ROWS.filter(({ title }) => !page.includes(`| ${title} |`)).map(({ title }) => title)).toEqual([]);
  const said = new Set(page.split("\n"));
  const lines = ROWS.flatMap(impossibleLines).map((line) => `| ${line.join(" | ")} |`);
  expect(lines.filter((line) => !said.has(line))).toEqual([]);
});

function byId(a: { readonly requestId: string }, b: { readonly requestId: string }): number {
  return a.requestId.localeCompare(b.requestId);
}
