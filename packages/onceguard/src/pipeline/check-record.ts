import type { AnyAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";

/**
 * A record that the caller names is a check, and never an instruction: which record an action touches, the action says.
 *
 * @throws OnceguardError `invalid_context`
 */
export async function checkRecord(
  definition: AnyAction | undefined,
  given: { readonly payload?: unknown; readonly record_id?: string },
): Promise<void> {
  if (given.record_id === undefined || definition === undefined) return;
  const touched = await recordOf(definition, given.payload ?? {});
  if (touched === undefined || touched === given.record_id) return;
  throw new OnceguardError(
    "invalid_context",
    touched === null
      ? `Action "${definition.name}" names no record, so record_id says nothing. Leave it out.`
      : `This payload is about record "${touched}", and record_id says "${given.record_id}". Correct the payload, or leave record_id out.`,
    { what: "record_id" },
  );
}

/** Undefined when the payload does not fit, which the guard itself will say better. */
async function recordOf(definition: AnyAction, payload: unknown): Promise<string | null | undefined> {
  if (definition.record === null) return null;
  const checked = definition.input ? await definition.input["~standard"].validate(payload) : { value: payload };
  if (checked.issues) return undefined;
  try {
    return String(definition.record(checked.value));
  } catch {
    return undefined;
  }
}
