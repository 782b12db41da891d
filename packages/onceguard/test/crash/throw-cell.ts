import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { createGuard, type Guard, type Store } from "../../src/index.ts";
import { type CrashPoint, type CrashPoints, crashPoints } from "../../src/testing/crash-points.ts";
import { type GuardedAction, guardedActions, paymentPolicy } from "../support/guarded-worker-actions.ts";
import { sweepingOnly } from "../support/sweeping-only.ts";
import { carryOn, type Hands } from "./carry-on.ts";
import { judge } from "./judge-cell.ts";
import { type Bench, LONG, referenceOf } from "./matrix-bench.ts";
import { askedIn, type Cell } from "./matrix-rows.ts";

/** In this process, which lives on and has to cope by itself: with a store that is away, and with any other error. */
export async function throwCell(bench: Bench, cell: Cell): Promise<void> {
  const point = cell.row.points[0] as CrashPoint;
  if (!POINTS_OF_THE_HOST.includes(point)) await throwOnce(bench, cell, point, "unavailable");
  await throwOnce(bench, cell, point, "throw");
}

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

async function throwOnce(bench: Bench, cell: Cell, point: CrashPoint, stop: "throw" | "unavailable"): Promise<void> {
  const reference = `${referenceOf(bench, cell)}-${stop}`;
  await bench.plan(cell, reference);
  const points = crashPoints(point, stop);
  const spill = join(bench.spills, reference);
  let ahead = 0;
  const own = bench.opener.open(() => Date.now() + ahead);
  const guard = guardOn(bench, points.store(sweepingOnly(own, reference)), points, spill, point);
  const thrown: unknown[] = [];
  const carried = await carryOn(inThisProcess(guard, points), {
    ...bench.work(cell, reference),
    later: () => {
      ahead += 60_000; // longer than its own lease
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
  expect(existsSync(spill) ? readdirSync(spill) : [], "spilled and not recorded").toEqual([]);
  const asked = askedIn(cell.row, cell.column, stop === "throw" ? "thrown" : "unavailable");
  await judge(bench, cell, reference, carried, asked);
}

function guardOn(
  { world }: Bench,
  store: Store,
  points: CrashPoints,
  spill: string,
  point: CrashPoint,
): Guard<readonly GuardedAction[]> {
  return createGuard({
    store,
    actions: guardedActions({ world: world.port, points }),
    policy: paymentPolicy,
    sweepEvery: false,
    storeTimeout: LONG,
    grace: LONG,
    // To be there when a retry wait ends; everybody else asks again when the clock has moved.
    wait: point === "during_retry_wait" ? LONG : 0,
    // A claim always looks once more before its dispatch: there it meets a store that is away.
    haltLook: 0,
    spill,
    onBackgroundError: () => undefined,
  });
}

function inThisProcess(guard: Guard<readonly GuardedAction[]>, points: CrashPoints): Hands {
  return {
    execute: async (action, payment) => {
      const outcome = await guard.execute(action, payment, { requestId: payment.reference });
      points.reach("recorded_caller_not_told");
      return outcome;
    },
    receipt: (requestId) => guard.receipt(requestId),
    reconcileDue: () => guard.reconcile(),
    resolve: (requestId, decision) => guard.resolve(requestId, decision),
    approve: (requestId, grant) => guard.approve(requestId, grant),
  };
}

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
