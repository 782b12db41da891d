import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LoadedConfig } from "../../load-config.ts";
import { type Check, problem } from "./check.ts";

/** Packages that Onceguard leaves to whoever needs them, and what of this config needs them. */
export function checkPeers({ config, folder, path }: LoadedConfig): Check[] {
  const entries = Array.isArray(config.actions) ? config.actions : [];
  const usesMcp =
    Object.keys(config.servers ?? {}).length > 0 ||
    entries.some((one) => (one as { kind?: unknown } | null)?.kind === "mcp");
  const isServed = existsSync(join(folder, "onceguard.keys.json"));
  return [
    ...(usesMcp ? missing(["@modelcontextprotocol/client"], `the MCP servers of ${path}`) : []),
    ...(isServed ? missing(["hono", "@hono/node-server"], "onceguard serve, for which there are keys here") : []),
  ];
}

function missing(packages: readonly string[], neededBy: string): Check[] {
  const absent = packages.filter((name) => !isInstalled(name));
  if (absent.length === 0) return [];
  const names = absent.join(" ");
  return [problem("package", `${names} is not installed`, `It is needed by ${neededBy}.`, `npm install ${names}`)];
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
