import { capabilityOf, promiseOf } from "../../../core/action.ts";
import type { LoadedConfig } from "../../load-config.ts";
import { count } from "../../output.ts";
import { type Check, checksOf, ok, problem, warning } from "./check.ts";

export function checkNode(): Check {
  const version = process.versions.node;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 13)) {
    return problem("node", `Node ${version}`, "Onceguard needs Node 22.13 or later; 24 is best.");
  }
  if (process.features.typescript) return ok("node", `Node ${version}`);
  return warning(
    "node",
    `Node ${version} runs no TypeScript config`,
    "Use Node 22.18 or later, or write onceguard.config.js.",
  );
}

/** The config and its actions, each with the promise it can keep. */
export async function checkConfig(config: LoadedConfig | null): Promise<Check[]> {
  if (!config) return [ok("config", "none in this folder; `onceguard init` makes one")];
  const checks: Check[] = [];
  const actions = await checksOf(checks, "config", () => config.actions());
  if (!actions) return checks;
  checks.push(ok("config", `${config.path}: ${count(actions.length, "action")}`));
  for (const action of actions) {
    const capability = capabilityOf(action);
    const found = `${action.name}: ${action.riskTier}; ${promiseOf(action.riskTier, capability)}`;
    const weak = action.riskTier === "irreversible" && capability === "none";
    checks.push(
      weak
        ? warning("action", found, "A probe or a downstreamKey would let a crash be settled without a person.")
        : ok("action", found),
    );
  }
  return checks;
}
