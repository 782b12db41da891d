import assert from "node:assert/strict";
import type { ClaimRequest } from "../../core/claim.ts";
import {
  advance as advanced,
  firstReceipt,
  isRefusal,
  type LifecycleEvent,
  rowFor,
  TRANSITIONS,
  type TransitionRow,
  transition,
} from "../../core/lifecycle.ts";
import { transitionLine } from "../../core/log-line.ts";
import type { Store } from "../../core/ports.ts";
import { type Receipt, STATES, type StoredResult } from "../../core/receipt.ts";
import type { StoreContractCase } from "./context.ts";
import {
  APPROVE,
  change,
  claimRequest,
  DEFINITE,
  found,
  HOLD,
  INDEFINITE,
  sameRecord,
  withoutPlace,
} from "./fixtures.ts";

/** The ways in which a record can begin. */
const STARTS: readonly Pick<ClaimRequest, "start" | "tracked">[] = [
  // A lease of nothing: a lapse may follow at once.
  { start: { state: "running", leaseMs: 0 }, tracked: false },
  { start: { state: "running", leaseMs: 0 }, tracked: true },
  { start: { state: "held", hold: HOLD, dueInMs: 1_000 }, tracked: false },
  // Recorded for later, and put in doubt by a restore: neither has ever been sent by us.
  { start: { state: "retry_wait" }, tracked: false },
  { start: { state: "in_doubt", sentFrom: 1_000, sentUntil: 2_000 }, tracked: false },
];

const RESULTS: readonly (StoredResult | null)[] = [{ json: '{"id":"re_1"}' }, { omitted: "too_large" }, null];

/** Each kind of event in its variants, for a record as it stands. The first ones are those that build states. */
function events(receipt: Receipt): LifecycleEvent[] {
  const { fencingToken } = receipt;
  const failed = { type: "definite_failure", failure: DEFINITE, route: null, reason: null } as const;
  const resolve = { type: "resolve", actor: "ada", reason: "checked", result: null } as const;
  const late = { type: "late_success", result: { json: "1" } } as const;
  return [
    ...RESULTS.map((result) => ({ type: "success", result }) as const),
    { type: "success", result: null, before: '{"status":"open"}', after: '{"status":"paid"}' },
    { ...failed, retryInMs: null },
    { ...failed, retryInMs: 0 },
    { ...failed, retryInMs: 250 },
    { ...failed, retryInMs: null, route: "domain_expert", reason: "conflict" },
    { type: "indefinite", failure: INDEFINITE, nextInMs: 0 },
    { type: "indefinite", failure: INDEFINITE, nextInMs: 5_000 },
    { type: "shutdown", nextInMs: 1 },
    { type: "lapse" },
    { type: "retry", leaseMs: 0 },
    { type: "retry", leaseMs: 60_000 },
    { type: "resend", leaseMs: 0, notAfter: null },
    { type: "resend", leaseMs: 60_000, notAfter: null },
    ...RESULTS.map((result) => ({ type: "probe_happened", result }) as const),
    { type: "probe_did_not_happen", retryInMs: null },
    { type: "probe_did_not_happen", retryInMs: 700 },
    { type: "probe_cannot_tell", nextInMs: 30_000 },
    { type: "give_up", reason: "no_capability", route: "operator" },
    ...RESULTS.map((result) => ({ ...resolve, decision: "happened", result }) as const),
    { ...resolve, decision: "did_not_happen" },
    { ...resolve, decision: "retry" },
    { type: "reopen", actor: "ada", reason: "the card works again" },
    { type: "compensate", actor: "ada" },
    { type: "compensate", actor: null },
    { type: "compensated" },
    { type: "compensation_failed", reason: "refund_refused" },
    { type: "expire" },
    { ...late, fencingToken, sameKey: false },
    { ...late, fencingToken: fencingToken - 1, sameKey: false },
    { ...late, fencingToken: fencingToken - 1, sameKey: true },
    APPROVE,
    { type: "keep_held", hold: { ...HOLD, waitsFor: "case", caseId: "match:1", outcome: "won" }, nextInMs: 500 },
    { type: "release", leaseMs: 0, notAfter: null },
    { type: "release", leaseMs: 60_000, notAfter: 4_102_444_800_000 },
    { type: "dispatch" },
    { type: "dispatch", before: '{"status":"open"}' },
    { type: "restored" },
    { ...late, fencingToken: null, sameKey: true, source: "a webhook" },
    { ...late, fencingToken: null, sameKey: false, source: "a webhook" },
    { type: "late_denial", source: "a webhook", sameKey: true },
    { type: "deny", actor: "ada", reason: "no" },
  ];
}

