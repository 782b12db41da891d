import { describe, expect, it } from "vitest";
import { type ActionOptions, defineAction, type Schema } from "./action.ts";
import { checkBudgets } from "./budget.ts";
import { type ActionChecklist, type ChecklistSetup, checklist, QUESTIONS, unanswered } from "./checklist.ts";
import { provider } from "./provider.ts";

const Anything: Schema<unknown, unknown> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
};

const everybody = { operator: ["a"], data_owner: ["b"], domain_expert: ["c"], security: ["d"] };
const setup: ChecklistSetup = {
  store: { name: "sqlite:onceguard.db", durable: true, log: "table onceguard_log" },
  notified: everybody,
  budgets: checkBudgets({}),
  spill: ".onceguard-spill",
};

type Options = Partial<ActionOptions<string, unknown, unknown, unknown>>;

function of(options: Options, guard: Partial<ChecklistSetup> = {}): ActionChecklist {
  const action = defineAction({
    name: "pay",
    input: Anything,
    keyFields: ["orderId"],
    record: () => "order:A1",
    dedupWindow: "none",
    execute: () => null,
    ...options,
  } as ActionOptions<string, unknown, unknown, unknown>);
  return checklist(action, { ...setup, ...guard });
}

/** Without the fields that a test takes out: an option that is there and undefined is not the same. */
function without(options: Options, ...names: (keyof Options)[]): ActionChecklist {
  const full = { name: "pay", input: Anything, keyFields: ["orderId"], record: () => "order:A1", dedupWindow: "none" };
  const left = Object.fromEntries(
    Object.entries({ ...full, execute: () => null, ...options }).filter(([name]) => !names.includes(name as never)),
  );
  return checklist(defineAction(left as never), setup);
}

function answers(list: ActionChecklist): string {
  return list.items.map(({ answer }) => answer).join(" ");
}

function words(list: ActionChecklist, number: number): string {
  const item = list.items[number - 1];
  return (item?.points ?? []).map(({ found, by, add }) => [found, by, add].filter(Boolean).join(" | ")).join("\n");
}

it("asks the five questions of each action, in order, and answers a well configured one with yes", () => {
  const list = of({ downstreamKey: { lifetime: "24h" } });
  expect(list.items.map(({ question }) => question)).toEqual([...QUESTIONS]);
  expect(list.items.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
  expect(answers(list)).toBe("yes yes yes yes yes");
  expect(unanswered([list])).toEqual([]);
  expect(list).toMatchObject({
    action: "pay",
    riskTier: "irreversible",
    promise: expect.stringContaining("inside the key's lifetime"),
  });
});

it("a safe action has nothing to answer for", () => {
  const list = without({ riskTier: "safe" }, "keyFields", "dedupWindow", "record");
  expect(answers(list)).toBe("yes yes yes yes yes");
  expect(words(list, 1)).toContain("it may repeat");
});

describe("1: the key, and whether the other side honours it", () => {
  it.each([
    ["a business key", {}, [], "yes", 'The business key: orderId. | keyFields: ["orderId"]'],
    ["code", { key: () => ["a"] }, ["keyFields"], "yes", "made by code of yours"],
    ["the caller's id, which is mandatory", {}, ["keyFields"], "yes", "a call without one is refused"],
    ["whatever comes", { riskTier: "side_effecting" }, ["keyFields"], "unknown", "change when an agent plans again"],
  ] as const)("%s", (_, options, left, answer, found) => {
    const list = without(options as Options, ...left);
    expect(list.items[0]?.answer).toBe(answer);
    expect(words(list, 1)).toContain(found);
  });

  it.each([
    ["neither key nor probe", {}, "sent at most once; a crash becomes a question"],
    ["a key", { downstreamKey: { lifetime: "24h" } }, "dedupes by it for 24h; it is sent again within 21.6h."],
    [
      "a provider's",
      { downstreamKey: provider("stripe") },
      'stripe dedupes by it for 24h; it is sent again within 21.6h. It repeats its errors under the same key: after a 5xx nothing is sent again. | downstreamKey: provider("stripe") | probe',
    ],
    ["a probe", { probe: () => ({ answer: "cannot_tell" }), settleDelay: "10s" }, 'its "no" counts 10s after'],
    [
      "both",
      { probe: () => ({ answer: "cannot_tell" }), downstreamKey: { lifetime: "3h", margin: "1h" } },
      "it is sent again within 2h, and where it cannot, the probe decides",
    ],
    ["one commit", { transaction: true }, "claim, effect and receipt are one commit. | transaction: true"],
  ] as [string, Options, string][])("%s", (_, options, found) => {
    const list = of(options);
    expect(list.items[0]?.answer).toBe("yes");
    expect(words(list, 1)).toContain(found);
  });
});

describe("2: when it stops, and where it goes then", () => {
  it("says the default, and that it is one", () => {
    const found = words(of({}), 2);
    expect(found).toContain("After 5 attempts or 15m, whichever comes first; each at most 1m");
    expect(found).toContain('retry: { maxAttempts: 5, maxElapsed: "15m" } (the default)');
    expect(found).toContain(
      "into review, as retries_exhausted, for the operator. What may have happened is not tried again",
    );
  });

  it("says what was configured", () => {
    const found = words(of({ retry: { maxAttempts: 1, maxElapsed: "90d" }, timeout: "1500ms" }), 2);
    expect(found).toContain("After one attempt, at most 1.5s.");
    expect(found).toMatch(/maxElapsed: "90d" \}$/m);
  });

  it.each([
    [{ downstreamKey: { lifetime: "24h" } }, "sent again under its key"],
    [{ probe: () => ({ answer: "cannot_tell" }) }, "asked about until then"],
  ] as [Options, string][])("says what becomes of what may have happened: %s", (options, found) => {
    expect(words(of(options), 2)).toContain(found);
  });
});

