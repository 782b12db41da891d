import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkRules,
  judge,
  type Policy,
  type PolicyQuestion,
  type PolicyRule,
  RISK_TIERS,
  tierDemands,
  type Verdict,
} from "./policy.ts";

const question: PolicyQuestion = {
  tenant: "acme",
  action: "refund",
  riskTier: "irreversible",
  payload: { orderId: "A1" },
  recordId: "order:A1",
  runId: "run-1",
  actor: "agent",
  amount: 500,
};
const ALLOW = { verdict: "allow", reasons: [] };
const rule = (verdict: "deny" | "review", more: Partial<PolicyRule> = {}): PolicyRule => ({
  verdict,
  reason: `${verdict} by rule`,
  ...more,
});
const says =
  (verdict: unknown): Policy =>
  () =>
    verdict as Verdict;

test("what each tier demands (semantics.md section 2)", () => {
  expect(RISK_TIERS).toEqual(["safe", "side_effecting", "irreversible"]);
  const any = ["business_key", "explicit", "host_call", "content"];
  expect(tierDemands("safe")).toEqual({ claim: false, schema: false, identity: any });
  expect(tierDemands("side_effecting")).toEqual({ claim: true, schema: false, identity: any });
  expect(tierDemands("irreversible")).toEqual({ claim: true, schema: true, identity: ["business_key", "explicit"] });
});

describe("a rule", () => {
  test("that names nothing fits everything", () => {
    expect(judge(question, [rule("deny")], null)).toEqual({ verdict: "deny", reasons: ["deny by rule"] });
    expect(judge(question, [rule("review")], null)).toEqual({ verdict: "review", reasons: ["review by rule"] });
  });

  test.each<[Partial<PolicyRule>, boolean]>([
    [{ riskTier: "irreversible" }, true],
    [{ riskTier: "side_effecting" }, false],
    [{ action: "refund" }, true],
    [{ action: "refunds" }, false],
    [{ tenant: "acme" }, true],
    [{ tenant: "umbrella" }, false],
    [{ amountOver: 499 }, true],
    [{ amountOver: 500 }, false],
    [{ amountOver: 501 }, false],
    [{ amountOver: 0 }, true],
    [{ riskTier: "irreversible", action: "refund", tenant: "acme", amountOver: 499 }, true],
    [{ riskTier: "safe", action: "refund", tenant: "acme", amountOver: 499 }, false],
    [{ riskTier: "irreversible", action: "pay", tenant: "acme", amountOver: 499 }, false],
    [{ riskTier: "irreversible", action: "refund", tenant: "umbrella", amountOver: 499 }, false],
    [{ riskTier: "irreversible", action: "refund", tenant: "acme", amountOver: 500 }, false],
  ])("%j fits: %s", (names, fits) => {
    expect(judge(question, [rule("review", names)], null).verdict).toBe(fits ? "review" : "allow");
  });

  test("about an amount fits where the action says one, and nowhere else", () => {
    expect(judge({ ...question, amount: null }, [rule("deny", { amountOver: 0 })], null)).toEqual(ALLOW);
    expect(judge({ ...question, amount: null }, [rule("deny", { amountOver: -1 })], null)).toEqual(ALLOW);
    expect(judge({ ...question, amount: 0 }, [rule("deny", { amountOver: 0 })], null)).toEqual(ALLOW);
    expect(judge({ ...question, amount: 1 }, [rule("deny", { amountOver: 0 })], null).verdict).toBe("deny");
  });
});

describe("rules are checked where they are given", () => {
  test.each<[string, object, string]>([
    ["a misspelt condition", { amountover: 5, verdict: "review", reason: "why" }, "amountover"],
    ["a verdict that is none", { verdict: "block", reason: "why" }, "verdict"],
    ["no verdict", { reason: "why" }, "verdict"],
    ["no reason", { verdict: "deny" }, "reason"],
    ["a reason of blanks", { verdict: "deny", reason: " " }, "reason"],
    ["a tier that is none", { verdict: "deny", reason: "why", riskTier: "high" }, "riskTier"],
    ["an amount that is none", { verdict: "deny", reason: "why", amountOver: "100" }, "amountOver"],
  ])("%s is refused", (_what, misspelt, field) => {
    const good = { verdict: "deny", reason: "why" } as const;
    expect(() => checkRules([good, misspelt as PolicyRule])).toThrow(
      expect.objectContaining({ code: "invalid_option", fields: { option: `rules[1].${field}` } }),
    );
  });

  test("and given back as they are where they are good", () => {
    const rules: PolicyRule[] = [
      { riskTier: "irreversible", action: "pay", tenant: "acme", amountOver: 0, verdict: "review", reason: "why" },
    ];
    expect(checkRules(rules)).toBe(rules);
  });
});

