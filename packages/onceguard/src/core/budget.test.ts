import { describe, expect, test } from "vitest";
import { type Budgets, budgetConditions, checkBudgets } from "./budget.ts";

const DAY_MS = 86_400_000;
const request = { tenant: "acme", action: "refund", runId: "run-1", recordId: "order:A1", amount: 500 };
const NO_BUDGETS = { maxActionsPerRun: null, maxRepeatsPerRecord: null, amounts: [] };

const invalid = (option: string) =>
  expect.objectContaining({
    name: "OnceguardError",
    code: "invalid_option",
    fields: expect.objectContaining({ option }),
  });

describe("checkBudgets", () => {
  test("without any there is no limit", () => {
    expect(checkBudgets({})).toEqual(NO_BUDGETS);
  });

  test("fills in the window in ms, and the widest scope", () => {
    const amounts = [
      { limit: 0, window: "24h" },
      { limit: 2.5, window: 1_500, per: "run", action: "refund" },
      { limit: 1, window: "1m", per: "action" },
    ] as const;
    expect(checkBudgets({ maxActionsPerRun: 1, maxRepeatsPerRecord: 7, amounts })).toStrictEqual({
      maxActionsPerRun: 1,
      maxRepeatsPerRecord: 7,
      amounts: [
        { limit: 0, windowMs: DAY_MS, per: "tenant" },
        { limit: 2.5, windowMs: 1_500, per: "run", action: "refund" },
        { limit: 1, windowMs: 60_000, per: "action" },
      ],
    });
  });

  test.each<[string, object, string]>([
    ["a misspelt one", { maxActionPerRun: 5 }, "budgets.maxActionPerRun"],
    ["none at all", { maxActionsPerRun: 0 }, "budgets.maxActionsPerRun"],
    ["a negative one", { maxActionsPerRun: -1 }, "budgets.maxActionsPerRun"],
    ["half a request", { maxActionsPerRun: 1.5 }, "budgets.maxActionsPerRun"],
    ["infinity", { maxActionsPerRun: Number.POSITIVE_INFINITY }, "budgets.maxActionsPerRun"],
    ["a text", { maxActionsPerRun: "5" }, "budgets.maxActionsPerRun"],
    ["null", { maxActionsPerRun: null }, "budgets.maxActionsPerRun"],
    ["half a repeat", { maxRepeatsPerRecord: 0.5 }, "budgets.maxRepeatsPerRecord"],
    ["no repeat", { maxRepeatsPerRecord: 0 }, "budgets.maxRepeatsPerRecord"],
    ["a negative amount", { amounts: [{ limit: -1, window: "1d" }] }, "budgets.amounts"],
    ["an amount that is no number", { amounts: [{ limit: Number.NaN, window: "1d" }] }, "budgets.amounts"],
    ["no amount", { amounts: [{ window: "1d" }] }, "budgets.amounts"],
    ["an amount of null", { amounts: [{ limit: null, window: "1d" }] }, "budgets.amounts"],
    ["an amount that is a text", { amounts: [{ limit: "500", window: "1d" }] }, "budgets.amounts"],
    ["an unknown scope", { amounts: [{ limit: 1, window: "1d", per: "week" }] }, "budgets.amounts"],
    ["a misspelt scope", { amounts: [{ limit: 1, window: "1d", pre: "run" }] }, "budgets.amounts"],
    ["a misspelt window", { amounts: [{ limit: 1, window: "a day" }] }, "budgets.amounts.window"],
    ["no window", { amounts: [{ limit: 1, window: Number.NaN }] }, "budgets.amounts.window"],
    [
      "a bad one behind a good one",
      {
        amounts: [
          { limit: 1, window: 1 },
          { limit: -1, window: 1 },
        ],
      },
      "budgets.amounts",
    ],
  ])("refuses %s", (_what, budgets, option) => {
    expect(() => checkBudgets(budgets as Budgets)).toThrow(invalid(option));
  });

  test.each<[object, string]>([
    [{ maxActionsPerRun: 0 }, "budgets.maxActionsPerRun must be a whole number from 1."],
    [{ maxActionPerRun: 5 }, "budgets.maxActionPerRun is no budget."],
    [{ amounts: [{ limit: -1, window: 1 }] }, "budgets.amounts needs a limit from 0."],
    [{ amounts: [{ limit: 1, window: 1, pre: "run" }] }, "budgets.amounts knows no pre."],
    [{ amounts: [{ limit: 1, window: 1, per: "week" }] }, "budgets.amounts takes per: tenant, action or run."],
  ])("says what is wrong in words: %j", (budgets, words) => {
    expect(() => checkBudgets(budgets as Budgets)).toThrow(words);
  });
});

