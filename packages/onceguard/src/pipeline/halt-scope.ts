import { OnceguardError } from "../core/errors.ts";
import { HALT_SCOPES, type Halt, type HaltScope } from "../core/halt.ts";
import { problemWithName } from "../core/request-id.ts";
import { requireReason } from "./decide.ts";
import type { By } from "./guard.ts";
import { DEFAULT_TENANT } from "./identify.ts";
import { persist } from "./persist.ts";
import type { Runtime } from "./runtime.ts";

/**
 * A person stops a run, an action or a tenant. In force with the commit: every claim and every dispatch after it is
 * refused, in every process.
 *
 * @throws OnceguardError `missing_reason` | `invalid_context`
 */
export async function haltScope(runtime: Runtime, scope: HaltScope, id: string, by: By): Promise<Halt> {
  const { actor, reason } = by;
  const tenant = tenantOf(scope, id, by);
  check(scope, id, by);
  return persist(runtime, runtime.storeTimeoutMs, () => runtime.store.halt({ tenant, scope, id, actor, reason }));
}

/** @throws OnceguardError `missing_reason` | `invalid_context` | `not_resolvable` when nothing of the kind is halted */
export async function resumeScope(runtime: Runtime, scope: HaltScope, id: string, by: By): Promise<Halt> {
  const tenant = tenantOf(scope, id, by);
  check(scope, id, by);
  const resumed = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.resume(tenant, scope, id, by));
  if (resumed) return resumed;
  throw new OnceguardError("not_resolvable", `The ${scope} "${id}" is not halted.`, { scope, id, tenant });
}

/** A tenant's halt is its own, whoever orders it. */
function tenantOf(scope: HaltScope, id: string, by: By): string {
  return scope === "tenant" ? id : (by.tenant ?? DEFAULT_TENANT);
}

function check(scope: HaltScope, id: string, by: By): void {
  requireReason(by.actor, by.reason);
  const problem = HALT_SCOPES.includes(scope) ? problemWithName(id) : "of no known scope: run, action or tenant";
  if (problem === null) return;
  const message = `A halt is of a run, an action or a tenant, by its name; "${scope}" "${id}" is ${problem}.`;
  throw new OnceguardError("invalid_context", message, { what: scope, id, problem });
}
