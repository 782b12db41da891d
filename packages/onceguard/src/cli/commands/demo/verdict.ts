import type { ScenarioResult, SideResult } from "./run-scenario.ts";
import { AMOUNT_CENTS } from "./scenarios.ts";

/**
 * Judges one scenario by the ledger: what does not hold, in words; nothing when all holds. The ledger is the only
 * witness of payments. What the guard and the agents say is compared with it, and never counted.
 */
export function problemsOf({ scenario, invoice, unguarded, guarded }: ScenarioResult): readonly string[] {
  const problems: string[] = [];
  const unless = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };

  const [payment] = guarded.payments;
  unless(guarded.payments.length === 1, `guarded: ${guarded.payments.length} payments for 1 intent`);
  unless(
    guarded.payments.every((one) => one.invoice === invoice && one.amount_cents === AMOUNT_CENTS),
    "guarded: something else was paid than what was asked for",
  );

  const [receipt] = guarded.receipts;
  unless(guarded.receipts.length === 1, `guarded: ${guarded.receipts.length} receipts for 1 intent`);
  unless(
    receipt?.state === "succeeded" && !receipt.conflict,
    `guarded: the receipt is ${receipt?.conflict ? "in conflict" : (receipt?.state ?? "missing")}, not succeeded`,
  );

  const expected = scenario.waves.reduce(
    (sum, { calls, kill }) => sum + (kill ? 0 : calls.reduce((all, some) => all + some, 0)),
    0,
  );
  unless(guarded.answers.length === expected, `guarded: ${guarded.answers.length} of ${expected} calls were answered`);
  const wrong = guarded.answers.find((answer) => answer.payment_id !== payment?.payment_id);
  unless(!wrong, `guarded: a caller was not given the payment, but: ${wrong?.error ?? wrong?.payment_id}`);

  unless(unguarded.payments.length > 0, "unguarded: nothing was paid, so there is nothing to compare with");
  unless(
    !scenario.unguardedDuplicates || unguarded.payments.length > 1,
    "unguarded: there is no duplicate, so the scenario has shown nothing",
  );

  unless(
    !scenario.otherWords || guarded.history.some(({ event }) => event === "drift"),
    "guarded: no call came in other words, so the scenario has shown nothing",
  );

  const kills = scenario.waves.filter(({ kill }) => kill !== undefined).length;
  unless(diedWhereTheyShould(unguarded, kills, null), "unguarded: the agent was not killed at the intended point");
  unless(diedWhereTheyShould(guarded, kills, "running"), "guarded: the agent was not killed at the intended point");
  return problems;
}

/** Killed after the payment was on the disk, or before; and guarded: between the claim and the receipt. */
function diedWhereTheyShould({ deaths }: SideResult, kills: number, receipt: string | null): boolean {
  return (
    deaths.length === kills &&
    deaths.every((death) => death.payments === (death.point === "after_commit" ? 1 : 0) && death.receipt === receipt)
  );
}
