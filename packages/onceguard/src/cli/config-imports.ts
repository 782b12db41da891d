import * as nodeModule from "node:module";

/** What a config file and its actions may import of this package. */
const ENTRIES: Readonly<Record<string, string>> = {
  onceguard: "../index",
  "onceguard/memory": "../stores/memory/memory-store",
  "onceguard/sqlite": "../stores/sqlite/sqlite-store",
  "onceguard/postgres": "../stores/postgres/postgres-store",
  "onceguard/notify": "../notify/index",
  "onceguard/providers": "../providers",
  "onceguard/failures": "../failures",
  "onceguard/store": "../store",
  "onceguard/mcp": "../mcp/index",
};

let done = false;

/**
 * Makes the imports of a config file work as its author expects, in whatever folder it lies:
 *
 * - "onceguard" where it is not installed (`npx onceguard`, a global install) is the Onceguard that is running. One that
 *   is installed there comes first.
 * - TypeScript is modules, also under `"type": "commonjs"`, which `npm init` writes into every new package.json.
 */
export function prepareConfigImports(): void {
  // From Node 22.15; before that, the config's folder needs onceguard among its dependencies and `"type": "module"`.
  if (done || typeof nodeModule.registerHooks !== "function") return;
  done = true;
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  nodeModule.registerHooks({
    resolve: (specifier, context, nextResolve) => {
      const entry = ENTRIES[specifier];
      try {
        const resolved = nextResolve(specifier, context);
        return isOwnTypeScript(resolved.url) ? { ...resolved, format: "module-typescript" } : resolved;
      } catch (error) {
        if (entry === undefined || (error as { code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw error;
        return { url: new URL(`${entry}${extension}`, import.meta.url).href, shortCircuit: true };
      }
    },
  });
}

function isOwnTypeScript(url: string): boolean {
  return url.startsWith("file:") && url.endsWith(".ts") && !url.includes("/node_modules/");
}
