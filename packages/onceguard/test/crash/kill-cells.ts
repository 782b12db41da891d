import { expect } from "vitest";
import { startWorker } from "../support/guarded-worker.ts";
import { atMost } from "./at-most.ts";
import { carryOn, type Hands } from "./carry-on.ts";
import { asLeftBehind, judge } from "./judge-cell.ts";
import { type Bench, isEven, LONG, prefixOf, referenceOf } from "./matrix-bench.ts";
import { askedIn, type Cell, type Row } from "./matrix-rows.ts";

// Who is killed holds a lease of 30 s; the store's clock of those who come after is ahead, and nobody waits.
const A_MINUTE = 60_000;

/** Processes that are being started, or are dying: with more of them a machine of two cores only gets slower. */
const inTurn = atMost(6);

/** Runs a part of a cell, and keeps what fails with the cell. */
type Judged = (cell: Cell, part: () => Promise<void>) => Promise<void>;

/** Each cell of a row in a process of its own; then a fresh process finds all of them dead. */
export async function killCells(bench: Bench, row: Row, cells: readonly Cell[], judged: Judged): Promise<void> {
  const { address, world } = bench;
  const dead = new Map<Cell, number>();
  const dieOne = (cell: Cell) =>
    judged(cell, async () => {
      await die(bench, cell);
      await asLeftBehind(bench, cell);
      dead.set(cell, await world.requests(referenceOf(bench, cell)));
    });
  await Promise.all(cells.map(dieOne));

  const ahead = 10 * A_MINUTE;
  const sweeps = prefixOf(bench, row);
  const successor = await inTurn(() =>
    startWorker({ store: address, world: world.port, storeTimeout: LONG, ahead, sweeps }),
  );
  // As a guard's own sweeper: it never passes twice at a time.
  const oneByOne = atMost(1);
  const by: Hands = { ...successor, reconcileDue: () => oneByOne(() => successor.reconcileDue()) };
  let first: Promise<unknown> | null = null;
  const sweepFirst = () => {
    first ??= by.reconcileDue();
    return first;
  };
  const carryOne = (cell: Cell, sent: number) =>
    judged(cell, async () => {
      const reference = referenceOf(bench, cell);
      const carried = await carryOn(by, {
        ...bench.work(cell, reference),
        sweepFirst: isEven(cell) ? null : sweepFirst,
        beforeAsking: async () => expect(await world.requests(reference), "nothing is sent on a guess").toBe(sent),
      });
      await judge(bench, cell, reference, carried, askedIn(row, cell.column, "died"));
    });
  await Promise.all([...dead].map(([cell, sent]) => carryOne(cell, sent)));
  await successor.stop();
}

async function die(bench: Bench, cell: Cell): Promise<void> {
  const reference = referenceOf(bench, cell);
  await bench.plan(cell, reference);
  for (const [life, point] of cell.row.points.entries()) {
    await inTurn(async () => {
      const doomed = await startWorker({
        store: bench.address,
        world: bench.world.port,
        storeTimeout: LONG,
        crash: point,
        stop: cell.death === "killed by itself" ? "kill" : "pause",
        sweeps: reference,
        ahead: life * A_MINUTE,
      });
      const end = carryOn(doomed, bench.work(cell, reference)).then(
        ({ told }) => `it went past the point: ${JSON.stringify(told)}`,
        (error: Error) => (error.message.includes("the worker has ended") ? doomed.ended : Promise.reject(error)),
      );
      void doomed.printed(`REACHED ${point}`).then(
        () => doomed.kill("SIGKILL"),
        () => undefined,
      );
      try {
        expect(await end).toEqual({ code: null, signal: "SIGKILL", printed: [`REACHED ${point}`] });
      } finally {
        doomed.kill("SIGKILL");
      }
    });
  }
}
