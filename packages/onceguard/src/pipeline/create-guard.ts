import type { AnyAction } from "../core/action.ts";
import type { BlastQuery, CorrectionPlan } from "../core/blast-radius.ts";
import { durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import type { FinalityPolicy } from "../core/finality.ts";
import type { HaltScope } from "../core/halt.ts";
import { type Outcome, outcomeOf } from "../core/outcome.ts";
import type { HaltQuery, LogQuery, ReceiptQuery } from "../core/ports.ts";
import { checkRequestId } from "../core/request-id.ts";
import { type ApprovalGrant, approve, type Denial, deny } from "./approve.ts";
import { blastRadius } from "./blast-radius.ts";
import { calls } from "./calls.ts";
import { type Correction, correct, previewCorrection } from "./correct.ts";
import { createRuntime } from "./create-runtime.ts";
import { found, requireReason } from "./decide.ts";
import { type Erasure, erase } from "./erase.ts";
import { externalClaims } from "./external-claim.ts";
import { guardCase } from "./finality.ts";
import type { By, Guard, GuardOptions } from "./guard.ts";
import { haltScope, resumeScope } from "./halt-scope.ts";
import { DEFAULT_TENANT } from "./identify.ts";
import { lookAtOpen } from "./look-at-open.ts";
import { type Reconciliation, reconcileDue, reconcileOne, startSweeper } from "./reconcile.ts";
import { restore } from "./restore.ts";
import { expire } from "./retention.ts";
import { type Decision, reopen, resolve } from "./review.ts";
import { goOn } from "./runtime.ts";
import { recordSpilled } from "./spill.ts";
import { type GivenEvidence, takeEvidence } from "./take-evidence.ts";
import { tellPeople } from "./tell-people.ts";

/** Lists are capped unless the caller says otherwise. */
const DEFAULT_LIMIT = 100;

/**
 * Makes a guard over a store.
 *
 * @throws OnceguardError `invalid_option` | `duplicate_action`
 */
export function createGuard<const Actions extends readonly AnyAction[] = readonly []>(
  options: GuardOptions<Actions>,
): Guard<Actions> {
  const { store } = options;
  if (typeof store?.claim !== "function") {
    throw new OnceguardError(
      "invalid_option",
      'createGuard needs a store, such as sqliteStore({ path: "onceguard.db" }) from "onceguard/sqlite".',
      { option: "store" },
    );
  }
  const closing = new AbortController();
  const aborting = new AbortController();
  let released = false;
  let started = false;
  const runtime = createRuntime(options, closing.signal, aborting.signal, () => released);
  const sweepMs = options.sweepEvery === false ? null : durationMs(options.sweepEvery ?? "5s", "sweepEvery");
  let stopSweeper: (() => void) | null = null;
  let closed: Promise<void> | null = null;

  async function ready(): Promise<void> {
    if (released) {
      throw new OnceguardError("store_unavailable", "The guard is closed. Make a new one.", { applied: "no" });
    }
    await runtime.ready();
    if (!started) {
      started = true;
      // Nothing waits for it: what a call asks about meanwhile is still honestly in doubt.
      goOn(runtime, runtime.background, recordSpilled(runtime));
    }
    if (sweepMs !== null && !closing.signal.aborted) stopSweeper ??= startSweeper(runtime, sweepMs);
  }

  /** The verbs that need the store from their first step. */
  const whenReady =
    <Parameters extends unknown[], Answer>(verb: (...parameters: Parameters) => Promise<Answer>) =>
    async (...parameters: Parameters): Promise<Answer> => {
      await ready();
      return verb(...parameters);
    };

  async function reconcile(requestId?: string, at: At = {}): Promise<Outcome | Reconciliation> {
    if (requestId !== undefined) {
      const receipt = await found(runtime, tenantOf(at), requestId);
      return outcomeOf(await reconcileOne(runtime, receipt, true));
    }
    const pass = await reconcileDue(runtime);
    await tellPeople(runtime);
    await lookAtOpen(runtime);
    return pass;
  }

  const guard = {
    ...calls(runtime, ready),
    external: (definitions: readonly AnyAction[]) => externalClaims(runtime, ready, definitions),
    receipt: whenReady((requestId: string, at: At = {}) => runtime.store.find(tenantOf(at), checkRequestId(requestId))),
    receipts: whenReady((query: Partial<ReceiptQuery> = {}) => store.list({ limit: DEFAULT_LIMIT, ...query })),
    reviews: whenReady((query: Partial<ReceiptQuery> = {}) =>
      store.list({ limit: DEFAULT_LIMIT, ...query, states: ["review"], order: "longest_due" }),
    ),
    log: whenReady(async (about: string | Partial<LogQuery> = {}, at: At = {}) => {
      await runtime.sideLog?.flush();
      return typeof about === "string"
        ? store.log(tenantOf(at), about)
        : store.searchLog({ limit: DEFAULT_LIMIT, ...about });
    }),
    blastRadius: whenReady((query: BlastQuery) => blastRadius(runtime, query)),
    previewCorrection: whenReady((plan: CorrectionPlan, { unchecked = false }: { readonly unchecked?: boolean } = {}) =>
      previewCorrection(runtime, plan, unchecked),
    ),
    correct: whenReady((plan: CorrectionPlan, correction: Correction) => correct(runtime, ready, plan, correction)),
    resolve: whenReady((requestId: string, decision: Decision) =>
      resolve(runtime, tenantOf(decision), requestId, said(decision)),
    ),
    reopen: whenReady((requestId: string, by: By) => reopen(runtime, tenantOf(by), requestId, said(by))),
    approve: whenReady((requestId: string, grant: ApprovalGrant) =>
      approve(runtime, tenantOf(grant), requestId, said(grant)),
    ),
    deny: whenReady((requestId: string, denial: Denial) => deny(runtime, tenantOf(denial), requestId, said(denial))),
    evidence: whenReady((requestId: string, given: GivenEvidence) =>
      takeEvidence(runtime, tenantOf(given), requestId, given),
    ),
    halt: whenReady((scope: HaltScope, id: string, by: By) => haltScope(runtime, scope, id, said(by))),
    resume: whenReady((scope: HaltScope, id: string, by: By) => resumeScope(runtime, scope, id, said(by))),
    halts: whenReady((query: Partial<HaltQuery> = {}) => store.halts({ limit: DEFAULT_LIMIT, ...query })),
    case: (id: string, at: At & { readonly policy?: Partial<FinalityPolicy> } = {}) =>
      guardCase(runtime, ready, tenantOf(at), id, at.policy),
    expire: whenReady((retention: Parameters<Guard["expire"]>[0]) => expire(runtime, retention)),
    erase: whenReady((erasure: Erasure) => erase(runtime, erasure)),
    restore: whenReady((restoration: Parameters<Guard["restore"]>[0]) => restore(runtime, restoration)),
    endRestore: whenReady(async (by: { readonly actor: string; readonly reason: string }) => {
      const { actor, reason } = said(by);
      requireReason(actor, reason);
      return store.endEpoch(by);
    }),
    reconcile: whenReady(reconcile),
    tellPeople: whenReady(() => tellPeople(runtime)),
    close: () => {
      closed ??= close();
      return closed;
    },
  };

  async function close(): Promise<void> {
    closing.abort();
    stopSweeper?.();
    await within(runtime.graceMs, () => [...working(), ...runtime.late]);
    aborting.abort();
    // What was told to stop is being recorded as in doubt; an effect that never answers must not keep the process.
    await within(runtime.graceMs, working);
    if (started) await runtime.sideLog?.flush().catch(runtime.report);
    released = true;
    await store.close();
  }

  function working(): Promise<unknown>[] {
    return [...runtime.background, ...[...runtime.inFlight.values()].map((flight) => flight.outcome)];
  }

  /** Until nothing of it is left (finished work may start some more), but not longer than `ms`. */
  async function within(ms: number, work: () => Promise<unknown>[]): Promise<void> {
    const done = new AbortController();
    const drain = async (): Promise<void> => {
      while (work().length > 0 && !done.signal.aborted) await Promise.allSettled(work());
      done.abort();
    };
    await Promise.race([drain(), runtime.clock.sleep(ms, done.signal)]);
    done.abort();
  }

  return guard as unknown as Guard<Actions>;
}

interface At {
  readonly tenant?: string;
}

/** A decision without a word is refused like one of blanks, and not by a TypeError. */
function said<By extends object>(by: By): By {
  return by ?? ({} as By);
}

function tenantOf(at: At): string {
  return at?.tenant ?? DEFAULT_TENANT;
}
