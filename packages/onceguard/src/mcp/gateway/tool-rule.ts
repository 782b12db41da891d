import { OnceguardError } from "../../core/errors.ts";
import { RISK_TIERS } from "../../core/policy.ts";
import type { ToolRule, ToolRules } from "../../kinds/gateway-entries.ts";
import { isAnswerPath } from "../../kinds/happened-when.ts";

const KNOWN: Readonly<Record<keyof ToolRule, true>> = {
  riskTier: true,
  version: true,
  keyFields: true,
  record: true,
  serialize: true,
  dedupWindow: true,
  amount: true,
  volatile: true,
  downstreamKey: true,
  privacy: true,
  settleDelay: true,
  timeout: true,
  retry: true,
  approval: true,
  window: true,
  untilChanged: true,
  idempotencyArgument: true,
  noEffectOnError: true,
  noEffectWhen: true,
  failedWhen: true,
  probe: true,
};

/**
 * Checks rules where they are read: a misspelt field would guard less, without a word.
 *
 * @throws OnceguardError `invalid_config`
 */
export function checkToolRules(rules: unknown, where: string): ToolRules {
  if (typeof rules !== "object" || rules === null || Array.isArray(rules)) {
    throw wrong(where, "must be an object with a rule per tool");
  }
  for (const [tool, rule] of Object.entries(rules)) checkRule(rule, `${where}.${tool}`);
  return rules as ToolRules;
}

function checkRule(rule: unknown, where: string): void {
  if (typeof rule !== "object" || rule === null) throw wrong(where, "must be an object");
  const unknown = Object.keys(rule).find((key) => !Object.hasOwn(KNOWN, key));
  if (unknown !== undefined)
    throw wrong(where, `has no option "${unknown}"; there are ${Object.keys(KNOWN).join(", ")}`);
  const { riskTier, probe, keyFields } = rule as ToolRule;
  if (riskTier !== undefined && !RISK_TIERS.includes(riskTier)) {
    throw wrong(where, `has riskTier "${riskTier}"; there are ${RISK_TIERS.join(", ")}`);
  }
  if (riskTier === "safe" && (rule as ToolRule).approval) {
    throw wrong(where, "is safe and wants approval: a safe call passes without the guard. Make it side_effecting");
  }
  if ((rule as ToolRule).untilChanged && (rule as ToolRule).record === undefined) {
    throw wrong(where, "has untilChanged and no record: what is it that changes?");
  }
  if (keyFields !== undefined && (!Array.isArray(keyFields) || keyFields.length === 0)) {
    throw wrong(where, "has keyFields that is not a list of fields");
  }
  for (const option of ["noEffectWhen", "failedWhen"] as const) {
    if (!isExpression((rule as ToolRule)[option])) throw wrong(where, `has a ${option} that is no regular expression`);
  }
  if (probe !== undefined && (typeof probe.tool !== "string" || !isAnswerPath(probe.happenedWhen))) {
    throw wrong(where, 'has a probe without `tool` and `happenedWhen`, a path such as "messages[0]"');
  }
}

function isExpression(text: unknown): boolean {
  if (text === undefined) return true;
  try {
    new RegExp(text as string, "u");
    return typeof text === "string" && text !== "";
  } catch {
    return false;
  }
}

function wrong(where: string, problem: string): OnceguardError {
  return new OnceguardError("invalid_config", `${where} ${problem}.`, { where });
}

/** The rule for a tool: of several sets the first that has one. */
export function ruleFor(tool: string, sets: readonly ToolRules[]): ToolRule | null {
  for (const rules of sets) {
    if (Object.hasOwn(rules, tool)) return rules[tool] ?? null;
    const patterns = Object.keys(rules).filter((key) => key.endsWith("*") && tool.startsWith(key.slice(0, -1)));
    const [longest] = patterns.sort((a, b) => b.length - a.length);
    if (longest !== undefined) return rules[longest] ?? null;
  }
  return null;
}
