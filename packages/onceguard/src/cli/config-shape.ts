import type { OnceguardConfig } from "../config.ts";
import { durationMs } from "../core/duration.ts";
import { checkFinality } from "../core/finality.ts";
import { RULE_SHAPE } from "../core/policy.ts";
import { invalidConfig } from "./config-source.ts";

/** Every key there is: a misspelt `budgets` would otherwise limit nothing, without a word. */
const KEYS: Readonly<Record<keyof OnceguardConfig, true>> = {
  store: true,
  actions: true,
  servers: true,
  gateway: true,
  policy: true,
  rules: true,
  policyVersion: true,
  budgets: true,
  finality: true,
  notify: true,
  keys: true,
  retention: true,
  holdFor: true,
  approvalFor: true,
  spill: true,
  wait: true,
  lease: true,
};

/** What editors look for. */
const OTHERS: ReadonlySet<string> = new Set(["$schema"]);

type Check = readonly [isGood: (value: unknown) => boolean, expected: string];

const isText = (value: unknown): boolean => typeof value === "string" && value.trim() !== "";

const RETENTION: Readonly<Record<string, Check>> = {
  action: [isText, "the name of an action"],
  tenant: [isText, "a tenant"],
  after: [isSpan, 'a number with ms, s, m, h or d, such as "90d", or "never"'],
};

/** With its unit: 90 milliseconds where somebody meant 90 days would forget everything. */
function isSpan(value: unknown): boolean {
  if (value === "never") return true;
  try {
    return typeof value === "string" && durationMs(value, "after") >= 0;
  } catch {
    return false;
  }
}

/**
 * What would be passed over in silence where it is used: misspelt keys, and rules that are none.
 *
 * @throws OnceguardError `invalid_config`
 */
export function checkShape(config: object, path: string): OnceguardConfig {
  const unknown = Object.keys(config).find((key) => !Object.hasOwn(KEYS, key) && !OTHERS.has(key));
  if (unknown !== undefined) {
    throw invalidConfig(path, `"${unknown}" is no key of a config; there are ${Object.keys(KEYS).join(", ")}`);
  }
  const { rules, retention, policy, policyVersion, finality, spill } = config as Readonly<Record<string, unknown>>;
  if (rules !== undefined) checkRules(rules, path, "rules", RULE_SHAPE, ["verdict", "reason"]);
  if (retention !== undefined) checkRules(retention, path, "retention", RETENTION, ["after"]);
  if (policy !== undefined && typeof policy !== "function") {
    throw invalidConfig(path, "`policy` must be a function; without code, use `rules`");
  }
  if (policyVersion !== undefined && !isText(policyVersion)) {
    throw invalidConfig(path, '`policyVersion` must be a text, such as "2"');
  }
  if (finality !== undefined) checkedFinality(finality, path);
  if (spill !== undefined && spill !== false && !isText(spill)) {
    throw invalidConfig(path, "`spill` must be a folder, or false");
  }
  return config as OnceguardConfig;
}

function checkedFinality(finality: unknown, path: string): void {
  if (typeof finality !== "object" || finality === null) throw invalidConfig(path, "`finality` must be an object");
  try {
    checkFinality(finality);
  } catch (error) {
    throw invalidConfig(path, (error as Error).message, error);
  }
}

function checkRules(
  rules: unknown,
  path: string,
  key: string,
  shape: Readonly<Record<string, Check>>,
  needs: readonly string[],
): void {
  if (!Array.isArray(rules)) throw invalidConfig(path, `\`${key}\` must be a list`);
  for (const [n, rule] of rules.entries()) {
    const where = `${key}[${n}]`;
    if (typeof rule !== "object" || rule === null) throw invalidConfig(path, `\`${where}\` must be an object`);
    for (const needed of needs) {
      if (!(needed in rule)) throw invalidConfig(path, `\`${where}\` has no \`${needed}\``);
    }
    for (const [name, value] of Object.entries(rule)) {
      const check = Object.hasOwn(shape, name) ? shape[name] : undefined;
      if (!check) throw invalidConfig(path, `\`${where}\` has "${name}"; a rule has ${Object.keys(shape).join(", ")}`);
      if (!check[0](value)) throw invalidConfig(path, `\`${where}.${name}\` must be ${check[1]}`);
    }
  }
}
