import { type Duration, durationMs } from "./duration.ts";
import { OnceguardError } from "./errors.ts";
import type { BudgetCondition } from "./gate.ts";

/** Limits on what a run, an action or a tenant may do. A request that would go past one halts it, and is not sent. */
export interface Budgets {
  /** Requests of one run. Default: no limit. */
  readonly maxActionsPerRun?: number;
  /** Requests of one run with the same action on the same record. Default: no limit. */
  readonly maxRepeatsPerRecord?: number;
  /** Limits on what effects are worth, by the actions' `amount`. */
  readonly amounts?: readonly AmountBudget[];
}

/** A limit on what the actions' `amount` adds up to within a window; going past it halts. */
export interface AmountBudget {
  /** Most that may be claimed in the window, in the unit of the actions' `amount`. */
  readonly limit: number;
  /** Counted back from each request, by when the others were first sent; what waits to be sent counts as long as it waits. */
  readonly window: Duration;
  /** What is added up, and halted: everything of a tenant (default), of an action, or of a run. */
  readonly per?: "tenant" | "action" | "run";
  /** Only this action's amounts. */
  readonly action?: string;
}

/** Checked once, where the guard is made. */
export interface CheckedBudgets {
  readonly maxActionsPerRun: number | null;
  readonly maxRepeatsPerRecord: number | null;
  readonly amounts: readonly (Omit<AmountBudget, "window" | "per"> & {
    readonly windowMs: number;
    readonly per: "tenant" | "action" | "run";
  })[];
}

/** @throws OnceguardError `invalid_option` */
export function checkBudgets(budgets: Budgets): CheckedBudgets {
  const { maxActionsPerRun, maxRepeatsPerRecord, amounts = [], ...unknown } = budgets;
  const [misspelt] = Object.keys(unknown);
  if (misspelt !== undefined) throw invalid(misspelt, "is no budget");
  if (!Array.isArray(amounts)) throw invalid("amounts", "is a list of limits");
  return {
    maxActionsPerRun: count("maxActionsPerRun", maxActionsPerRun),
    maxRepeatsPerRecord: count("maxRepeatsPerRecord", maxRepeatsPerRecord),
    amounts: amounts.map(({ limit, window, per = "tenant", action, ...rest }) => {
      const [unknownField] = Object.keys(rest);
      if (unknownField !== undefined) throw invalid("amounts", `knows no ${unknownField}`);
      if (typeof limit !== "number" || !(limit >= 0)) throw invalid("amounts", "needs a limit from 0");
      if (!["tenant", "action", "run"].includes(per)) throw invalid("amounts", "takes per: tenant, action or run");
      const windowMs = durationMs(window, "budgets.amounts.window");
      return { limit, windowMs, per, ...(action === undefined ? {} : { action }) };
    }),
  };
}

function count(name: string, limit: number | undefined): number | null {
  if (limit === undefined) return null;
  if (!Number.isInteger(limit) || limit < 1) throw invalid(name, "must be a whole number from 1");
  return limit;
}

function invalid(name: string, problem: string): OnceguardError {
  return new OnceguardError("invalid_option", `budgets.${name} ${problem}.`, { option: `budgets.${name}` });
}

/** The conditions on one request. What it belongs to no run for, no run's budget can limit. */
export function budgetConditions(
  budgets: CheckedBudgets,
  request: {
    readonly tenant: string;
    readonly action: string;
    readonly runId: string | null;
    readonly recordId: string | null;
    readonly amount: number | null;
  },
): readonly BudgetCondition[] {
  const { tenant, action, runId, recordId, amount } = request;
  const conditions: BudgetCondition[] = [];
  const { maxActionsPerRun, maxRepeatsPerRecord } = budgets;
  const ofRun = { counts: "actions", windowMs: null, runId } as const;
  if (maxActionsPerRun !== null && runId !== null) {
    const halts = { scope: "run", id: runId } as const;
    const name = "maxActionsPerRun";
    conditions.push({ ...ofRun, name, limit: maxActionsPerRun, action: null, recordId: null, halts });
  }
  if (maxRepeatsPerRecord !== null && runId !== null && recordId !== null) {
    const halts = { scope: "run", id: runId } as const;
    conditions.push({ ...ofRun, name: "maxRepeatsPerRecord", limit: maxRepeatsPerRecord, action, recordId, halts });
  }
  for (const { limit, windowMs, per, action: only } of budgets.amounts) {
    if (amount === null || (only !== undefined && only !== action) || (per === "run" && runId === null)) continue;
    const id = per === "tenant" ? tenant : per === "action" ? action : (runId as string);
    conditions.push({
      name: `amount per ${per}`,
      counts: "amount",
      limit,
      windowMs,
      runId: per === "run" ? runId : null,
      action: only ?? (per === "action" ? action : null),
      recordId: null,
      halts: { scope: per, id },
    });
  }
  return conditions;
}
