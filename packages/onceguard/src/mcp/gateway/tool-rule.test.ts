import { describe, expect, it } from "vitest";
import { checkToolRules, ruleFor } from "./tool-rule.ts";
import { tierOf } from "./tool-tier.ts";

describe("the rule for a tool", () => {
  const near = { send: { riskTier: "irreversible" }, "send_*": { timeout: "1m" } } as const;
  const far = { "*": { riskTier: "safe" }, "send_mail*": { timeout: "2m" }, send: { riskTier: "safe" } } as const;

  it.each([
    ["send", { riskTier: "irreversible" }],
    ["send_mail_now", { timeout: "1m" }],
    ["other", { riskTier: "safe" }],
  ])(
    "%s: of several sets the first that has one, of one set the exact name, then the longest beginning",
    (tool, rule) => {
      expect(ruleFor(tool, [near, far])).toEqual(rule);
    },
  );

  it("is none where no set has one, and never something that every object has", () => {
    expect(ruleFor("constructor", [near])).toBeNull();
    expect(ruleFor("send_mail_now", [far])).toEqual({ timeout: "2m" });
  });
});

describe("rules that cannot be used", () => {
  it.each([
    [[], "must be an object"],
    [{ pay: null }, "must be an object"],
    [{ pay: { keyField: ["a"] } }, 'no option "keyField"'],
    [{ pay: { riskTier: "dangerous" } }, 'riskTier "dangerous"'],
    [{ pay: { keyFields: [] } }, "not a list of fields"],
    [{ pay: { probe: { tool: "find" } } }, "`tool` and `happenedWhen`"],
    [{ pay: { noEffectWhen: "(" } }, "no regular expression"],
    [{ pay: { untilChanged: true } }, "no record"],
    [{ pay: { riskTier: "safe", approval: true } }, "safe and wants approval"],
  ])("%j", (rules, problem) => {
    expect(() => checkToolRules(rules, "rules.json: tools")).toThrow(problem);
  });
});

describe("the tier of a tool", () => {
  const reads = { name: "find", annotations: { readOnlyHint: true } };
  const adds = { name: "add", annotations: { destructiveHint: false } };
  const silent = { name: "run" };

  it.each([
    ["a stranger says that it only reads", null, reads, false, "irreversible"],
    ["a trusted server says that it only reads", null, reads, true, "safe"],
    ["a trusted server says that it destroys nothing", null, adds, true, "side_effecting"],
    ["a trusted server says nothing", null, silent, true, "irreversible"],
    ["nobody has listed it", null, undefined, true, "irreversible"],
    ["the operator says it", { riskTier: "safe" }, silent, false, "safe"],
    ["the operator wants a person asked", { approval: true }, reads, true, "side_effecting"],
    ["the operator says something else", { timeout: "1m" }, adds, false, "irreversible"],
  ] as const)("%s", (_, rule, tool, isTrusted, tier) => {
    expect(tierOf(rule, tool, isTrusted)).toBe(tier);
  });
});