describe("3: the window (semantics.md section 8)", () => {
  it("is open for a business key until the action says what it wants", () => {
    const list = without({}, "dedupWindow");
    expect(list.items[2]).toMatchObject({ answer: "no" });
    expect(words(list, 3)).toContain('dedupWindow: "24h"');
    expect(unanswered([list])).toEqual([{ action: "pay", number: 3 }]);
  });

  it("is open for an explicit request id likewise", () => {
    expect(without({}, "dedupWindow", "keyFields").items[2]).toMatchObject({ answer: "no" });
  });

  it("depends on the caller where the identity may be of a lower rung", () => {
    const list = without({ riskTier: "side_effecting" }, "dedupWindow", "keyFields");
    expect(list.items[2]).toMatchObject({ answer: "unknown" });
  });

  it("is open without a record, whatever the identity", () => {
    const list = without({ riskTier: "side_effecting" }, "dedupWindow", "keyFields", "record");
    expect(list.items[2]).toMatchObject({ answer: "no" });
    expect(words(list, 3)).toContain("record: (payload)");
  });

  it.each([
    [{ dedupWindow: "none" }, "None, by your word"],
    [
      { dedupWindow: "24h" },
      '24h: one per record; any more within it is skipped, whatever its key. | dedupWindow: "24h"',
    ],
    [
      { dedupWindow: { window: "7d", limit: 3, behaviour: "hold" } },
      '7d: 3 per record; any more within it is held for a person, whatever its key. | dedupWindow: { window: "7d", limit: 3, behaviour: "hold" }',
    ],
  ] as [Options, string][])("%j", (options, found) => {
    const list = of(options);
    expect(list.items[2]?.answer).toBe("yes");
    expect(words(list, 3)).toContain(found);
  });

  it("knows the run's budget", () => {
    const list = of({}, { budgets: checkBudgets({ maxRepeatsPerRecord: 2 }) });
    expect(words(list, 3)).toContain("2 times to one record; then the run is halted. | budgets.maxRepeatsPerRecord: 2");
  });
});

describe("4: the categories, and who is told", () => {
  it("is open for every route that nobody hears of", () => {
    const list = of({}, { notified: { operator: ["webhook https://ops.example"], security: [] } });
    expect(list.items[3]?.points.map(({ answer }) => answer)).toEqual(["yes", "no", "no", "no"]);
    expect(words(list, 4)).toContain(
      "retried, then to the operator, as is what nothing can settle. Told by webhook https://ops.example. | notify.operator",
    );
    expect(words(list, 4)).toContain("notify: { data_owner:");
    expect(words(list, 4)).toContain("security (401, 403): halts the run at once");
  });

  it("says what else decides", () => {
    const list = of({ classify: () => undefined }, { budgets: checkBudgets({ maxActionsPerRun: 50 }) });
    expect(words(list, 4)).toContain("may say otherwise. | classify");
    expect(words(list, 4)).toContain("goes past 50 actions is halted, too. | budgets.maxActionsPerRun: 50");
  });
});

describe("5: the log", () => {
  it("shows an entry, and where it is kept", () => {
    const found = words(of({}), 5);
    expect(found).toContain('"action": "pay", "record_id": "order:example"');
    expect(found).toContain("In sqlite:onceguard.db (table onceguard_log), in the same commit");
    expect(found).toContain("is kept in .onceguard-spill");
  });

  it("is open for a store that forgets", () => {
    const list = of({}, { store: { name: "memory", durable: false, log: "memory" } });
    expect(list.items[4]).toMatchObject({ answer: "no" });
  });

  it("says what is lost without a spill folder, and without a record", () => {
    expect(words(of({}, { spill: null }), 5)).toContain("is lost: a question stays. | spill: false");
    expect(words(without({}, "record"), 5)).toContain('"record_id": null');
  });
});
