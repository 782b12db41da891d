import { logEntryOnWire, receiptSummary } from "../../wire.ts";
import { allHold, chargedCents, type Findings, type JudgedResult, tally, totals } from "./findings.ts";
import type { Side } from "./messages.ts";

/** The findings as one JSON document, for `--json`. */
export function findingsDocument(findings: Findings): Record<string, unknown> {
  const { runId, seconds, results, store, ledger } = findings;
  return {
    ok: allHold(findings),
    run_id: runId,
    seconds,
    store,
    ledger,
    totals: { unguarded: totalsOf(findings, "unguarded"), guarded: totalsOf(findings, "guarded") },
    scenarios: results.map((result) => ({
      id: result.scenario.id,
      title: result.scenario.title,
      ok: result.problems.length === 0,
      problems: result.problems,
      intents: 1,
      invoice: result.invoice,
      provider: { idempotency_keys: result.scenario.terms.idempotencyKeys, lookup: result.scenario.terms.lookup },
      unguarded_must_duplicate: result.scenario.unguardedDuplicates,
      unguarded: sideOf(result, "unguarded"),
      guarded: {
        ...sideOf(result, "guarded"),
        receipts: result.guarded.receipts.map(receiptSummary),
        history: result.guarded.history.map(logEntryOnWire),
      },
    })),
  };
}

function totalsOf(findings: Findings, side: Side) {
  const { intents, payments, chargedCents } = totals(findings, side);
  return { intents, payments, charged_cents: chargedCents };
}

function sideOf(result: JudgedResult, side: Side) {
  const { answers, deaths, payments } = result[side];
  return {
    payments: payments.length,
    charged_cents: chargedCents(payments),
    answers: tally(answers),
    /** `kill -9`: where, and what stood in the ledger and in the store at that moment. */
    kills: deaths,
    ledger: payments,
  };
}
