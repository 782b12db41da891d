import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGuard, type Guard, type Outcome, type Receipt, type Store } from "../../src/index.ts";
import { CRASH_POINTS, type CrashPoint, type CrashPoints, crashPoints } from "../../src/testing/crash-points.ts";
import { type FlakyWorld, startFlakyWorld } from "../support/flaky-world.ts";
import { type Payment, startWorker, type Worker } from "../support/guarded-worker.ts";
import { type GuardedAction, guardedActions, paymentPolicy } from "../support/guarded-worker-actions.ts";
import { sweepingOnly } from "../support/sweeping-only.ts";
import { createStore, STORE_KINDS } from "../support/test-stores.ts";
import { atMost } from "./at-most.ts";
import { type Carried, carryOn, type Hands, type Work } from "./carry-on.ts";
import { createEffectTable, type EffectTable } from "./effect-table.ts";
import {
  type Asked,
  askedIn,
  type Cell,
  COLUMN_NAMES,
  COLUMNS,
  cellsOf,
  impossibleIn,
  impossibleLines,
  ROWS,
  type Row,
} from "./matrix-rows.ts";
import { MatrixSummary } from "./matrix-summary.ts";
import { type StoreOpener, storeOpener } from "./store-opener.ts";
import { claimsIn, unexplainedSends } from "./unexplained-sends.ts";

// Whoever dies, wherever: the judge is the outside world's own ledger (for `transaction` the table in the database). Who
// is killed holds a lease of 30 s; the store's clock of those who come after is ahead, and nobody waits.

const A_MINUTE = 60_000;

/** Processes that are being started, or are dying: with more of them a machine of two cores only gets slower. */
const inTurn = atMost(4);

let world: FlakyWorld;

beforeAll(async () => {
  world = await startFlakyWorld();
});

afterAll(() => world.stop());

