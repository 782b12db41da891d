import type { Duration } from "../../core/duration.ts";
import { OnceguardError } from "../../core/errors.ts";
import type { JsonValue } from "../../core/json.ts";
import { RISK_TIERS } from "../../core/policy.ts";
import type { DescribedEntry } from "../../kinds/entries.ts";
import { isAnswerPath } from "../../kinds/happened-when.ts";

/** What the operator says of one tool of an upstream server. */
export interface ToolRule extends Omit<DescribedEntry, "name"> {
  /** A person must approve each call; a text says why they are asked. Default false. */
  readonly approval?: boolean | string;
  /**
   * How long a call with the same arguments counts as the same intent, where nothing better names it. Default 24 h.
   */
  readonly window?: Duration;
  /** The argument that carries the guard's idempotency key to the server. */
  readonly idempotencyArgument?: string;
  /** This tool's error results certainly mean that nothing was done. Default false: an error leaves the question open. */
  readonly noEffectOnError?: boolean;
  /** Asks another tool of the same server whether it happened. */
  readonly probe?: {
    readonly tool: string;
    /** Default: the arguments of the call. `{field}` is filled from them. */
    readonly arguments?: JsonValue;
    /** It happened when there is something at this path of the structured result, or of the JSON in the text result. */
    readonly happenedWhen: string;
  };
}

/** Rules by tool name; a name may end in `*`. The exact name wins, then the longest beginning. */
export type ToolRules = Readonly<Record<string, ToolRule>>;

/** `gateway` in a config file. */
export interface GatewayConfig {
  /** The servers, by the name that the operator gives them, whose tool annotations are believed. */
  readonly trusted?: readonly string[];
  /** Rules for tools, whatever the server. */
  readonly tools?: ToolRules;
  /** Rules for the tools of one server, by its name. They go before `tools`. */
  readonly servers?: Readonly<Record<string, { readonly tools: ToolRules }>>;
}

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
  settleDelay: true,
  timeout: true,
  retry: true,
  approval: true,
  window: true,
  idempotencyArgument: true,
  noEffectOnError: true,
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
  if (keyFields !== undefined && (!Array.isArray(keyFields) || keyFields.length === 0)) {
    throw wrong(where, "has keyFields that is not a list of fields");
  }
  if (probe !== undefined && (typeof probe.tool !== "string" || !isAnswerPath(probe.happenedWhen))) {
    throw wrong(where, 'has a probe without `tool` and `happenedWhen`, a path such as "messages[0]"');
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
