import { type AnyAction, capabilityOf, promiseOf } from "../../../core/action.ts";
import { createGuard } from "../../../pipeline/create-guard.ts";
import { memoryStore } from "../../../stores/memory/memory-store.ts";
import type { LoadedConfig } from "../../load-config.ts";
import { count } from "../../output.ts";
import { type Check, checksOf, ok, problem, warning } from "./check.ts";
import { checkPeers } from "./check-peers.ts";

export function checkNode(): Check {
  const version = process.versions.node;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 13)) {
    return problem("node", `Node ${version}`, "Onceguard needs Node 22.13 or later.", "Install Node 24.");
  }
  if (process.features.typescript) return ok("node", `Node ${version}`);
  return warning(
    "node",
    `Node ${version} runs no TypeScript`,
    "onceguard.config.ts and actions in .ts files cannot be loaded.",
    "Use Node 22.18 or later, or write onceguard.config.js.",
  );
}

/** What the config says, as a guard would take it; null while it cannot be taken. */
export interface Setup {
  readonly actions: readonly AnyAction[];
  readonly options: ReturnType<LoadedConfig["guardOptions"]>;
}

/** The config and its actions, each with the promise it can keep. */
export async function checkConfig(config: LoadedConfig | null, checks: Check[]): Promise<Setup | null> {
  if (!config) {
    checks.push(ok("config", "none in this folder; `onceguard init` makes one"));
    return null;
  }
  const setup = await checksOf(checks, "config", NO_GUARD, async () => {
    const setup = { actions: await config.actions(), options: config.guardOptions() };
    await tryOut(setup);
    return setup;
  });
  if (!setup) return null;
  checks.push(ok("config", `${config.path}: ${count(setup.actions.length, "action")}`));
  for (const action of setup.actions) {
    const found = `${action.name}: ${action.riskTier}; ${promiseOf(action.riskTier, capabilityOf(action))}`;
    const isWeak = action.riskTier === "irreversible" && capabilityOf(action) === "none";
    checks.push(
      isWeak ? warning("action", found, A_PERSON, "Give it a probe, or a downstreamKey.") : ok("action", found),
    );
  }
  checks.push(...checkPeers(config));
  return setup;
}

const NO_GUARD = "Nothing can be guarded by it: whatever uses it stops with this error.";
const A_PERSON = "After a crash, a person has to find out whether it happened.";

/** What only a guard looks at: limits, rules, notifiers, names that are there twice. Over a store that nobody sees. */
async function tryOut({ actions, options }: Setup): Promise<void> {
  const guard = createGuard({ ...options, store: memoryStore(), actions, sweepEvery: false, spill: false });
  await guard.close();
}
