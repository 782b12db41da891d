import { OnceguardError } from "./errors.ts";
import type { JsonValue } from "./json.ts";
import type { KeySource } from "./request-id.ts";

/** How much guarding an action needs. Unknown actions are treated as `irreversible`. */
export type RiskTier = "safe" | "side_effecting" | "irreversible";

export const RISK_TIERS: readonly RiskTier[] = ["safe", "side_effecting", "irreversible"];

/** What the guard demands of an action by its tier (docs/actions.md). */
export interface TierDemands {
  /** A durable claim before anything is sent. */
  readonly claim: boolean;
  /** An input schema, so that what is hashed and executed has been validated. */
  readonly schema: boolean;
  /** The lowest rung of the identity ladder that is good enough. */
  readonly identity: readonly KeySource[];
}

const ANY_IDENTITY: readonly KeySource[] = ["business_key", "explicit", "host_call", "content"];

const DEMANDS: Readonly<Record<RiskTier, TierDemands>> = {
  safe: { claim: false, schema: false, identity: ANY_IDENTITY },
  side_effecting: { claim: true, schema: false, identity: ANY_IDENTITY },
  // A hash of free text or a host's call id changes when an agent re-plans: not good enough for money.
  irreversible: { claim: true, schema: true, identity: ["business_key", "explicit"] },
};

export function tierDemands(tier: RiskTier): TierDemands {
  return DEMANDS[tier];
}

/** What a policy is asked about: the validated proposal, before anything is claimed. */
export interface PolicyQuestion {
  readonly tenant: string;
  readonly action: string;
  readonly riskTier: RiskTier;
  readonly payload: JsonValue;
  readonly recordId: string | null;
  readonly runId: string | null;
  readonly actor: string | null;
  /** What the effect is worth, where the action says so. */
  readonly amount: number | null;
}

/** `review` means a person must approve first: the request is `held`. */
export type Verdict =
  | { readonly verdict: "allow" }
  | { readonly verdict: "deny"; readonly reason: string }
  | { readonly verdict: "review"; readonly reason: string };

/** A rule without code. All that it names must fit; a rule that names nothing fits everything. */
export interface PolicyRule {
  readonly riskTier?: RiskTier;
  readonly action?: string;
  readonly tenant?: string;
  /** Fits where the action says its amount, and it is larger. */
  readonly amountOver?: number;
  readonly verdict: "deny" | "review";
  /** For the person who is asked, or refused. */
  readonly reason: string;
}

type Check = readonly [isGood: (value: unknown) => boolean, expected: string];

const isText = (value: unknown): boolean => typeof value === "string" && value.trim() !== "";

/** What may stand in a rule. */
export const RULE_SHAPE: Readonly<Record<keyof PolicyRule, Check>> = {
  riskTier: [(value) => (RISK_TIERS as readonly unknown[]).includes(value), `one of ${RISK_TIERS.join(", ")}`],
  action: [isText, "the name of an action"],
  tenant: [isText, "a tenant"],
  amountOver: [(value) => typeof value === "number" && value >= 0, "a number from 0"],
  verdict: [(value) => value === "deny" || value === "review", '"deny" or "review"'],
  reason: [isText, "a text, for the person who is asked or refused"],
};

/**
 * A misspelt condition would be none, and the rule fit everything.
 *
 * @throws OnceguardError `invalid_option`
 */
export function checkRules(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  for (const [n, rule] of rules.entries()) {
    const needed: Readonly<Record<string, unknown>> = { verdict: undefined, reason: undefined };
    for (const [name, value] of Object.entries({ ...needed, ...rule })) {
      const check = Object.hasOwn(RULE_SHAPE, name) ? RULE_SHAPE[name as keyof PolicyRule] : undefined;
      if (check?.[0](value)) continue;
      const problem = check
        ? `is ${JSON.stringify(value)}; it must be ${check[1]}`
        : `is no part of a rule; there are ${Object.keys(RULE_SHAPE).join(", ")}`;
      throw new OnceguardError("invalid_option", `rules[${n}].${name} ${problem}.`, { option: `rules[${n}].${name}` });
    }
  }
  return rules;
}

/** What rules and policy come to, with everybody's reasons. */
export interface Judgement {
  readonly verdict: "allow" | "deny" | "review";
  readonly reasons: readonly string[];
}

/** The strictest of all that fits: deny before review before allow. */
export function judge(question: PolicyQuestion, rules: readonly PolicyRule[], policy: Policy | null): Judgement {
  const said = rules.filter((rule) => fits(rule, question)).map((rule) => heard(rule, "a rule"));
  if (policy !== null) said.push(heard(policy(question), "the policy"));
  for (const verdict of ["deny", "review"] as const) {
    const reasons = said.flatMap((one) => (one.verdict === verdict ? [one.reason] : []));
    if (reasons.length > 0) return { verdict, reasons };
  }
  return ALLOWED;
}

const ALLOWED: Judgement = { verdict: "allow", reasons: [] };

/** Whatever is not one of the three words is no permission, and nobody can approve it away. */
function heard(verdict: Verdict | null | undefined, who: string): Verdict {
  switch (verdict?.verdict) {
    case "allow":
    case "deny":
    case "review":
      return verdict;
    default:
      return { verdict: "deny", reason: `${who} gave no verdict` };
  }
}

function fits(rule: PolicyRule, question: PolicyQuestion): boolean {
  if (rule.riskTier !== undefined && rule.riskTier !== question.riskTier) return false;
  if (rule.action !== undefined && rule.action !== question.action) return false;
  if (rule.tenant !== undefined && rule.tenant !== question.tenant) return false;
  return rule.amountOver === undefined || (question.amount !== null && question.amount > rule.amountOver);
}

/** Plain deterministic code around the model. Must not have effects of its own. */
export type Policy = (question: PolicyQuestion) => Verdict;
