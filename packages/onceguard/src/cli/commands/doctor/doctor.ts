import { existsSync } from "node:fs";
import type { Command } from "commander";
import { EXIT } from "../../exit.ts";
import { count, paint, print, printJson, wrapped } from "../../output.ts";
import { type CommonOptions, command, conclude, locate, type Place, spillOf } from "../../session.ts";
import { type Check, checksOf, type Level } from "./check.ts";
import { checkKeyFolder } from "./check-keys.ts";
import { checkRole } from "./check-role.ts";
import { checkConfig, checkNode } from "./check-setup.ts";
import { checkSpill } from "./check-spill.ts";
import { checkSqliteFile } from "./check-sqlite-file.ts";
import { checkStore } from "./check-store.ts";

export function doctorCommand(): Command {
  return command("doctor", "Check everything Onceguard relies on here, and say how to mend what is wrong.", {
    summary: "check everything Onceguard relies on here",
    examples: [
      "onceguard doctor",
      "onceguard doctor --store postgres://app@db.internal/app",
      "onceguard doctor --json",
    ],
    exits: [
      ["0", "no problems; there may be warnings"],
      ["1", "at least one problem"],
      ["2", "bad usage"],
    ],
  }).action((options: CommonOptions) => conclude(options, () => doctor(options)));
}

async function doctor(options: CommonOptions): Promise<number> {
  const checks: Check[] = [checkNode()];
  const place = await checksOf(checks, "config", NO_STORE, () => locate(options, true));
  if (place) await examine(place, checks);
  const problems = checks.filter(({ level }) => level === "problem").length;
  const warnings = checks.filter(({ level }) => level === "warning").length;
  if (options.json) printJson({ ok: problems === 0, problems, warnings, checks });
  else printChecks(checks, problems, warnings);
  return problems === 0 ? EXIT.ok : EXIT.not;
}

const NO_STORE = "Without it nobody knows what was done, so nothing is sent.";

async function examine({ target, config }: Place, checks: Check[]): Promise<void> {
  const setup = await checkConfig(config, checks);
  if (target.kind === "sqlite") checks.push(...checkSqliteFile(target.path));
  // A file that is damaged or on the wrong disk has said so; what it holds is asked all the same.
  if (target.kind !== "sqlite" || existsSync(target.path)) {
    const found = await checksOf(checks, "store", NO_STORE, () => checkStore(target, setup?.options.keys));
    checks.push(...(found ?? []));
    // A role without a tenant may be refused like one without rights: which of the two it is, is worth knowing.
    if (found === null && target.kind === "postgres") checks.push(...(await checkRole(target.url).catch(() => [])));
  }
  if (config && setup) checks.push(...checkKeyFolder(config));
  const { spill } = { ...spillOf(target, config), ...setup?.options };
  if (spill !== undefined) checks.push(...checkSpill(spill));
  await config?.close();
}

const MARKS: Readonly<Record<Level, string>> = {
  ok: paint("green", "ok     "),
  warning: paint("yellow", "warning"),
  problem: paint("red", "problem"),
};

function printChecks(checks: readonly Check[], problems: number, warnings: number): void {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const indent = " ".repeat(11 + width);
  for (const { name, level, found, why, mend } of checks) {
    print(`${MARKS[level]}  ${name.padEnd(width)}  ${found}`);
    if (why !== undefined) for (const line of wrapped(why, indent)) print(paint("dim", line));
    if (mend !== undefined) print(`${indent}→ ${mend}`);
  }
  print();
  const sum = [problems > 0 && count(problems, "problem"), warnings > 0 && count(warnings, "warning")].filter(Boolean);
  print(sum.length > 0 ? sum.join(", ") : "All is well.");
}
