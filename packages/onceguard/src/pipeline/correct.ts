import type { CorrectionPlan, PlanRow, UndoObstacle } from "../core/blast-radius.ts";
import { type Difference, diff } from "../core/diff.ts";
import { OnceguardError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { isRefusal, transition } from "../core/lifecycle.ts";
import type { Outcome } from "../core/outcome.ts";
import { type Receipt, resultOf } from "../core/receipt.ts";
import { recordStates } from "../core/record-states.ts";
import { deriveRequestId } from "../core/request-id.ts";
import { atOnce } from "./at-once.ts";
import { obstacleHere, planToken } from "./blast-radius.ts";
import { compensationName, compensationOf, settleCompensation } from "./compensation.ts";
import { requireReason } from "./decide.ts";
import { sha256 } from "./digest.ts";
import { effectContext } from "./execute.ts";
import { payloadOf } from "./payload-of.ts";
import { persist } from "./persist.ts";
import { stateText } from "./record-state.ts";
import { runCall } from "./run-call.ts";
import type { Runtime } from "./runtime.ts";

/** Who corrects, on whose word, and how far. */
export interface Correction {
  /** The token of the plan, from whoever has looked at it: a plan that was changed since is refused. */
  readonly token: string;
  readonly actor: string;
  readonly reason: string;
  /** Undo also what has no logged `after`, and so cannot be checked for the changes of others. Default false. */
  readonly unchecked?: boolean;
  readonly onProgress?: (progress: CorrectionProgress) => void;
  /** Stops before the next record; what is done is done, and the same plan goes on from there. */
  readonly signal?: AbortSignal;
}

/** How far a correction has come, in rows. */
export interface CorrectionProgress {
  readonly done: number;
  readonly of: number;
}

/** Why a row was left alone: it cannot be undone, it has moved since the plan was made, or it was refused. */
export type SkipReason = UndoObstacle | "gone" | "moved" | "refused";

/** What became of one row. `open`: ask again, by the same plan, or let the sweeper settle it. */
export interface CorrectedRow extends Omit<PlanRow, "place" | "version"> {
  readonly result: "corrected" | "skipped" | "review" | "open";
  readonly reason: SkipReason | string | null;
  /** The request that undid it, or was to. */
  readonly compensation: string | null;
  /** Whether the record was read afterwards, and was as it had been before. */
  readonly restored: boolean | null;
}

/** What became of every row of a correction. */
export interface CorrectionReport {
  readonly token: string;
  /** Under this run the log has everything that the correction did. */
  readonly runId: string;
  /** Read from the store when all was done, row by row, and not what the work itself reported. */
  readonly rows: readonly CorrectedRow[];
  /** Every row is corrected, skipped with a reason, or waits for a person. */
  readonly complete: boolean;
}

/** What a correction would do, after a look at every record; nothing is written. */
export interface CorrectionPreview {
  readonly token: string;
  readonly rows: readonly (Omit<PlanRow, "place" | "version"> & {
    readonly would: "correct" | "review" | "skip" | "continue";
    readonly reason: SkipReason | string | null;
    /** From what the record is now to what it was before. */
    readonly changes: readonly Difference[];
  })[];
}

/** Records worked on side by side; those of one record one after the other. */
const AT_ONCE = 16;
/** Rounds over what is left open, before it is reported as such. */
const PASSES = 3;

/**
 * Undoes the effects of a plan: each by a guarded request of its own, the last one on a record first. A row whose record
 * has moved since is left alone. May be cut off at any point and run again with the same plan.
 *
 * @throws OnceguardError `plan_changed` | `missing_reason`
 */
export async function correct(
  runtime: Runtime,
  ready: () => Promise<void>,
  plan: CorrectionPlan,
  correction: Correction,
): Promise<CorrectionReport> {
  requireReason(correction.actor, correction.reason);
  requirePlan(plan, correction.token);
  const runId = `correction:${plan.token.slice(0, 16)}`;
  const work: Work = { runtime, ready, correction, runId, skipped: new Map() };
  const told = { done: 0, of: plan.rows.length };
  await pass(work, plan.rows, () => {
    told.done += 1;
    correction.onProgress?.({ ...told });
  });
  let rows = await atOnce(AT_ONCE, plan.rows, (row) => proof(work, row));
  // What a store that was away, or a lease of a process that was killed, has left open.
  for (let n = 1; n < PASSES && !correction.signal?.aborted; n++) {
    const open = plan.rows.filter((_, at) => rows[at]?.result === "open");
    if (open.length === 0) break;
    await pass(work, open, () => undefined);
    rows = await atOnce(AT_ONCE, plan.rows, (row) => proof(work, row));
  }
  return { token: plan.token, runId: work.runId, rows, complete: rows.every(({ result }) => result !== "open") };
}

async function pass(work: Work, rows: readonly PlanRow[], onRow: () => void): Promise<void> {
  await atOnce(AT_ONCE, byRecord(rows), async (ofRecord) => {
    for (const row of ofRecord) {
      if (work.correction.signal?.aborted) return;
      const reason = await correctRow(work, row);
      if (reason === null) work.skipped.delete(row);
      else work.skipped.set(row, reason);
      onRow();
    }
  });
}

interface Work {
  readonly runtime: Runtime;
  readonly ready: () => Promise<void>;
  readonly correction: Correction;
  readonly runId: string;
  /** Why rows were left alone, in the last pass that came to them. */
  readonly skipped: Map<PlanRow, SkipReason | string>;
}

/** @throws OnceguardError `plan_changed` */
function requirePlan(plan: CorrectionPlan, token: string): void {
  if (plan?.token === token && planToken(plan.query, plan.rows) === token) return;
  throw new OnceguardError(
    "plan_changed",
    "The plan is not the one that the token stands for: it was changed, or the token is another plan's. Nothing was undone.",
    { token },
  );
}

/** The rows of one record together, the latest effect first: each undo finds the record as its effect had left it. */
function byRecord(rows: readonly PlanRow[]): PlanRow[][] {
  const records = new Map<string, PlanRow[]>();
  for (const row of rows.toSorted((a, b) => b.place - a.place)) {
    const key = JSON.stringify([row.tenant, row.recordId ?? { request: row.requestId }]);
    const known = records.get(key);
    if (known) known.push(row);
    else records.set(key, [row]);
  }
  return [...records.values()];
}

/** Undoes one effect, or goes on with it. @returns why it was left alone; null where it was not. */
async function correctRow(work: Work, row: PlanRow): Promise<SkipReason | string | null> {
  const { runtime, correction } = work;
  const situation = await look(runtime, row, correction.unchecked ?? false);
  if (situation.skip !== null) return situation.skip;
  const { receipt, states } = situation;
  if (receipt.state === "compensated") return null;
  const halt = await haltOn(work, row);
  if (halt !== null) return halt;
  if (receipt.state === "succeeded" && !(await begin(work, receipt))) return "moved";
  const action = runtime.actions.get(row.action);
  const undoing = action && compensationOf(runtime, action);
  if (!undoing) return action ? "no_compensate" : "not_registered";
  const payload = { of: receipt.requestId, record: receipt.recordId, before: states.before, after: states.after };
  const context = { tenant: row.tenant, runId: work.runId, actor: correction.actor };
  const outcome = await runCall(runtime, work.ready, undoing, payload, context);
  if (outcome.receipt) await settleCompensation(runtime, outcome.receipt);
  return refusalOf(outcome);
}

/** Refused before it had a record: what it was to undo stays as it is, and can be gone on with. */
function refusalOf(outcome: Outcome): string | null {
  if (outcome.receipt !== null) return null;
  return "reason" in outcome && outcome.reason ? `${outcome.status}: ${outcome.reason}` : outcome.status;
}

/** Before anything is written: a halt on the tenant, on the undoing of this action, or on this correction. */
async function haltOn({ runtime, runId }: Work, { tenant, action }: PlanRow): Promise<string | null> {
  const subject = { tenant, action: compensationName(action), runId };
  const halt = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.haltFor(subject));
  return halt && `halted: ${halt.reason}`;
}

