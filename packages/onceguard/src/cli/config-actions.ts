import { resolve } from "node:path";
import type { ActionEntry, CommandEntry, ModuleEntry } from "../config.ts";
import type { AnyAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { ExternalEntry, HttpEntry, McpEntry } from "../kinds/entries.ts";
import { externalEntry } from "../kinds/external-entry.ts";
import { httpAction } from "../kinds/http-action.ts";
import { mcpAction } from "../kinds/mcp-action.ts";
import type { Upstreams } from "../kinds/upstreams.ts";
import { commandAction } from "./command-action.ts";
import { fromEnvironment, importModule, invalidConfig } from "./config-source.ts";

/**
 * The actions of a config: those made by `defineAction` as they are, those described by an entry made from it. What the
 * host performs itself (kind `external`) is none that a guard could execute.
 *
 * @throws OnceguardError `invalid_config` | `invalid_action`
 */
export async function configuredActions(
  entries: readonly (AnyAction | ActionEntry)[],
  { folder, path, upstreams }: ConfigPlace,
): Promise<readonly AnyAction[]> {
  if (!Array.isArray(entries)) throw invalidConfig(path, "`actions` must be a list");
  const actions: AnyAction[] = [];
  for (const entry of entries) {
    if (isAction(entry)) actions.push(entry);
    else if (!isExternal(entry)) actions.push(await actionOf(entry, { folder, path, upstreams }));
  }
  return actions;
}

/** The effects that a host performs itself, between `claim` and `complete`. */
export function externalActions(
  entries: readonly (AnyAction | ActionEntry)[],
  { path }: Pick<ConfigPlace, "path">,
): readonly AnyAction[] {
  if (!Array.isArray(entries)) throw invalidConfig(path, "`actions` must be a list");
  return entries
    .filter(isExternal)
    .map((entry) => made(path, () => externalEntry(fromEnvironment(entry, path) as ExternalEntry)));
}

/** Where a config is, and the servers that it names. */
export interface ConfigPlace {
  readonly folder: string;
  readonly path: string;
  readonly upstreams: Upstreams;
}

function isExternal(entry: unknown): boolean {
  return (entry as { kind?: unknown } | null)?.kind === "external";
}

function isAction(entry: unknown): entry is AnyAction {
  return typeof (entry as AnyAction | null)?.execute === "function";
}

async function actionOf(raw: unknown, { folder, path, upstreams }: ConfigPlace): Promise<AnyAction> {
  const { kind, name } = (raw ?? {}) as { kind?: unknown; name?: unknown };
  if (typeof name !== "string") throw invalidConfig(path, "one of its actions has no `name`");
  const entry = fromEnvironment(raw, path) as ActionEntry;
  switch (kind) {
    case "module":
      return moduleAction(entry as ModuleEntry, folder, path);
    case "command":
      return made(path, () => commandAction(entry as CommandEntry, folder));
    case "http":
      return made(path, () => httpAction(entry as HttpEntry));
    case "mcp":
      return made(path, () => mcpAction(entry as McpEntry, upstreams));
    default:
      throw invalidConfig(
        path,
        `action "${name}" has kind ${JSON.stringify(kind)}; there are "module", "command", "http", "mcp" and "external"`,
      );
  }
}

function made(path: string, make: () => AnyAction): AnyAction {
  try {
    return make();
  } catch (cause) {
    throw cause instanceof OnceguardError ? invalidConfig(path, cause.message, cause) : cause;
  }
}

async function moduleAction(entry: ModuleEntry, folder: string, path: string): Promise<AnyAction> {
  if (typeof entry.module !== "string") throw invalidConfig(path, `action "${entry.name}" names no \`module\``);
  const exported = await importModule(entry.module, resolve(folder, entry.module));
  const found = [exported.default, ...Object.values(exported)].find((one) => isAction(one) && one.name === entry.name);
  if (found) return found as AnyAction;
  throw invalidConfig(path, `${entry.module} exports no action called "${entry.name}" (made by defineAction)`);
}
