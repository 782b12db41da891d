import { AssertionError } from "node:assert";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Duration, durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import { type FlakyWorld, startFlakyWorld } from "./flaky-world.ts";
import { type Caller, startCaller } from "./once-callers.ts";
import { type OnceReport, type ScenarioReport, textOf } from "./once-report.ts";
import { PLAYS, SCENARIOS, type Scenario } from "./once-scenarios.ts";
import type { OnceTool } from "./once-tool.ts";

/** Options of `expectOnce`. */
export interface OnceOptions {
  /** Default: all; `crash` only for a tool that is given by its module, because a function cannot be killed alone. */
  readonly scenarios?: readonly Scenario[];
  /** A world of your own, such as one without keys. Default: a new one that honours `Idempotency-Key`. */
  readonly world?: FlakyWorld;
  /** How many calls a storm has. Default 20, from two processes where the tool is given by its module. */
  readonly storm?: number;
  /** Longest time for the calls of one scenario; those that hang are left alone. Default 60 s. */
  readonly patience?: Duration;
  /** Options of Node for the tool's processes, such as `["--import", "tsx"]`. */
  readonly execArgv?: readonly string[];
}

/**
 * Runs a tool through lost responses, time-outs, crashes and storms of duplicates, in front of an outside world that keeps a ledger,
 * and counts how often its effect really happened.
 *
 * @throws OnceguardError `invalid_option`
 */
export async function howOften(tool: OnceTool, options: OnceOptions = {}): Promise<OnceReport> {
  const isModule = typeof tool !== "function";
  const { scenarios = SCENARIOS, storm: calls = 20, patience = "60s", execArgv = [] } = options;
  check(scenarios, isModule, options);
  const patienceMs = durationMs(patience, "patience");
  const world = options.world ?? (await startFlakyWorld());
  const before = world.effects().length;
  const references: string[] = [];

  async function stage(scenario: Scenario): Promise<ScenarioReport> {
    if (scenario === "crash" && !isModule) return { scenario, happened: null, told: [] };
    const reference = `once-${randomUUID()}`;
    references.push(reference);
    const folder = mkdtempSync(join(tmpdir(), "onceguard-once-"));
    const callers: Caller[] = [];
    const newCaller = (): Caller => {
      const caller = startCaller(tool, execArgv);
      callers.push(caller);
      return caller;
    };
    const giveUp = new AbortController();
    try {
      const call = { url: world.url, reference, folder };
      const played = PLAYS[scenario].play({ world, call, newCaller, storm: { callers: isModule ? 2 : 1, calls } });
      const late = sleep(patienceMs, [`no answer within ${patienceMs} ms`], { signal: giveUp.signal });
      const told = await Promise.race([played, late.catch(() => [])]);
      return { scenario, happened: world.effects(reference).length, told };
    } finally {
      giveUp.abort();
      await world.release(reference);
      await Promise.all(callers.map((caller) => caller.end()));
      rmSync(folder, { recursive: true, force: true });
    }
  }

  try {
    const reports: ScenarioReport[] = [];
    for (const scenario of scenarios) reports.push(await stage(scenario));
    const said = new Set(references.flatMap((reference) => world.effects(reference).map(({ number }) => number)));
    const unnamed = world
      .effects()
      .slice(before)
      .filter(({ number }) => !said.has(number)).length;
    const isOnce = unnamed === 0 && reports.every(({ happened }) => happened === 1 || happened === null);
    const report = { isOnce, scenarios: reports, unnamed };
    return { ...report, text: textOf(report) };
  } finally {
    if (options.world === undefined) await world.stop();
  }
}

/**
 * The same as an assertion, for any test runner: throws when the effect did not happen once in one of the scenarios. The message
 * is a table; `error.report` has the numbers.
 *
 * @throws AssertionError
 * @throws OnceguardError `invalid_option`
 */
export async function expectOnce(tool: OnceTool, options: OnceOptions = {}): Promise<OnceReport> {
  const report = await howOften(tool, options);
  if (report.isOnce) return report;
  const ran = report.scenarios.filter(({ happened }) => happened !== null);
  const error = new AssertionError({
    message: report.text,
    actual: Object.fromEntries(ran.map(({ scenario, happened }) => [scenario, happened])),
    expected: Object.fromEntries(ran.map(({ scenario }) => [scenario, 1])),
    operator: "expectOnce",
    stackStartFn: expectOnce,
  });
  throw Object.assign(error, { report });
}

function check(scenarios: readonly Scenario[], isModule: boolean, options: OnceOptions): void {
  const unknown = scenarios.find((scenario) => !SCENARIOS.includes(scenario));
  if (unknown !== undefined) {
    invalid(`There is no scenario "${unknown}"; there are ${SCENARIOS.join(", ")}.`, { scenario: unknown });
  }
  if (!isModule && options.scenarios?.includes("crash")) {
    invalid("A function cannot be killed alone. For `crash`, give the tool as { module, export }.", {
      scenario: "crash",
    });
  }
}

function invalid(message: string, fields: Readonly<Record<string, unknown>>): never {
  throw new OnceguardError("invalid_option", message, { option: "scenarios", ...fields });
}
