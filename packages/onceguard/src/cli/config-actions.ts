import { resolve } from "node:path";
import type { ActionEntry, ModuleEntry } from "../config.ts";
import type { AnyAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { HttpEntry } from "../kinds/entries.ts";
import { httpAction } from "../kinds/http-action.ts";
import { commandAction } from "./command-action.ts";
import { fromEnvironment, importModule, invalidConfig } from "./config-source.ts";

/**
 * The actions of a config: those made by `defineAction` as they are, those described by an entry made from it.
 *
 * @throws OnceguardError `invalid_config` | `invalid_action`
 */
export async function configuredActions(
  entries: readonly (AnyAction | ActionEntry)[],
  folder: string,
  path: string,
): Promise<readonly AnyAction[]> {
  if (!Array.isArray(entries)) throw invalidConfig(path, "`actions` must be a list");
  const actions: AnyAction[] = [];
  for (const entry of entries) actions.push(isAction(entry) ? entry : await actionOf(entry, folder, path));
  return actions;
}

function isAction(entry: unknown): entry is AnyAction {
  return typeof (entry as AnyAction | null)?.execute === "function";
}

async function actionOf(raw: unknown, folder: string, path: string): Promise<AnyAction> {
  const { kind, name } = (raw ?? {}) as { kind?: unknown; name?: unknown };
  if (typeof name !== "string") throw invalidConfig(path, "one of its actions has no `name`");
  const entry = fromEnvironment(raw, path) as ActionEntry;
  switch (kind) {
    case "module":
      return moduleAction(entry as ModuleEntry, folder, path);
    case "command":
      try {
        return commandAction(entry as Extract<ActionEntry, { kind: "command" }>, folder);
      } catch (cause) {
        throw cause instanceof OnceguardError ? invalidConfig(path, cause.message, cause) : cause;
      }
    case "http":
      try {
        return httpAction(entry as HttpEntry);
      } catch (cause) {
        throw cause instanceof OnceguardError ? invalidConfig(path, cause.message, cause) : cause;
      }
    case "mcp":
    case "external":
      throw invalidConfig(
        path,
        `action "${name}" is of kind "${kind}", which only \`onceguard mcp\` can carry out so far`,
      );
    default:
      throw invalidConfig(
        path,
        `action "${name}" has kind ${JSON.stringify(kind)}; "module", "command" and "http" are known, and "mcp" and "external" to the MCP server`,
      );
  }
}

async function moduleAction(entry: ModuleEntry, folder: string, path: string): Promise<AnyAction> {
  if (typeof entry.module !== "string") throw invalidConfig(path, `action "${entry.name}" names no \`module\``);
  const exported = await importModule(entry.module, resolve(folder, entry.module));
  const found = [exported.default, ...Object.values(exported)].find((one) => isAction(one) && one.name === entry.name);
  if (found) return found as AnyAction;
  throw invalidConfig(path, `${entry.module} exports no action called "${entry.name}" (made by defineAction)`);
}
