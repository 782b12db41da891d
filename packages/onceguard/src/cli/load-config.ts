import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import type { OnceguardConfig } from "../config.ts";
import type { AnyAction } from "../core/action.ts";
import { Upstreams } from "../kinds/upstreams.ts";
import type { GuardOptions } from "../pipeline/guard.ts";
import { configuredActions, externalActions } from "./config-actions.ts";
import { configuredKeys } from "./config-keys.ts";
import { configuredNotifiers } from "./config-notify.ts";
import { checkShape } from "./config-shape.ts";
import { fromEnvironment, importModule, invalidConfig } from "./config-source.ts";

const NAMES = ["onceguard.config.ts", "onceguard.config.js", "onceguard.config.json"];

export interface LoadedConfig {
  readonly path: string;
  /** What its relative paths are relative to. */
  readonly folder: string;
  readonly config: OnceguardConfig;
  /** Made when asked for: looking at receipts must not need the secrets of an action. */
  actions(): Promise<readonly AnyAction[]>;
  /** What the host performs itself: never handed to a guard, which would execute it. */
  external(): readonly AnyAction[];
  /** Ends the servers that its actions have started. */
  close(): Promise<void>;
  /** What it says to a guard besides its store and its actions. Made when asked for, likewise. */
  guardOptions(): ConfiguredOptions;
}

type ConfiguredOptions = Omit<GuardOptions, "store" | "actions">;

/**
 * The config file that was named, or the one in this folder, or null.
 *
 * @throws OnceguardError `invalid_config`
 */
export async function loadConfig(named: string | undefined): Promise<LoadedConfig | null> {
  const path = named ?? NAMES.find((name) => existsSync(name));
  if (path === undefined) return null;
  if (!existsSync(path)) throw invalidConfig(path, "it does not exist");
  const file = resolve(path);
  const config = extname(file) === ".json" ? readJson(path, file) : await importConfig(path, file);
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw invalidConfig(path, "it must hold (or `export default`) an object with `store` and `actions`");
  }
  const folder = dirname(file);
  const checked = checkShape(config, path);
  const entries = checked.actions ?? [];
  // Their secrets are looked at when one of them is needed, and they are started then.
  const upstreams = new Upstreams(() => fromEnvironment(checked.servers ?? {}, path), folder);
  return {
    path,
    folder,
    config: checked,
    actions: () => configuredActions(entries, { folder, path, upstreams }),
    external: () => externalActions(entries, { path }),
    close: () => upstreams.close(),
    guardOptions: () => guardOptions(checked, folder, path),
  };
}

function guardOptions(config: OnceguardConfig, folder: string, path: string): ConfiguredOptions {
  const {
    store: _store,
    actions: _actions,
    notify: _notify,
    keys: _keys,
    retention: _retention,
    spill,
    ...options
  } = config;
  const { servers: _servers, gateway: _gateway, $schema: _schema, ...rest } = options as Record<string, unknown>;
  const notify = configuredNotifiers(config, folder, path);
  const keys = configuredKeys(config, folder, path);
  return {
    ...(rest as ConfiguredOptions),
    ...(notify && { notify }),
    ...(keys && { keys }),
    ...(spill !== undefined && { spill: spill === false ? false : resolve(folder, spill) }),
  };
}

function readJson(path: string, file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw invalidConfig(path, `it is not JSON: ${(cause as Error).message}`, cause);
  }
}

async function importConfig(path: string, file: string): Promise<unknown> {
  const module = await importModule(path, file);
  if (module.default === undefined) throw invalidConfig(path, "it has no default export");
  return module.default;
}
