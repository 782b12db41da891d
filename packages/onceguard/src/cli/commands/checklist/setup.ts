import { relative } from "node:path";
import { checkBudgets } from "../../../core/budget.ts";
import type { ChecklistSetup } from "../../../core/checklist.ts";
import type { Route } from "../../../core/failure.ts";
import type { Notifier } from "../../../core/notification.ts";
import type { LoadedConfig } from "../../load-config.ts";
import type { StoreTarget } from "../../open-store.ts";
import { spillOf } from "../../session.ts";

/** What the configuration says about all actions; nothing is opened for it. */
export function setupOf(target: StoreTarget, config: LoadedConfig | null): ChecklistSetup {
  const { budgets = {}, notify = {}, spill = spillOf(target, config).spill ?? null } = config?.guardOptions() ?? {};
  const notified = Object.fromEntries(
    (Object.entries(notify) as [Route, Notifier | readonly Notifier[]][]).map(([route, given]) => [
      route,
      [given].flat().map(({ name }) => name),
    ]),
  );
  return {
    store: storeOf(target),
    notified,
    budgets: checkBudgets(budgets),
    spill: spill === false || spill === null ? null : fromHere(spill),
  };
}

function fromHere(folder: string): string {
  const path = relative(process.cwd(), folder);
  return path === "" || path.startsWith("..") ? folder : path;
}

function storeOf(target: StoreTarget): ChecklistSetup["store"] {
  switch (target.kind) {
    case "sqlite":
      return { name: `sqlite:${target.path}`, durable: true, log: "table onceguard_log" };
    case "postgres": {
      const { host, pathname } = new URL(target.url); // no user, no password
      return { name: `postgres://${host}${pathname}`, durable: true, log: "table onceguard.log" };
    }
    case "own": {
      const { name, durable } = target.store;
      return { name, durable, log: "its log" };
    }
  }
}
