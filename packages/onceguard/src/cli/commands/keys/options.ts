import { existsSync } from "node:fs";
import { join } from "node:path";
import { Option } from "commander";
import { UsageError } from "../../exit.ts";
import { loadConfig } from "../../load-config.ts";

export interface KeysOptions {
  readonly keys?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const DEFAULT_FILE = "onceguard.keys.json";

export function keysOption(): Option {
  return new Option("--keys <file>", `the file of keys (default: ${DEFAULT_FILE} beside the config)`).env(
    "ONCEGUARD_KEYS",
  );
}

/** Where the keys are: named, or beside the config, or in this folder. */
export async function keysPath({ keys, config }: KeysOptions): Promise<string> {
  if (keys !== undefined) return keys;
  const loaded = await loadConfig(config);
  const folder = loaded?.folder;
  // A path that reads as it was typed, where that is possible.
  return folder === undefined || folder === process.cwd() ? DEFAULT_FILE : join(folder, DEFAULT_FILE);
}

/** The file of keys to serve with; null where there is none and none was named. @throws UsageError */
export async function keysToServe(options: KeysOptions): Promise<string | null> {
  const path = await keysPath(options);
  if (existsSync(path)) return path;
  // A mistyped name would otherwise be a server that lets nobody in, or everybody.
  if (options.keys !== undefined)
    throw new UsageError(`there are no keys at ${path}: make one with onceguard keys add`);
  return null;
}
