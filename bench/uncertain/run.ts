/**
 * What really happens in the outside world when it is not certain whether a call was completed: every contender through
 * every fault, in four worlds, judged by the worlds' own ledger.
 *
 *   npm run bench:uncertain [-- --only naive,Onceguard --faults crash-07,clean --effects payment,email --quick --json FILE]
 *
 * `--quick` is for CI: Onceguard and the naive caller, a few faults; it fails when Onceguard has any duplicate, lost effect
 * or wrong answer. A run of everything writes bench/uncertain/results/ and the chart in docs/images/.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPostgres } from "../../packages/onceguard/test/support/postgres.ts";
import { drawChart } from "./chart.ts";
import type { Effect } from "./contender.ts";
import { FAULTS } from "./faults.ts";
import { inOrder, judge, type Verdict } from "./judge.ts";
import { loadContenders } from "./load-contenders.ts";
import { EFFECTS } from "./offers.ts";
import { markdown, raw, reportOf, terminal } from "./report.ts";
import { runTracks } from "./run-tracks.ts";
import { type LedgerLine, startWorld } from "./world.ts";

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    faults: { type: "string" },
    effects: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    "at-once": { type: "string", default: "8" },
  },
});
const QUICK = {
  contenders: ["naive", "Onceguard"],
  faults: ["clean", "crash-04", "crash-07", "crash-10", "lost-response", "400-refused", "twice-2-processes"],
};

const progress = (line: string): void => void process.stderr.write(`${line}\n`);
const isNamed = (name: string, list: string | undefined, quick?: readonly string[]): boolean =>
  list !== undefined
    ? list.split(",").some((one) => one.trim() === name)
    : !options.quick || !quick || quick.includes(name);

const entries = (await loadContenders(progress)).filter(({ contender }) =>
  isNamed(contender.name, options.only, QUICK.contenders),
);
const faults = FAULTS.filter(({ name }) => isNamed(name, options.faults, QUICK.faults));
const effects = EFFECTS.filter((effect: Effect) => isNamed(effect, options.effects));
const isWhole = !options.only && !options.faults && !options.effects && !options.quick;

const started = performance.now();
const logs = mkdtempSync(join(tmpdir(), "onceguard-uncertain-"));
const postgres = await startPostgres();
const world = await startWorld(join(logs, "ledger.ndjson"));
let ledger: readonly LedgerLine[];
let verdicts: readonly Verdict[];
try {
  const cases = await runTracks({
    entries,
    effects,
    faults,
    world,
    postgres: postgres.url,
    logs,
    atOnce: Number(options["at-once"]),
    onCase: (one) => {
      const { contender, effect, fault, effects: times, told, error, hit } = judge(one, world.ledger());
      const took = `${((told.at(-1)?.afterMs ?? 0) / 1_000).toFixed(1)} s`;
      progress(
        `${contender.padEnd(24)} ${effect.padEnd(8)} ${fault.padEnd(20)} ${error ?? `${hit ? "" : "(not hit) "}happened ${times}x; told: ${inOrder(told)}; ${took}`}`,
      );
    },
  });
  // Only now: what happens late happens, too.
  ledger = world.ledger();
  verdicts = cases.map((one) => judge(one, ledger));
} finally {
  await world.stop();
  await postgres.stop();
}

const report = reportOf({ entries, faults, verdicts, tookMs: performance.now() - started });
process.stdout.write(terminal(report));
if (options.json) writeFileSync(options.json, raw(report));
if (isWhole) {
  const folder = new URL("./results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL("results.json", folder), raw(report));
  writeFileSync(new URL("table.md", folder), markdown(report));
  writeFileSync(new URL("../../docs/images/uncertain-completion.svg", import.meta.url), drawChart(report));
}
progress(`logs and ledger: ${logs}`);

// Onceguard has to keep its promise on a busy machine, too.
const all = verdicts.flatMap((one) => [one, ...(one.earlier ?? []).map((each) => judge(each, ledger))]);
const bad = all.filter(
  ({ contender, duplicates, lost, wrong, error }) =>
    contender.startsWith("Onceguard") && (duplicates > 0 || lost || wrong || error !== undefined),
);
for (const { intent, effects: times, told } of bad) {
  progress(`NOT AS PROMISED: ${intent}: happened ${times}x, told: ${inOrder(told)}`);
}
process.exit(bad.length > 0 ? 1 : 0);