describe("the strictest of all that fits", () => {
  test("nothing said: allowed", () => {
    expect(judge(question, [], null)).toEqual(ALLOW);
    expect(judge(question, [], says({ verdict: "allow" }))).toEqual(ALLOW);
  });

  test.each<[readonly PolicyRule[], unknown, object]>([
    [[], { verdict: "deny", reason: "own" }, { verdict: "deny", reasons: ["own"] }],
    [[], { verdict: "review", reason: "own" }, { verdict: "review", reasons: ["own"] }],
    [[rule("review")], { verdict: "allow" }, { verdict: "review", reasons: ["review by rule"] }],
    [[rule("deny")], { verdict: "allow" }, { verdict: "deny", reasons: ["deny by rule"] }],
    [[rule("review")], { verdict: "deny", reason: "own" }, { verdict: "deny", reasons: ["own"] }],
    [[rule("deny")], { verdict: "review", reason: "own" }, { verdict: "deny", reasons: ["deny by rule"] }],
    [
      [rule("review"), rule("deny", { reason: "a" }), rule("deny", { reason: "b" })],
      { verdict: "deny", reason: "own" },
      { verdict: "deny", reasons: ["a", "b", "own"] },
    ],
    [
      [rule("review", { reason: "a" }), rule("review", { reason: "b" }), rule("deny", { action: "pay" })],
      { verdict: "review", reason: "own" },
      { verdict: "review", reasons: ["a", "b", "own"] },
    ],
  ])("rules %j and a policy that says %j: %j", (rules, own, judgement) => {
    expect(judge(question, rules, says(own))).toEqual(judgement);
  });

  test("the order of the rules changes nothing about the verdict, and another rule never makes it milder", () => {
    const strictness = { allow: 0, review: 1, deny: 2 };
    const rules = fc.array(
      fc.record({
        verdict: fc.constantFrom("deny" as const, "review" as const),
        reason: fc.constant("why"),
        action: fc.constantFrom("refund", "pay"),
      }),
      { maxLength: 5 },
    );
    const own = fc.constantFrom<Verdict>(
      { verdict: "allow" },
      { verdict: "review", reason: "own" },
      { verdict: "deny", reason: "own" },
    );
    fc.assert(
      fc.property(rules, rules, own, (some, more, verdict) => {
        const policy = says(verdict);
        const less = judge(question, some, policy).verdict;
        const all = judge(question, [...some, ...more], policy).verdict;
        expect(judge(question, [...more, ...some], policy).verdict).toBe(all);
        expect(strictness[all]).toBeGreaterThanOrEqual(strictness[less]);
        expect(strictness[less]).toBeGreaterThanOrEqual(strictness[verdict.verdict]);
      }),
    );
  });
});

describe("the policy", () => {
  test("is asked about the proposal, once", () => {
    const asked: PolicyQuestion[] = [];
    judge(question, [rule("deny")], (about) => {
      asked.push(about);
      return { verdict: "allow" };
    });
    expect(asked).toEqual([question]);
  });

  // A branch without a return, a promise, a word that is none: whatever is not one of the three words permits nothing.
  const GARBAGE: readonly unknown[] = [
    undefined,
    null,
    {},
    "allow",
    true,
    { verdict: undefined },
    { verdict: "ALLOW" },
    { verdict: "alow" },
    { verdict: "block", reason: "why" },
    Promise.resolve({ verdict: "allow" }),
  ];

  test.each(GARBAGE)("that answers %j is a deny", (garbage) => {
    expect(judge(question, [], says(garbage))).toEqual({ verdict: "deny", reasons: ["the policy gave no verdict"] });
  });

  test("that answers garbage is a deny whatever the rules say: nobody can approve that away", () => {
    for (const garbage of GARBAGE) {
      expect(judge(question, [rule("deny")], says(garbage)).verdict).toBe("deny");
      expect(judge(question, [rule("review")], says(garbage)).verdict).toBe("deny");
    }
  });

  test("so is a rule whose verdict is none of the words", () => {
    const misspelt = { verdict: "block", reason: "why" } as unknown as PolicyRule;
    expect(judge(question, [misspelt], null).verdict).toBe("deny");
    expect(judge(question, [misspelt], says({ verdict: "allow" })).verdict).toBe("deny");
    expect(judge(question, [misspelt], null).reasons).toEqual(["a rule gave no verdict"]);
  });

  test("that throws is heard: it is no permission", () => {
    const broken: Policy = () => {
      throw new Error("no database");
    };
    expect(() => judge(question, [], broken)).toThrow("no database");
  });
});
