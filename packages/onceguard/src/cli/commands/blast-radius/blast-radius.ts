import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import type { BlastRadius, Touched } from "../../../core/blast-radius.ts";
import { diff } from "../../../core/diff.ts";
import { blastRadiusOnWire, planOnWire } from "../../../wire/blast-radius.ts";
import { type BlastOptions, blastQuery, withBlastOptions } from "../../blast-query.ts";
import { changeText } from "../../change-text.ts";
import { UsageError } from "../../exit.ts";
import { count, paint, paintState, print, printFields, printJson, printTable, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";
import { blastRadiusPage } from "./page.ts";

interface Options extends CommonOptions, BlastOptions {
  readonly html?: string;
  readonly plan?: string;
}

const MOST_ROWS = 50;

export function blastRadiusCommand(): Command {
  return withBlastOptions(
    command(
      "blast-radius",
      "Exactly the records that something touched: each with what it was before and after, its receipt, what came later on it, and what cannot be undone. What certainly did not happen is not in it. Filters are combined; a request is in when one of its attempts fits.",
      {
        summary: "exactly which records a run or an action touched",
        examples: [
          "onceguard blast-radius --run run-42",
          "onceguard blast-radius --action flag_shipment --since 2026-11-20T14:00:00Z --where priority=urgent",
          "onceguard blast-radius --run run-42 --html report.html",
          "onceguard blast-radius --run run-42 --plan plan.json   # then: onceguard correct plan.json --dry-run",
        ],
        exits: [
          ["0", "shown, even if nothing was touched"],
          ["1", "the store is not there or cannot be used"],
          ["2", "bad usage"],
        ],
      },
    ),
  )
    .option("--html <file>", "write a page that needs nothing else")
    .option("--plan <file>", "write the plan for `onceguard correct`, and print its token")
    .action((options: Options) => conclude(options, () => show(options)));
}

async function show(options: Options): Promise<void> {
  const query = blastQuery(options);
  const radius = await withGuard(options, { actions: true }, ({ guard }) => guard.blastRadius(query));
  if (options.html) write(options.html, blastRadiusPage(radius));
  if (options.plan) write(options.plan, `${JSON.stringify(planOnWire(radius.plan), null, 2)}\n`);
  if (options.json) return printJson(blastRadiusOnWire(radius));
  printRadius(radius);
  if (options.html) print(`Written to ${options.html}.`);
  if (options.plan) print(`The plan is in ${options.plan}. Next: onceguard correct ${options.plan} --dry-run`);
}

/** States of records are in it: its owner's only, and nothing that is there is overwritten. */
function write(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(code === "EEXIST" ? `${path} is there already; name another file` : message);
  }
}

function printRadius({ rows, token }: BlastRadius): void {
  if (rows.length === 0) {
    print("Nothing was touched.");
    return;
  }
  printTable(
    [
      { title: "RECORD", shrink: true },
      { title: "ACTION" },
      { title: "REQUEST", shrink: true },
      { title: "STATE" },
      { title: "BEFORE -> AFTER", shrink: true },
      { title: "LATER" },
      { title: "UNDO" },
    ],
    rows.slice(0, MOST_ROWS).map(cells),
  );
  if (rows.length > MOST_ROWS) print(paint("dim", `... and ${rows.length - MOST_ROWS} more (--json, --html)`));
  print();
  printFields([
    ["records", String(new Set(rows.map(({ receipt }) => receipt.recordId ?? receipt.requestId)).size)],
    ["requests", totals(rows)],
    ["undoable", undoWords(rows)],
    ["token", token],
  ]);
}

function cells(row: Touched): string[] {
  const { receipt, before, after, later, obstacle } = row;
  return [
    visible(receipt.recordId ?? "-"),
    visible(receipt.action),
    visible(receipt.requestId),
    paintState(receipt.state) + (receipt.conflict ? paint("red", " conflict") : ""),
    changeText(before === undefined && after === undefined ? null : diff(before, after)),
    later.length === 0 ? "-" : count(later.length, "request"),
    obstacle === null ? paint("green", "yes") : paint("yellow", obstacle),
  ];
}

function totals(rows: readonly Touched[]): string {
  const maybe = rows.filter(({ certainty }) => certainty === "may_have_happened").length;
  return maybe === 0 ? String(rows.length) : `${rows.length}, ${maybe} of them may have happened`;
}

function undoWords(rows: readonly Touched[]): string {
  const kinds = new Map<string, number>();
  for (const { obstacle } of rows) kinds.set(obstacle ?? "yes", (kinds.get(obstacle ?? "yes") ?? 0) + 1);
  return [...kinds].map(([kind, n]) => `${kind} ${n}`).join(", ");
}