describe("budgetConditions", () => {
  const conditions = (budgets: Budgets, more: Partial<Parameters<typeof budgetConditions>[1]> = {}) =>
    budgetConditions(checkBudgets(budgets), { ...request, ...more });

  test("none without budgets", () => {
    expect(conditions({})).toEqual([]);
  });

  test("requests of a run: whatever they do, since ever; it is the run that is halted", () => {
    expect(conditions({ maxActionsPerRun: 5 })).toEqual([
      {
        name: "maxActionsPerRun",
        counts: "actions",
        limit: 5,
        runId: "run-1",
        action: null,
        recordId: null,
        windowMs: null,
        halts: { scope: "run", id: "run-1" },
      },
    ]);
  });

  test("repeats in a run: of this action on this record", () => {
    expect(conditions({ maxRepeatsPerRecord: 2 })).toEqual([
      {
        name: "maxRepeatsPerRecord",
        counts: "actions",
        limit: 2,
        runId: "run-1",
        action: "refund",
        recordId: "order:A1",
        windowMs: null,
        halts: { scope: "run", id: "run-1" },
      },
    ]);
  });

  test.each([
    [undefined, { name: "amount per tenant", runId: null, action: null, halts: { scope: "tenant", id: "acme" } }],
    ["tenant", { name: "amount per tenant", runId: null, action: null, halts: { scope: "tenant", id: "acme" } }],
    ["action", { name: "amount per action", runId: null, action: "refund", halts: { scope: "action", id: "refund" } }],
    ["run", { name: "amount per run", runId: "run-1", action: null, halts: { scope: "run", id: "run-1" } }],
  ] as const)("amounts per %s", (per, expected) => {
    const amounts = [{ limit: 900, window: "1d", ...(per === undefined ? {} : { per }) }];
    expect(conditions({ amounts })).toEqual([
      { counts: "amount", limit: 900, windowMs: DAY_MS, recordId: null, ...expected },
    ]);
  });

  test.each(["tenant", "action", "run"] as const)(
    "amounts of one action only, per %s: the others neither count nor are asked",
    (per) => {
      const amounts = [{ limit: 900, window: "1d", per, action: "refund" }];
      const [condition, ...others] = conditions({ amounts });
      expect(condition).toMatchObject({ action: "refund", halts: { scope: per } });
      expect(others).toEqual([]);
      expect(conditions({ amounts }, { action: "pay" })).toEqual([]);
    },
  );

  test("what belongs to no run, no run's budget can limit", () => {
    const amounts = [
      { limit: 1, window: "1d", per: "run" },
      { limit: 2, window: "1d" },
    ] as const;
    const found = conditions({ maxActionsPerRun: 1, maxRepeatsPerRecord: 1, amounts }, { runId: null });
    expect(found.map(({ limit, halts }) => [limit, halts.scope])).toEqual([[2, "tenant"]]);
  });

  test("what is about no record repeats nothing; what has no amount spends none", () => {
    const budgets: Budgets = { maxActionsPerRun: 1, maxRepeatsPerRecord: 1, amounts: [{ limit: 1, window: "1d" }] };
    const names = (more: Parameters<typeof conditions>[1]) => conditions(budgets, more).map(({ name }) => name);
    expect(names({})).toEqual(["maxActionsPerRun", "maxRepeatsPerRecord", "amount per tenant"]);
    expect(names({ recordId: null })).toEqual(["maxActionsPerRun", "amount per tenant"]);
    expect(names({ amount: null })).toEqual(["maxActionsPerRun", "maxRepeatsPerRecord"]);
    // Nothing is an amount, too: of a budget that is gone, nothing is left.
    expect(names({ amount: 0 })).toContain("amount per tenant");
  });
});