describe.each(STORE_KINDS)("on %s, whoever dies at", (kind) => {
  const summary = new MatrixSummary(kind);
  let store: Awaited<ReturnType<typeof createStore>>;
  let opener: StoreOpener;
  let table: EffectTable;
  let spills: string;
  /** Another process, which has seen nothing. */
  let witness: Worker;

  beforeAll(async () => {
    store = await createStore(kind);
    opener = storeOpener(store.address);
    table = await createEffectTable(store.address);
    spills = mkdtempSync(join(tmpdir(), "onceguard-matrix-"));
    witness = await startWorker({ store: store.address, world: world.port });
  });

  afterAll(async () => {
    await witness.stop();
    await table.close();
    await opener.close();
    await store.remove();
    rmSync(spills, { recursive: true });
    console.log(summary.text());
  });

  describe.concurrent("a point", () => {
    it.each(ROWS)("$title", async (row) => {
      for (const impossible of impossibleIn(row)) summary.cannot(impossible);
      const cells = cellsOf(row);
      const killed = cells.filter(({ death }) => death !== "thrown");
      const thrown = cells.filter(({ death }) => death === "thrown");
      await Promise.all([killAll(row, killed), ...thrown.map((cell) => judged(cell, () => throwIn(cell)))]);
      const failures = cells.flatMap((cell) => summary.failure(cell) ?? []);
      if (failures.length > 0) throw new Error(failures.join("\n\n"));
    });
  });

  // ---- The three ways to die

  /** Each in a process of its own; then a fresh process finds all of them dead. */
  async function killAll(row: Row, cells: readonly Cell[]): Promise<void> {
    const dead = new Map<Cell, number>();
    await Promise.all(
      cells.map((cell) =>
        judged(cell, async () => {
          await die(cell);
          await asLeftBehind(cell);
          dead.set(cell, await world.requests(referenceOf(cell)));
        }),
      ),
    );
    const successor = await inTurn(() =>
      startWorker({ store: store.address, world: world.port, ahead: 10 * A_MINUTE, sweeps: `${prefixOf(row)}-` }),
    );
    // As a guard's own sweeper: it never passes twice at a time.
    const oneByOne = atMost(1);
    const by: Hands = { ...successor, reconcileDue: () => oneByOne(() => successor.reconcileDue()) };
    let first: Promise<unknown> | null = null;
    const sweepFirst = () => {
      first ??= by.reconcileDue();
      return first;
    };
    await Promise.all(
      [...dead].map(([cell, sent], index) =>
        judged(cell, async () => {
          const reference = referenceOf(cell);
          const carried = await carryOn(by, {
            ...workOf(cell, reference),
            sweepFirst: index % 2 === 0 ? null : sweepFirst,
            beforeAsking: async () => expect(await world.requests(reference), "nothing is sent on a guess").toBe(sent),
          });
          await judge(cell, reference, carried, askedIn(row, cell.column, "died"));
        }),
      ),
    );
    await successor.stop();
  }

  /** What there is when it is dead: in the ledger, and in the store. */
  async function asLeftBehind(cell: Cell): Promise<void> {
    const { row, column } = cell;
    const inDatabase = column === "transaction";
    const effects = inDatabase ? (row.committed ?? 0) : row.effects;
    if (effects !== "either") expect(await effectsOf(cell, referenceOf(cell)), "at the death").toHaveLength(effects);
    const shown = [(inDatabase && row.showsCommitted) || row.shows].flat();
    expect(shown).toContain((await witness.receipt(referenceOf(cell)))?.state ?? "absent");
  }

  async function die(cell: Cell): Promise<void> {
    const reference = referenceOf(cell);
    await plan(cell, reference);
    for (const [life, point] of cell.row.points.entries()) {
      await inTurn(async () => {
        const doomed = await startWorker({
          store: store.address,
          world: world.port,
          crash: point,
          stop: cell.death === "killed by itself" ? "kill" : "pause",
          sweeps: reference,
          ahead: life * A_MINUTE,
        });
        const end = carryOn(doomed, workOf(cell, reference)).then(
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

  /** In this process, which lives on and has to cope by itself: with a store that is away, and with any other error. */
  async function throwIn(cell: Cell): Promise<void> {
    const point = cell.row.points[0] as CrashPoint;
    for (const stop of POINTS_OF_THE_HOST.includes(point)
      ? (["throw"] as const)
      : (["unavailable", "throw"] as const)) {
      await throwOnce(cell, point, stop);
    }
  }

  async function throwOnce(cell: Cell, point: CrashPoint, stop: "throw" | "unavailable"): Promise<void> {
    const reference = `${referenceOf(cell)}-${stop}`;
    await plan(cell, reference);
    const points = crashPoints(point, stop);
    const spill = join(spills, reference);
    let ahead = 0;
    const own = sweepingOnly(
      opener.open(() => Date.now() + ahead),
      reference,
    );
    const guard = guardOn(points.store(own), points, spill, point === "during_retry_wait");
    const thrown: unknown[] = [];
    const carried = await carryOn(inThisProcess(guard, points.reach), {
      ...workOf(cell, reference),
      later: () => {
        ahead += A_MINUTE;
      },
      onError: (error) => {
        const isOurs = points.hasStopped() && (error as Error).message === `thrown at ${point}`;
        if (!isOurs || thrown.push(error) > 1) throw error;
      },
    });
    expect(points.hasStopped(), "it went past the point").toBe(true);
    if (stop === "unavailable" || !mayThrow(cell, point)) expect(thrown, "nothing is thrown at the caller").toEqual([]);
    await guard.reconcile();
    await guard.close();
    expect(readdirIfThere(spill), "spilled and not recorded").toEqual([]);
    await judge(cell, reference, carried, askedIn(cell.row, cell.column, stop === "throw" ? "thrown" : "unavailable"));
  }

  function guardOn(store: Store, points: CrashPoints, spill: string, isThereAfterAWait: boolean) {
    return createGuard({
      store,
      actions: guardedActions({ world: world.port, points }),
      policy: paymentPolicy,
      sweepEvery: false,
      // To be there when a retry wait ends; everybody else asks again when the clock has moved.
      wait: isThereAfterAWait ? "10s" : 0,
      // A claim always looks once more before its dispatch: there it meets a store that is away.
      haltLook: 0,
      spill,
      onBackgroundError: () => undefined,
    });
  }

  // ---- The judge

  async function judge(cell: Cell, reference: string, { told, asked }: Carried, expected: Asked): Promise<void> {
    const { column } = cell;
    const effects = await effectsOf(cell, reference);
    const log = await witness.log(reference);
    const replayed = await witness.execute(COLUMNS[column], paymentOf(cell, reference));
    expect(effects.length, "effects").toBe(told.status === "failed" ? 0 : 1);
    if (told.status === "failed") {
      // Only ever because a person said so, and then it is true.
      expect(told.receipt).toMatchObject({ state: "failed", failure: { code: "did_not_happen" }, conflict: false });
      expect(log.at(-1)).toMatchObject({ event: "resolve", actor: "ann" });
      expect(replayed).toEqual({ ...told, receipt: readAgain(told.receipt, replayed) });
    } else {
      expect(told).toMatchObject({
        status: expect.stringMatching(/^(executed|replayed)$/),
        result: { number: effects[0]?.number },
      });
      expect(told.receipt).toMatchObject({ state: "succeeded", conflict: false, mayHaveApplied: false });
      expect(replayed).toEqual({ ...told, status: "replayed", receipt: readAgain(told.receipt, replayed) });
    }
    if (expected !== "either") expect(asked ? "a person" : "nobody", "who was asked").toBe(expected);
    expect(unexplainedSends(log, column)).toEqual([]);
    expect(await world.requests(reference), "requests").toBeLessThanOrEqual(claimsIn(log));
  }

  /** Runs a part of a cell; what fails is kept with the cell and its history. */
  async function judged(cell: Cell, part: () => Promise<void>): Promise<void> {
    try {
      await part();
      summary.passed(cell);
    } catch (error) {
      const trails = [referenceOf(cell), `${referenceOf(cell)}-throw`, `${referenceOf(cell)}-unavailable`].map(
        async (id) => {
          const log = await witness.log(id);
          return log.length === 0
            ? ""
            : `\n  ${id}: ${log.map(({ event, state }) => `${event} -> ${state}`).join(", ")}`;
        },
      );
      summary.failed(cell, `${(error as Error).message}${(await Promise.all(trails)).join("")}`);
    }
  }

  it("leaves nothing behind: every record is settled, and says what the ledger says", async () => {
    expect(await witness.reconcileDue()).toEqual({ moved: [], left: [] });
    const receipts = (await witness.receipts()).map(({ requestId, state, conflict }) => ({
      requestId,
      state,
      conflict,
    }));
    const outside = [...world.effects(), ...(await table.effects())].map(({ reference }) => reference);
    const happened = outside.filter((reference) => reference.startsWith(`${kind}-`));
    expect(new Set(happened).size, "duplicates").toBe(happened.length);
    expect(receipts.filter(({ state }) => state !== "failed").sort(byId)).toEqual(
      happened.map((requestId) => ({ requestId, state: "succeeded", conflict: false })).sort(byId),
    );
  });

  // ---- What a cell is about

  function prefixOf(row: Row): string {
    return `${kind}-${ROWS.indexOf(row)}`;
  }

  function referenceOf({ row, column, death }: Cell): string {
    return `${prefixOf(row)}-${COLUMN_NAMES.indexOf(column)}-${death.replaceAll(" ", "_")}`;
  }

  function paymentOf({ given }: Cell, reference: string): Payment {
    const { held, failing } = given;
    return { reference, amount: 500, ...(held && { held }), ...(failing !== undefined && { failing }) };
  }

  async function plan({ given }: Cell, reference: string): Promise<void> {
    if (given.fault) await world.plan(reference, given.fault);
    if (given.hidden) await world.hide(reference, given.hidden);
  }

  async function effectsOf({ column }: Cell, reference: string): Promise<readonly { readonly number: number }[]> {
    if (column !== "transaction") return world.effects(reference);
    return (await table.effects()).filter((effect) => effect.reference === reference);
  }

  function workOf(cell: Cell, reference: string): Work {
    const { row, column } = cell;
    const even = (ROWS.indexOf(row) + COLUMN_NAMES.indexOf(column)) % 2 === 0;
    return {
      action: COLUMNS[column],
      payment: paymentOf(cell, reference),
      look: async () => (await effectsOf(cell, reference))[0] ?? null,
      otherwise: row.decision ?? (even ? "did_not_happen" : "retry"),
      sweepFirst: null,
      later: () => {
        throw new Error("it has to be settled without waiting");
      },
      onError: (error) => {
        throw error;
      },
      beforeAsking: async () => undefined,
    };
  }
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

/** Where it is not the store that fails but the effect, the probe, or the code around the guard. */
const POINTS_OF_THE_HOST: readonly CrashPoint[] = [
  "in_effect_before_send",
  "in_effect_after_commit_before_reply",
  "recorded_caller_not_told",
  "during_probe",
  "probe_answered_not_recorded",
  "before_resend",
  "during_resend",
];

/**
 * An exception out of `execute` would hide what may have happened. Before a dispatch there is nothing to hide, and neither
 * is there where effect and record are one commit.
 */
function mayThrow({ column }: Cell, point: CrashPoint): boolean {
  return column === "transaction" || !ONCE_DISPATCHED.includes(point);
}

const ONCE_DISPATCHED: readonly CrashPoint[] = [
  "in_effect_before_send",
  "in_effect_after_commit_before_reply",
  "after_reply_before_record",
  "failure_not_recorded",
  "record_in_flight",
  "record_sent_ack_lost",
  "during_retry_wait",
  "in_doubt_recorded",
  "lapse_recorded",
  "during_probe",
  "probe_answered_not_recorded",
  "before_resend",
  "during_resend",
];

/** `reach` is for what only the host knows. */
function inThisProcess(guard: Guard<readonly GuardedAction[]>, reach: (point: CrashPoint) => void): Hands {
  return {
    execute: async (action, payment) => {
      const outcome = await guard.execute(action, payment, { requestId: payment.reference });
      reach("recorded_caller_not_told");
      return outcome;
    },
    receipt: (requestId) => guard.receipt(requestId),
    reconcileDue: () => guard.reconcile(),
    resolve: (requestId, decision) => guard.resolve(requestId, decision),
    approve: (requestId, grant) => guard.approve(requestId, grant),
  };
}

function readdirIfThere(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The same record, as another process read it later. */
function readAgain(receipt: Receipt | null, later: Outcome): Receipt | null {
  return receipt && { ...receipt, readAt: later.receipt?.readAt ?? 0 };
}

function byId(a: { readonly requestId: string }, b: { readonly requestId: string }): number {
  return a.requestId.localeCompare(b.requestId);
}
