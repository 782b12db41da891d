import { resolve } from "node:path";
import type { OnceguardConfig } from "../config.ts";
import { OnceguardError } from "../core/errors.ts";
import type { KeyRing } from "../core/key-ring.ts";
import { keyFolder } from "../privacy/key-folder.ts";
import { fromEnvironment, invalidConfig } from "./config-source.ts";

/**
 * The key ring of a config: one made in code as it is, a folder made from its entry.
 *
 * @throws OnceguardError `invalid_config`, which does not repeat the key
 */
export function configuredKeys({ keys }: OnceguardConfig, folder: string, path: string): KeyRing | undefined {
  if (keys === undefined) return undefined;
  if (typeof keys !== "object" || keys === null) throw invalidConfig(path, "`keys` must have a folder and a masterKey");
  if ("current" in keys) return keys;
  const { folder: place, masterKey, ...unknown } = fromEnvironment(keys, path);
  const [misspelt] = Object.keys(unknown);
  if (misspelt !== undefined) throw invalidConfig(path, `\`keys\` takes folder and masterKey, and not "${misspelt}"`);
  if (typeof place !== "string" || place === "") throw invalidConfig(path, "`keys.folder` must be a path");
  try {
    return keyFolder({ path: resolve(folder, place), masterKey });
  } catch (cause) {
    throw cause instanceof OnceguardError ? invalidConfig(path, `in \`keys\`: ${cause.message}`, cause) : cause;
  }
}
