import { expect } from "vitest";
import type { Outcome, Receipt } from "../../src/index.ts";
import type { Carried } from "./carry-on.ts";
import { type Bench, paymentOf, referenceOf } from "./matrix-bench.ts";
import { type Asked, type Cell, COLUMNS } from "./matrix-rows.ts";
import { claimsIn, unexplainedSends } from "./unexplained-sends.ts";

/** What there is when the last process is dead: in the ledger, and in the store. */
export async function asLeftBehind(bench: Bench, cell: Cell): Promise<void> {
  const { row, column } = cell;
  const reference = referenceOf(bench, cell);
  const inDatabase = column === "transaction";
  const effects = inDatabase ? (row.committed ?? 0) : row.effects;
  if (effects !== "either") expect(await bench.effects(cell, reference), "at the death").toHaveLength(effects);
  const shown = [(inDatabase && row.showsCommitted) || row.shows].flat();
  expect(shown).toContain((await bench.witness.receipt(reference))?.state ?? "absent");
}

/** What became of it, by the ledger; and nobody was asked, and nothing sent, without need. */
export async function judge(
  bench: Bench,
  cell: Cell,
  reference: string,
  { told, asked }: Carried,
  expected: Asked,
): Promise<void> {
  const { column } = cell;
  const { witness, world } = bench;
  const effects = await bench.effects(cell, reference);
  // Without what tells of calls only: whoever carried on has asked once more.
  const log = (await witness.log(reference)).filter(({ event }) => event !== "replayed");
  const replayed = await witness.execute(COLUMNS[column], paymentOf(cell, reference));
  expect(effects, "effects").toHaveLength(told.status === "failed" ? 0 : 1);
  if (told.status === "failed") {
    // Only ever because a person said so, and then it is true.
    expect(told.receipt).toMatchObject({ state: "failed", failure: { code: "did_not_happen" }, conflict: false });
    expect(log.at(-1)).toMatchObject({ event: "resolve", actor: "ann" });
    expect(replayed).toEqual({ ...told, receipt: readAgain(told.receipt, replayed) });
  } else {
    const status = expect.stringMatching(/^(executed|replayed)$/);
    expect(told).toMatchObject({ status, result: { number: effects[0]?.number } });
    expect(told.receipt).toMatchObject({ state: "succeeded", conflict: false, mayHaveApplied: false });
    expect(replayed).toEqual({ ...told, status: "replayed", receipt: readAgain(told.receipt, replayed) });
  }
  if (expected !== "either") expect(asked ? "a person" : "nobody", "who was asked").toBe(expected);
  expect(unexplainedSends(log, column)).toEqual([]);
  expect(await world.requests(reference), "requests").toBeLessThanOrEqual(claimsIn(log));
}

/** The same record, as another process read it later. */
function readAgain(receipt: Receipt | null, later: Outcome): Receipt | null {
  return receipt && { ...receipt, readAt: later.receipt?.readAt ?? 0 };
}
