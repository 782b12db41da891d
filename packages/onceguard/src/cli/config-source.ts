import { pathToFileURL } from "node:url";
import { OnceguardError } from "../core/errors.ts";
import { prepareConfigImports } from "./config-imports.ts";

/** @throws OnceguardError `invalid_config` saying what kept the file from being loaded. */
export async function importModule(path: string, file: string): Promise<Record<string, unknown>> {
  if (/\.[mc]?ts$/.test(file) && !process.features.typescript) {
    throw invalidConfig(
      path,
      `Node ${process.versions.node} does not run TypeScript. Use Node 22.18 or later, or write it in JavaScript`,
    );
  }
  prepareConfigImports();
  try {
    return await import(pathToFileURL(file).href);
  } catch (cause) {
    if (cause instanceof OnceguardError) throw invalidConfig(path, cause.message, cause);
    throw invalidConfig(path, cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause), cause);
  }
}

export function invalidConfig(path: string, problem: string, cause?: unknown): OnceguardError {
  return new OnceguardError(
    "invalid_config",
    `${path} cannot be used: ${problem.replace(/\.$/, "")}.`,
    { path, problem },
    cause === undefined ? {} : { cause },
  );
}

/**
 * Fills `${NAME}` from the environment, so that secrets stay out of the file.
 *
 * @throws OnceguardError `invalid_config` naming the variable that is not set.
 */
export function fromEnvironment<Value>(value: Value, path: string): Value {
  const fill = (one: unknown): unknown => {
    if (typeof one === "string") {
      return one.replace(/\$\{(\w+)\}/g, (_, name: string) => {
        const set = process.env[name];
        if (set === undefined) throw invalidConfig(path, `it uses \${${name}}, which is not set in the environment`);
        return set;
      });
    }
    if (Array.isArray(one)) return one.map(fill);
    if (typeof one !== "object" || one === null) return one;
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, fill(inner)]));
  };
  return fill(value) as Value;
}