interface Situation {
  readonly receipt: Receipt;
  readonly begun: Pick<ClaimRequest, "start" | "tracked">;
  /** The way there from its beginning. */
  readonly path: readonly LifecycleEvent[];
}

/** Every state that can be reached, with and without a possible effect, by the shortest way. */
function situations(): readonly Situation[] {
  const reached = new Map<string, Situation>();
  for (const begun of STARTS) {
    const receipt = firstReceipt(claimRequest("pure", begun), 0);
    reached.set(kindOf(receipt), { receipt, begun, path: [] });
  }
  for (const { receipt, begun, path } of reached.values()) {
    for (const event of events(receipt)) {
      const made = transition(receipt, event, "pure");
      if (isRefusal(made)) continue;
      const next = advanced(made, 0);
      if (!reached.has(kindOf(next))) reached.set(kindOf(next), { receipt: next, begun, path: [...path, event] });
    }
  }
  return [...reached.values()];
}

function kindOf({ state, mayHaveApplied, conflict, result, dispatched, evidence, attemptNumber }: Receipt): string {
  const isSent = attemptNumber > 0;
  const flags = { mayHaveApplied, conflict, result: result !== null, dispatched, evidence: evidence !== null, isSent };
  return `${state} ${JSON.stringify(flags)}`;
}

/** Enough to meet in batches, and few enough for a store with a handful of connections. */
const AT_ONCE = 24;

export const everyRow: readonly StoreContractCase[] = STATES.map((state) => ({
  name: `apply: every transition from ${state} writes exactly what the lifecycle says`,
  async run({ store }) {
    const rows = new Set<TransitionRow | undefined>();
    const steps = situations()
      .filter(({ receipt }) => receipt.state === state)
      .flatMap(({ receipt, begun, path }) =>
        events(receipt)
          .filter((event) => !isRefusal(transition(receipt, event, "pure")))
          .map((event) => {
            rows.add(rowFor(receipt, event));
            return { event, begun, path };
          }),
      );
    for (let n = 0; n < steps.length; n += AT_ONCE) {
      const some = steps.slice(n, n + AT_ONCE);
      await Promise.all(some.map(({ event, begun, path }, m) => check(store, `${state}-${n + m}`, begun, path, event)));
    }
    for (const row of TRANSITIONS) {
      if (row.from.includes(state)) assert.ok(rows.has(row), `row ${row.row}, ${row.on}: no event for it here`);
    }
  },
}));

async function check(
  store: Store,
  requestId: string,
  begun: Pick<ClaimRequest, "start" | "tracked">,
  path: readonly LifecycleEvent[],
  last: LifecycleEvent,
): Promise<void> {
  const made = await store.claim(claimRequest(requestId, { ...begun, recordId: null, runId: requestId }));
  assert.ok(made.kind === "claimed" || made.kind === "recorded");
  let receipt = made.kind === "claimed" ? made.claim.receipt : made.receipt;
  const log = await store.log(receipt.tenant, requestId);
  const expectedLog = log.map(withoutPlace);
  for (const event of [...path, last]) {
    const made = change(receipt, event);
    const answer = await store.apply(made);
    assert.equal(answer.kind, "applied", `${requestId}: ${event.type}`);
    const expected = advanced(made, answer.receipt.updatedAt);
    assert.deepEqual(answer.receipt, expected);
    assert.ok(expected.updatedAt >= receipt.updatedAt);
    sameRecord(await found(store, receipt), expected);
    expectedLog.push({ ...transitionLine(made, expected), at: expected.updatedAt });
    receipt = expected;
  }
  assert.deepEqual((await store.log(receipt.tenant, requestId)).map(withoutPlace), expectedLog);
}