/** The record says that it is being undone before anything of that is sent. */
async function begin({ runtime, correction, runId }: Work, receipt: Receipt): Promise<boolean> {
  const { actor, reason } = correction;
  const nowhere = { hostScope: null, hostCallId: null, traceId: null, cause: null };
  const by = { runId, actor, ...nowhere };
  const change = transition(receipt, { type: "compensate", actor, reason }, runtime.randomness.token(), by);
  if (isRefusal(change)) return false;
  const answer = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.apply(change));
  return answer.kind === "applied";
}

type Situation =
  | { readonly skip: SkipReason }
  | { readonly skip: null; readonly receipt: Receipt; readonly states: ReturnType<typeof recordStates> };

async function look(runtime: Runtime, row: PlanRow, unchecked: boolean): Promise<Situation> {
  const { store } = runtime;
  const receipt = await persist(runtime, runtime.storeTimeoutMs, () => store.find(row.tenant, row.requestId));
  if (receipt === null) return { skip: "gone" };
  const history = await persist(runtime, runtime.storeTimeoutMs, () => store.log(row.tenant, receipt.requestId));
  if (receipt.state !== "compensating" && receipt.state !== "compensated") {
    const obstacle = obstacleHere(runtime, receipt, history);
    const counts = obstacle !== null && !(obstacle === "after_unknown" && unchecked);
    // What could not be undone when the plan was made is no news; anything else that has happened since is.
    if (receipt.version !== row.version) return { skip: "moved" };
    if (counts) return { skip: obstacle };
  }
  return { skip: null, receipt, states: recordStates(history) };
}

