import * as nodeModule from "node:module";

/** What a config file and its actions may import of this package. */
const ENTRIES: Readonly<Record<string, string>> = {
  onceguard: "../index",
  "onceguard/memory": "../stores/memory/memory-store",
  "onceguard/sqlite": "../stores/sqlite/sqlite-store",
  "onceguard/postgres": "../stores/postgres/postgres-store",
};

let done = false;

/**
 * Lets a config import "onceguard" in a folder where it is not installed (`npx onceguard`, a global install): then the
 * Onceguard that is running answers. One that is installed there comes first.
 */
export function resolveOnceguard(): void {
  // From Node 22.15; before that, the config's folder needs onceguard among its dependencies.
  if (done || typeof nodeModule.registerHooks !== "function") return;
  done = true;
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  nodeModule.registerHooks({
    resolve: (specifier, context, nextResolve) => {
      const entry = ENTRIES[specifier];
      if (entry === undefined) return nextResolve(specifier, context);
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        if ((error as { code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw error;
        return { url: new URL(`${entry}${extension}`, import.meta.url).href, shortCircuit: true };
      }
    },
  });
}
