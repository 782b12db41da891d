import { stripVTControlCharacters } from "node:util";
import type { LogEntry } from "../../../core/ports.ts";
import { count, paint, print, visible } from "../../output.ts";
import { allHold, chargedCents, type Findings, type JudgedResult, type Totals, tally, totals } from "./findings.ts";
import { AMOUNT_CENTS } from "./scenarios.ts";

/** The findings on a terminal, at most 80 columns wide. */
export function printFindings(findings: Findings): void {
  const { results } = findings;
  print();
  print(`One agent that retries, one payment of ${money(AMOUNT_CENTS)} to make, and what can go wrong.`);
  print(paint("dim", "The unguarded tool has a time-out, and sends its call id as Idempotency-Key."));
  print(paint("dim", "Payments are counted in the provider's own ledger, and nowhere else."));
  print();
  printHead();
  for (const result of results) printResult(result);
  print();
  printTotals(findings);
  print();
  for (const line of nextSteps(findings)) print(paint("dim", line));
}

function printHead(): void {
  print(paint("dim", `${" ".repeat(50)}Unguarded           Guarded`));
  const titles = ["", "Scenario", "Provider", "Intents", "Paid", "Charged", "Paid", "Charged"];
  print(paint("dim", row(titles)));
}

function printResult(result: JudgedResult): void {
  const { scenario, unguarded, guarded, problems } = result;
  const good = problems.length === 0;
  print(
    row([
      good ? paint("green", "✔") : paint("red", "✖"),
      paint("bold", scenario.title),
      scenario.terms.idempotencyKeys ? "keys" : "lookup",
      "1",
      ...figures(unguarded.payments.length, chargedCents(unguarded.payments)),
      ...figures(guarded.payments.length, chargedCents(guarded.payments)),
    ]),
  );
  print(paint("dim", `  ${story(result)}`));
  for (const problem of problems) print(paint("red", `  ${visible(problem)}`));
}

/** One payment for one intent is as it should be; everything else is money lost or a bill unpaid. */
function figures(payments: number, cents: number): readonly string[] {
  const style = payments === 1 ? "green" : "red";
  return [paint(style, String(payments)), paint(style, money(cents))];
}

const WIDTHS = [1, 27, 8, 7, 6, 9, 5, 8];
const RIGHT_FROM = 3;

function row(cells: readonly string[]): string {
  const padded = cells.map((cell, n) => {
    const space = " ".repeat(Math.max(0, (WIDTHS[n] ?? 0) - stripVTControlCharacters(cell).length));
    return n < RIGHT_FROM ? cell + space : space + cell;
  });
  return padded.join(" ");
}

/** What the guard wrote down on the way to its receipt, and what its callers were told. */
function story({ guarded }: JudgedResult): string {
  const { history, receipts, answers } = guarded;
  const [receipt] = receipts;
  const steps = history.flatMap((entry) => WORDS[entry.event] ?? []);
  const way = steps.filter((step, n) => step !== steps[n - 1]);
  const end = receipt ? `${receipt.state}${receipt.evidence ? ` (${receipt.evidence})` : ""}` : "no receipt";
  const told = Object.entries(tally(answers)).sort(([a], [b]) => (a < b ? -1 : 1)); // executed before replayed
  const answered = told.map(([status, n]) => (answers.length === 1 ? status : `${n} ${status}`)).join(", ");
  const drifted = history.some(({ event }) => event === "drift") ? " · other words" : "";
  return `${[...way, end].join(" → ")} · ${answered}${drifted}`;
}

/** The steps of the way that are not plain from where it ends. */
const WORDS: Readonly<Record<LogEntry["event"], string>> = {
  indefinite: "in doubt",
  lapse: "lease ran out",
  resend: "sent again, same key",
  probe_happened: "lookup: paid",
  probe_did_not_happen: "lookup: not paid",
  retry: "sent again",
  late_success: "late answer",
  give_up: "given up",
};

function printTotals(findings: Findings): void {
  const [unguarded, guarded] = [totals(findings, "unguarded"), totals(findings, "guarded")];
  const line = ({ intents, payments, chargedCents }: Totals): string =>
    `${count(intents, "intent")}, ${count(payments, "payment")}, ${money(chargedCents)} charged.`;
  print(`Unguarded: ${paint("bold", line(unguarded))}`);
  print(`Guarded: ${paint("bold", line(guarded))}`);
}

function nextSteps(findings: Findings): readonly string[] {
  const { store, ledger, seconds } = findings;
  // In a clone of the repository there is no `onceguard` on the PATH.
  const [cli, again] =
    process.env.npm_lifecycle_event === "demo"
      ? ["node packages/onceguard/dist/cli/main.js", "npm run demo --"]
      : ["onceguard", "onceguard demo"];
  const kept = [
    ...(store === null ? [] : [`Receipts: ${cli} receipts --store ${store}`]),
    ...(ledger === null ? [] : [`Ledger:   ${ledger}`]),
  ];
  return [
    ...(kept.length > 0 ? kept : [`Look closer: \`${again} --keep\` keeps the receipts and the ledger.`]),
    "What is promised, and on what conditions: README.md.",
    `${allHold(findings) ? "All of it held" : "Not all of it held"}, in ${seconds.toFixed(1)} s.`,
  ];
}

function money(cents: number): string {
  return (cents / 100).toLocaleString("en-US", { minimumFractionDigits: 2 });
}
