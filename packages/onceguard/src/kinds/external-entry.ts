import type { AnyAction } from "../core/action.ts";
import { externalAction } from "../core/external-action.ts";
import { checkKeys, describedOptions, invalid } from "./described.ts";
import type { ExternalEntry } from "./entries.ts";

/**
 * An action of kind `external`: the host performs it itself, between `claim` and `complete`.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `unknown_provider`
 */
export function externalEntry(entry: ExternalEntry): AnyAction {
  checkKeys(entry, ["fields"]);
  const { fields = [] } = entry;
  if (!Array.isArray(fields) || !fields.every((one) => typeof one === "string")) {
    throw invalid(entry.name, "`fields` must be a list of names");
  }
  return externalAction(describedOptions(entry, { text: [], whole: fields }));
}
