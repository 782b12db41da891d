import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { CorrectionPlan } from "../../../core/blast-radius.ts";
import type { CorrectionPreview, CorrectionReport } from "../../../pipeline/correct.ts";
import { differenceOnWire, planFromWire } from "../../../wire/blast-radius.ts";
import { actorOf } from "../../actor.ts";
import { changeText } from "../../change-text.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { count, note, paint, print, printJson, printTable, progress, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, type Session, withGuard } from "../../session.ts";
import { snakeKeys } from "../../wire.ts";
import { progressBar } from "./progress-bar.ts";

interface Options extends CommonOptions {
  readonly dryRun?: boolean;
  readonly token?: string;
  readonly reason?: string;
  readonly actor?: string;
  readonly unchecked?: boolean;
}

const MOST_ROWS = 50;

export function correctCommand(): Command {
  return command(
    "correct",
    "Undo the effects of a plan that `onceguard blast-radius --plan` has written: each by its action's `compensate`, as a guarded request of its own, only where the record still is as the effect left it. Whatever somebody else has changed since goes to a person. It may be killed at any point and run again; at the end every row is read once more.",
    {
      summary: "undo the effects of a blast radius, once each",
      examples: [
        "onceguard blast-radius --run run-42 --plan plan.json",
        "onceguard correct plan.json --dry-run",
        'onceguard correct plan.json --token 3f2c... --reason "the rule was wrong"',
      ],
      exits: [
        ["0", "every row is corrected, skipped with a reason, or waits for a person"],
        ["1", "some rows are open (run it again), the plan was changed, or the store cannot be used"],
        ["2", "bad usage: nothing was undone"],
      ],
    },
  )
    .argument("<plan>", "the file that `onceguard blast-radius --plan` has written")
    .option("--dry-run", "look at every record and say what would be done")
    .option("--token <token>", "the token of the plan, from whoever has looked at it")
    .option("--reason <text>", "why; kept in the log")
    .option("--actor <name>", "who corrects (default: the user of this machine)")
    .option("--unchecked", "undo also what has no logged state to compare with")
    .action((file: string, options: Options) => conclude(options, () => correct(file, options)));
}

async function correct(file: string, options: Options): Promise<number> {
  const plan = readPlan(file);
  const { token, reason } = options;
  if (options.dryRun) return withGuard(options, { actions: true }, (session) => dryRun(session, plan, options));
  if (token === undefined) throw new UsageError("--token is missing: look at the plan with --dry-run, which says it");
  if (reason === undefined) throw new UsageError("--reason is missing: why is this undone?");
  const report = await withGuard(options, { actions: true }, ({ guard }) => run(guard, plan, token, reason, options));
  if (options.json) printJson(reportOnWire(report));
  else printReport(report, file);
  return report.complete ? EXIT.ok : EXIT.not;
}

async function run(
  guard: Session["guard"],
  plan: CorrectionPlan,
  token: string,
  reason: string,
  options: Options,
): Promise<CorrectionReport> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const bar = progressBar();
  try {
    return await guard.correct(plan, {
      token,
      reason,
      actor: actorOf(options),
      unchecked: options.unchecked ?? false,
      onProgress: bar,
      signal: stop.signal,
    });
  } finally {
    progress(null);
    if (stop.signal.aborted) note("stopped; the same command goes on from here");
  }
}

function readPlan(file: string): CorrectionPlan {
  let wire: unknown;
  try {
    wire = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new UsageError(`the plan ${file} cannot be read: ${(error as Error).message}`);
  }
  const plan = planFromWire(wire);
  if (plan) return plan;
  throw new UsageError(`${file} is no plan; \`onceguard blast-radius --plan FILE\` writes one`);
}

async function dryRun({ guard }: Session, plan: CorrectionPlan, options: Options): Promise<number> {
  const preview = await guard.previewCorrection(plan, { unchecked: options.unchecked ?? false });
  if (options.json) printJson({ dry_run: true, token: preview.token, rows: preview.rows.map(previewOnWire) });
  else printPreview(preview);
  return EXIT.ok;
}

function previewOnWire({ changes, ...row }: CorrectionPreview["rows"][number]): Record<string, unknown> {
  return { ...snakeKeys(row), changes: changes.map(differenceOnWire) };
}

function printPreview({ rows, token }: CorrectionPreview): void {
  if (rows.length === 0) {
    print("The plan is empty.");
    return;
  }
  printTable(
    [
      { title: "RECORD", shrink: true },
      { title: "ACTION" },
      { title: "WOULD" },
      { title: "NOW -> THEN", shrink: true },
    ],
    rows
      .slice(0, MOST_ROWS)
      .map(({ recordId, action, would, reason, changes }) => [
        visible(recordId ?? "-"),
        visible(action),
        paint(would === "correct" || would === "continue" ? "green" : "yellow", reason ? `${would}: ${reason}` : would),
        would === "skip" ? "-" : changeText(changes),
      ]),
  );
  if (rows.length > MOST_ROWS) print(paint("dim", `... and ${rows.length - MOST_ROWS} more (--json)`));
  print();
  print(`${totals(rows.map(({ would }) => would))}. Nothing was changed.`);
  print(`To do it: onceguard correct PLAN --token ${token} --reason TEXT`);
}

function reportOnWire({ token, runId, rows, complete }: CorrectionReport): Record<string, unknown> {
  return { token, run_id: runId, complete, rows: rows.map((row) => snakeKeys({ ...row })) };
}

function printReport({ rows, runId, complete }: CorrectionReport, file: string): void {
  const notDone = rows.filter(({ result }) => result !== "corrected");
  if (notDone.length > 0) {
    printTable(
      [
        { title: "RECORD", shrink: true },
        { title: "REQUEST", shrink: true },
        { title: "RESULT" },
        { title: "WHY", shrink: true },
      ],
      notDone
        .slice(0, MOST_ROWS)
        .map(({ recordId, requestId, result, reason }) => [
          visible(recordId ?? "-"),
          visible(requestId),
          paint("yellow", result),
          visible(reason ?? "-"),
        ]),
    );
    if (notDone.length > MOST_ROWS) print(paint("dim", `... and ${notDone.length - MOST_ROWS} more (--json)`));
    print();
  }
  const differs = rows.filter(({ restored }) => restored === false).length;
  print(`${count(rows.length, "row")}: ${totals(rows.map(({ result }) => result))}.`);
  if (differs > 0)
    print(paint("yellow", `${count(differs, "record")} were undone and are not as they had been before.`));
  if (complete) print(`Every row is accounted for. What was done: onceguard log --run ${runId}`);
  else print(`Some are open. Go on with the same command: onceguard correct ${file} ...`);
}

function totals(kinds: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, n]) => `${n} ${kind}`).join(", ");
}
