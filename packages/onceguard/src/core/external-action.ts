import { type ActionDefinition, type ActionOptions, type AnyAction, defineAction } from "./action.ts";
import { effectError } from "./failure.ts";
import type { JsonValue } from "./json.ts";

/** What an effect can say of itself that somebody else performs: everything but how it is done. */
export type ExternalOptions = Omit<
  ActionOptions<string, unknown, JsonValue, unknown>,
  "execute" | "before" | "expect" | "after" | "compensate" | "transaction" | "preciseDispatch"
>;

/**
 * An action whose effect is performed outside, by whoever claims it: claim, do it, complete. It must not be among a guard's
 * own actions, since a sweeper would then try to execute it.
 *
 * @throws OnceguardError `invalid_action` | `schema_required` | `invalid_option`
 */
export function externalAction(options: ExternalOptions): ActionDefinition<string, unknown, JsonValue, unknown> {
  const definition = defineAction<string, unknown, unknown, JsonValue>({ ...options, execute: notHere });
  external.add(definition);
  return definition;
}

export function isExternal(definition: AnyAction): boolean {
  return external.has(definition);
}

const external = new WeakSet<AnyAction>();

function notHere(): never {
  throw effectError({
    certainty: "definite",
    tier: null,
    code: "performed_outside",
    message: "This effect is performed by whoever claims it, never by the guard; nothing was sent.",
  });
}