/** What the store knows of a row, whoever did it. */
async function proof(work: Work, row: PlanRow): Promise<CorrectedRow> {
  const { runtime } = work;
  const skipped = work.skipped.get(row) ?? null;
  const { place: _place, version: _version, ...plain } = row;
  const nothing = { ...plain, compensation: null, restored: null };
  const { store } = runtime;
  const receipt = await persist(runtime, runtime.storeTimeoutMs, () => store.find(row.tenant, row.requestId));
  if (receipt === null) return { ...nothing, result: "skipped", reason: "gone" };
  const id = deriveRequestId(sha256, row.tenant, compensationName(row.action), [row.requestId]);
  const undo = await persist(runtime, runtime.storeTimeoutMs, () => store.find(row.tenant, id));
  const known = { ...nothing, compensation: undo === null ? null : id };
  if (receipt.state === "compensated") {
    return { ...known, result: "corrected", reason: null, restored: await isRestored(work, row, undo) };
  }
  if (receipt.state === "review") return { ...known, result: "review", reason: receipt.reason };
  if (receipt.state === "compensating") {
    return undo?.state === "review"
      ? { ...known, result: "review", reason: undo.failure?.message ?? undo.reason }
      : { ...known, result: "open", reason: skipped ?? undo?.state ?? "not_begun" };
  }
  // Its turn did not come: the work was stopped.
  return skipped === null
    ? { ...known, result: "open", reason: "not_begun" }
    : { ...known, result: "skipped", reason: skipped };
}

/** What the undo read after it, against what the effect's own attempt had read before it. */
async function isRestored({ runtime }: Work, row: PlanRow, undo: Receipt | null): Promise<boolean | null> {
  if (undo === null) return null;
  // It was in doubt, and this is how it was settled.
  if (undo.evidence === "probe" && !runtime.actions.get(row.action)?.compensate?.probe) return true;
  const [history, undone] = await Promise.all([
    runtime.store.log(row.tenant, row.requestId),
    runtime.store.log(row.tenant, undo.requestId),
  ]);
  // The history of an undone request goes on after its success: its states are those up to there.
  const { before } = recordStates(history);
  const { after } = recordStates(undone);
  return before === null || after === null ? null : before === after;
}

/** @throws OnceguardError `plan_changed` */
export async function previewCorrection(
  runtime: Runtime,
  plan: CorrectionPlan,
  unchecked: boolean,
): Promise<CorrectionPreview> {
  requirePlan(plan, plan.token);
  const last = new Set(byRecord(plan.rows).map(([latest]) => latest));
  const rows = await atOnce(AT_ONCE, plan.rows, async (planned) => {
    const { place: _place, version, ...row } = planned;
    const situation = await look(runtime, { ...row, version, place: 0 }, unchecked);
    const none = { ...row, changes: [] };
    if (situation.skip !== null) return { ...none, would: "skip", reason: situation.skip } as const;
    const { receipt, states } = situation;
    if (receipt.state === "compensated") return { ...none, would: "skip", reason: "already_undone" } as const;
    if (receipt.state === "compensating") return { ...none, would: "continue", reason: null } as const;
    const { before, after } = states;
    // How the record will be when the later effects on it are undone cannot be looked at yet.
    if (!last.has(planned))
      return { ...row, would: "correct", reason: "after_a_later_one", changes: changesOf(after, before) } as const;
    return { ...row, ...(await wouldDo(runtime, receipt, before, after)) };
  });
  return { token: plan.token, rows };
}

/** By a look at the record as it is now. */
async function wouldDo(runtime: Runtime, receipt: Receipt, before: string | null, after: string | null) {
  const action = runtime.actions.get(receipt.action);
  const reader = action?.after;
  if (!reader || after === null) return { would: "correct", reason: null, changes: changesOf(after, before) } as const;
  const context = { ...effectContext(receipt, new AbortController().signal), result: resultOf(receipt) };
  let now: string | null = null;
  try {
    const state = stateText(await reader(payloadOf(receipt), context), Number.POSITIVE_INFINITY, action.privacy);
    now = "json" in state ? state.json : null;
  } catch {
    return { would: "review", reason: "cannot_be_read", changes: [] } as const;
  }
  const changes = changesOf(now, before);
  if (now === after) return { would: "correct", reason: null, changes } as const;
  return { would: "review", reason: "changed_since", changes } as const;
}

function changesOf(from: string | null, to: string | null): readonly Difference[] {
  return from === null || to === null ? [] : diff(JSON.parse(from) as JsonValue, JSON.parse(to) as JsonValue);
}
